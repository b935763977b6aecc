"""The workspace of a file, and the paths under which its policy sees the file."""

import os
from pathlib import Path

from turnout.paths import WORKSPACE_MARKS


def find_workspace(start: Path) -> Path:
    """The nearest folder around `start` with a `.turnout.toml` or `.git`; the current folder where there is none.

    For commands: an editor says which folder it has open.
    """
    resolved = start.resolve()
    for folder in (resolved, *resolved.parents):
        if any((folder / mark).exists() for mark in WORKSPACE_MARKS):
            return folder
    return Path.cwd()


def policy_paths(file: Path, workspace: Path) -> tuple[str, ...]:
    """Every path that path patterns have to see a file under: the one it was asked for by, and the real one.

    They differ where a link is on the way: a link called `notes.md` is no way to read `.env`.
    Paths are posix and relative to the workspace; outside of it they are absolute.
    """
    named, root = Path(os.path.abspath(file)), Path(os.path.abspath(workspace))  # noqa: PTH100  # links stay links
    both = (_relative(named, root), _relative(file.resolve(), workspace.resolve()))
    return tuple(dict.fromkeys(both))


def real_files(file: Path, workspace: Path) -> tuple[Path, ...]:
    """The absolute paths of a file: the one that it was asked for by, from the real workspace on, and the real one."""
    return tuple(workspace.resolve() / path for path in policy_paths(file, workspace))


def _relative(file: Path, workspace: Path) -> str:
    return (file.relative_to(workspace) if file.is_relative_to(workspace) else file).as_posix()
