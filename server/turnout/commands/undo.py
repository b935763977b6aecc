"""`turnout undo`: takes back the last refactor that was applied in a folder, from the command line or an editor."""

import argparse
import json
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from turnout.errors import TurnoutError

if TYPE_CHECKING:
    from turnout.act.applying.transactions import Outcome, Proposals
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
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Undo; the exit status is 1 where there is nothing to take back, or it is refused."""
    from turnout.commands.ending import carried_out, failing_in_json, run_to_end

    async def work() -> int:
        return await carried_out(_run(args), lambda text: print(text, file=sys.stderr, flush=True))

    return failing_in_json(lambda: run_to_end(work()), {"undone": False}) if args.json else run_to_end(work())


async def _run(args: argparse.Namespace) -> int:
    from turnout.commands.named import workspace_root
    from turnout.files import Folder
    from turnout.journal import DiskWorkspace

    workspace = DiskWorkspace(Folder(workspace_root(args.path)))
    proposals = journalled()
    here = await recovered(proposals, workspace)
    proposal_id = proposals.last_applied(_reached(proposals, here))
    label, root = proposals.label(proposal_id), proposals.root(proposal_id)
    if root != here:
        workspace = DiskWorkspace(Folder(Path(root)))
    named = label if root == here else f"{label} (in {root})"
    try:
        outcome = await proposals.undo(workspace, proposal_id)
    except TurnoutError:
        print(f"not undone: {named}", file=sys.stderr)
        raise
    found = conflicts(outcome, workspace)
    for line in () if outcome.done else (*map(in_words, found), f"not undone: {named}"):
        print(line, file=sys.stderr)
    if args.json:
        print(
            json.dumps({"undone": outcome.done, "label": label, "folder": root, "conflicts": found}, indent=2)
        )
    elif outcome.done:
        print(f"undone: {named}")
    return 0 if outcome.done else 1


def conflicts(outcome: "Outcome", workspace: "DiskWorkspace") -> list[dict[str, Any]]:
    """Why something was not applied or undone: `path` in the workspace and `line` (from 1) where known, `message`."""
    return [
        {
            "path": _path(conflict.uri, workspace),
            "line": None if conflict.line is None else conflict.line + 1,
            "message": conflict.message,
        }
        for conflict in outcome.conflicts
    ]


def in_words(conflict: dict[str, Any]) -> str:
    """One of `conflicts`, as a compiler words it."""
    place = ":".join(str(part) for part in (conflict["path"], conflict["line"]) if part is not None)
    return ": ".join(filter(None, (place, conflict["message"])))


def _path(uri: str, workspace: "DiskWorkspace") -> str | None:
    """The path of a place that is named by its URI, in the workspace where it is there; None for none."""
    from turnout.errors import PathRefused
    from turnout.files import uri_to_path

    try:
        return workspace.path(uri) if uri else None
    except PathRefused:  # a link is in its place by now
        return str(uri_to_path(uri))


def journalled() -> "Proposals":
    """The proposals that editors and commands of this user share."""
    from turnout import paths
    from turnout.act.applying.transactions import Proposals
    from turnout.journal import Journal

    return Proposals(Journal(paths.state_dir() / "journal"))


def way_back(root: Path) -> str:
    """What takes back, from the current folder, what was applied in the workspace `root` last."""
    from turnout.act.applying.transactions import real_root
    from turnout.commands.named import workspace_root
    from turnout.paths import lies_in_workspace

    here, there = real_root(workspace_root(None)), real_root(root)
    is_found = here == there or lies_in_workspace(there, here)
    return "turnout undo" if is_found else f"turnout undo {shlex.quote(str(root))}"


def _reached(proposals: "Proposals", here: str) -> tuple[str, ...]:
    """A workspace, and the folders in it that were workspaces for a command or an editor."""
    from turnout.paths import lies_in_workspace

    return (here, *(root for root in proposals.roots() if lies_in_workspace(root, here)))


async def recovered(proposals: "Proposals", workspace: "DiskWorkspace") -> str:
    """The name of the folder in the journal, once what a crash left in the middle in it is put right, and said."""
    from turnout.act.applying.transactions import real_root
    from turnout.commands.terminal import to_stderr
    from turnout.files import Folder
    from turnout.journal import DiskWorkspace

    here = real_root(workspace.folder.root)
    for root in _reached(proposals, here):
        there = workspace if root == here else DiskWorkspace(Folder(Path(root)))
        for text in await proposals.recover(there, root):
            to_stderr(text)
    return here
