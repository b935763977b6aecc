"""`turnout worker`: run a model process by hand, as servers do on demand."""

import argparse
from typing import Any


def add_parser(subparsers: Any) -> None:
    """Add the command; its arguments are the worker's own."""
    from turnout.worker.process import add_arguments

    parser = subparsers.add_parser(
        "worker", help="run the model process that editors share", description=__doc__
    )
    add_arguments(parser)
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    from turnout.worker.process import run

    return run(args)
