"""`turnout demo`: the main job on a sample project, the way an editor does it."""

import argparse


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register `demo`."""
    parser = subparsers.add_parser(
        "demo", help="show a completion and a refactor on a sample project", description=__doc__
    )
    parser.set_defaults(run=run)


def run(_args: argparse.Namespace) -> int:
    """Show everything; returns the exit status."""
    from turnout.demo import show

    return show.run()
