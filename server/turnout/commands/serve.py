"""`turnout serve`: the language server that editors start."""

import gc
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register `serve`."""
    parser = subparsers.add_parser("serve", help="run the language server", description=__doc__)
    parser.add_argument("--stdio", action="store_true", help="speak over stdin and stdout (the default)")
    parser.set_defaults(run=run)


def run(_args: "argparse.Namespace | None" = None) -> int:
    """Serve until the editor leaves."""
    # Off while the protocol's thousand classes are made, or the collector would walk them again and again.
    # The server turns it on when all is imported.
    gc.disable()
    from turnout.app import serve

    return serve()
