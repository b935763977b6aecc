"""`turnout undo`: takes back the last refactor that was applied in a folder, from the command line or an editor."""

import argparse
import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from turnout.act.transactions import Outcome, Proposals
    from turnout.journal import DiskWorkspace


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register `undo`."""
    parser = subparsers.add_parser(
        "undo",
        help="take back the last refactor in a folder",
        description="Takes back the last refactor that was applied in a folder, all of it or nothing. It is refused "
        "where the same lines were edited since.",
    )
    parser.add_argument(
        "path", nargs="?", type=Path, metavar="FOLDER", help="workspace (default: around this folder)"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Undo; the exit status is 1 where there is nothing to take back, or it is refused."""
    from turnout.settings.workspace import find_workspace

    root = (args.path or find_workspace(Path())).absolute()
    outcome, label = asyncio.run(_undo(root))
    for text in conflicts(outcome):
        print(text, file=sys.stderr)
    if outcome.done:
        print(f"undone: {label}")
    return 0 if outcome.done else 1


def conflicts(outcome: "Outcome") -> list[str]:
    """Why something was not applied or undone, place by place."""
    found = []
    for conflict in outcome.conflicts:
        line = "" if conflict.line is None else f":{conflict.line + 1}"
        found.append(f"{conflict.uri}{line}: {conflict.message}".removeprefix(": "))
    return found


def journalled() -> "Proposals":
    """The proposals that editors and commands of this user share."""
    from turnout import paths
    from turnout.act.transactions import Proposals
    from turnout.journal import Journal

    return Proposals(Journal(paths.state_dir() / "journal"))


async def recovered(proposals: "Proposals", workspace: "DiskWorkspace") -> str:
    """The name of the folder in the journal, once what a crash left in the middle there is put right, and said."""
    from turnout.act.transactions import real_root

    root = real_root(workspace.folder.root)
    for text in await proposals.recover(workspace, root):
        if text:
            print(text, file=sys.stderr)
    return root


async def _undo(folder: Path) -> "tuple[Outcome, str]":
    from turnout.files import Folder
    from turnout.journal import DiskWorkspace

    proposals, workspace = journalled(), DiskWorkspace(Folder(folder))
    root = await recovered(proposals, workspace)
    proposal_id = proposals.last_applied((root,))
    outcome = await proposals.undo(workspace, proposal_id)
    return outcome, proposals.find(proposal_id).label if outcome.done else ""
