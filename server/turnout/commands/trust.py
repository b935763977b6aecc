"""`turnout trust`: say which workspaces may set endpoints, commands and models."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from turnout.paths import WORKSPACE_SETTINGS

if TYPE_CHECKING:
    from turnout.core.models import Model
    from turnout.settings.approvals import Binding


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register `trust`."""
    parser = subparsers.add_parser(
        "trust",
        help="let a workspace's settings set endpoints, commands and models",
        description="Trust a folder: everything in its .turnout.toml applies, now and after every change of the "
        "file, but for keys and jurisdictions: a new pair of either and a server waits until you run this again. "
        "Only trust folders whose authors you would let run programs on this machine.",
    )
    parser.add_argument(
        "path", nargs="?", type=Path, default=Path(), metavar="PATH", help="default: this folder"
    )
    action = parser.add_mutually_exclusive_group()
    action.add_argument("--remove", action="store_true", help="take trust back")
    action.add_argument("--list", action="store_true", help="print the trusted folders")
    parser.add_argument("--yes", action="store_true", help="ask nothing on a terminal")
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
    return _give(args.path, ask=not args.yes and sys.stdin.isatty())


def _give(path: Path, *, ask: bool) -> int:
    """Show what trust is about, ask where somebody is there to answer, and give it."""
    from turnout.settings import approvals, trust

    folder = trust.folder_of(path)
    bindings, told = _named(folder)
    for line in told:
        print("".join(c if c.isprintable() else "?" for c in line))
    if ask and told and input("Trust this folder? [y/N] ").strip().lower() not in ("y", "yes"):
        print("Nothing was changed.")
        return 1
    trust.trust(folder)
    approvals.approve_all(folder, bindings)
    print(f"{folder} is trusted; `turnout trust --remove` takes it back")
    return 0


def _named(folder: Path) -> "tuple[frozenset[Binding], list[str]]":
    """What the folder's settings bind together now; and in words each server, and each command, that they name."""
    from turnout.settings import approvals, load

    bindings: frozenset[Binding] = frozenset()

    def see(found: "frozenset[Binding]") -> "frozenset[Binding]":
        nonlocal bindings
        bindings = found
        return found

    loaded = load(folder, None, trusted=True, approve=see)
    own = f"{folder / WORKSPACE_SETTINGS}:"
    told = [
        _server(model)
        for model in loaded.policy.models
        if loaded.source(f"models.{model.name}.base_url").startswith(own)
    ]
    if loaded.source("routes.refactor.checks").startswith(own):
        told += [f"refactors may run: {command}" for command in loaded.settings.routes.refactor.checks]
    return bindings, [*told, *map(approvals.in_words, sorted(bindings))]


def _server(model: "Model") -> str:
    place = f"jurisdiction {model.jurisdiction}" if model.jurisdiction else "jurisdiction not known"
    key = f"key {model.key}" if model.key else "no key"
    away = "leaves this machine" if model.leaves_machine else "counts as this machine"
    return f"models.{model.name} is at {model.base_url}: {place}, {key}, {away}"
