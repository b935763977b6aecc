"""`turnout trust`: say which workspaces may set endpoints, commands and models."""

import argparse
from pathlib import Path


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register `trust`."""
    parser = subparsers.add_parser(
        "trust",
        help="let a workspace's settings set endpoints, commands and models",
        description="Trust a folder: everything in its .turnout.toml applies, now and after every change of the "
        "file, but for keys: a new pair of key and server waits until you run this again. "
        "Only trust folders whose authors you would let run programs on this machine.",
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
    from turnout.settings import approvals, trust

    if args.list:
        for folder in trust.trusted_workspaces():
            print(folder)
        return 0
    if args.remove:
        found = trust.distrust(args.path)
        approvals.forget(args.path)
        print(f"{args.path.resolve()} is {'no longer' if found else 'not'} trusted")
        return 0 if found else 1
    folder = trust.trust(args.path)
    for key, server in _approve(folder):
        print(f"{key} may be sent to {server}")
    print(f"{folder} is trusted; `turnout trust --remove` takes it back")
    return 0


def _approve(folder: Path) -> list[tuple[str, str]]:
    """Approve what the folder's settings bind together now: keys, and the servers that they are sent to."""
    from turnout.settings import approvals, load

    bindings: frozenset[tuple[str, str]] = frozenset()

    def see(found: frozenset[tuple[str, str]]) -> frozenset[tuple[str, str]]:
        nonlocal bindings
        bindings = found
        return found

    load(folder, None, trusted=True, approve=see)
    approvals.approve_all(folder, bindings)
    return sorted(bindings)
