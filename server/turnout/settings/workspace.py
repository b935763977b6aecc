"""Finding the workspace of a file, for commands; an editor says which folder it has open."""

from pathlib import Path

_MARKS = (".turnout.toml", ".git")


def find_workspace(start: Path) -> Path:
    """The nearest folder around `start` with a `.turnout.toml` or `.git`; the current folder where there is none."""
    resolved = start.resolve()
    for folder in (resolved, *resolved.parents):
        if any((folder / mark).exists() for mark in _MARKS):
            return folder
    return Path.cwd()


def relative_path(file: Path, workspace: Path) -> str:
    """`file` as a posix path relative to the workspace, or as an absolute one outside it."""
    resolved = file.resolve()
    if resolved.is_relative_to(workspace.resolve()):
        return resolved.relative_to(workspace.resolve()).as_posix()
    return resolved.as_posix()
