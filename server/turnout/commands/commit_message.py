"""`turnout commit-message`: a message for what is staged, on stdout, for a hook or `git commit --edit --file -`."""

import argparse
import asyncio
from pathlib import Path


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register `commit-message`."""
    parser = subparsers.add_parser(
        "commit-message",
        help="write a message for what is staged",
        description="Prints a message for what is staged; nothing is committed. "
        "Try: turnout commit-message | git commit --edit --file -",
    )
    parser.add_argument(
        "path", nargs="?", type=Path, default=Path(), metavar="PATH", help="in the repository (default: here)"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the message."""
    print(asyncio.run(_message(args.path.absolute())))
    return 0


async def _message(folder: Path) -> str:
    from turnout import git, syntax
    from turnout.act.commit_message import write_message
    from turnout.act.seams import Seams
    from turnout.commands.terminal import Terminal
    from turnout.files import Folder, path_to_uri
    from turnout.journal import DiskWorkspace
    from turnout.workbench import bench

    staged = await git.staged(folder)
    terminal, root = Terminal(), Path(staged.root)
    async with bench(terminal, root) as parts, terminal.progress("Commit message") as progress:
        workspace = DiskWorkspace(Folder(root), parts.workspaces.may_read)
        seams = Seams(
            parts.operation(),
            workspace,
            syntax,
            lambda what, _done, _of: progress.report(what),
            parts.outlook,
        )
        written = await write_message(staged, lambda path: path_to_uri(root / path), seams)
    return written.text
