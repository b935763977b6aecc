"""`turnout trust`: say which workspaces may set endpoints, commands and models."""

import argparse
from pathlib import Path


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register `trust`."""
    parser = subparsers.add_parser(
        "trust",
        help="let a workspace's settings set endpoints, commands and models",
        description="Trust a folder: everything in its .turnout.toml applies, now and after every change of the "
        "file. Only trust folders whose authors you would let run programs on this machine.",
    )
    parser.add_argument(
        "path", nargs="?", type=Path, default=Path(), metavar="PATH", help="default: this folder"
    )
    action = parser.add_mutually_exclusive_group()
    action.add_argument("--remove", action="store_true", help="take trust back")
    action.add_argument("--list", action="store_true", help="print the trusted folders")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Trust, distrust or list."""
    from turnout.settings import trust

    if args.list:
        for folder in trust.trusted_workspaces():
            print(folder)
        return 0
    if args.remove:
        found = trust.distrust(args.path)
        print(f"{args.path.resolve()} is {'no longer' if found else 'not'} trusted")
        return 0 if found else 1
    print(f"{trust.trust(args.path)} is trusted; `turnout trust --remove` takes it back")
    return 0
