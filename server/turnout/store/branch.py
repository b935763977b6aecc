"""The git branch of a folder, read from its `.git` without starting git.

Invariant: a repository is a stranger's: whatever stands in the place of its files is read in one short piece or not at
all, and what comes of it is a short printable name.
"""

import os
import stat
from pathlib import Path

_DETACHED = 12
"""Characters of a commit that name it well enough."""

_MAX_BYTES = 4096
_MAX_NAME = 200


def branch_of(folder: str) -> str:
    """The branch checked out in `folder` or around it, the beginning of a commit where none is, empty without git."""
    if not folder:
        return ""
    try:
        head = _git_dir(Path(folder))
        text = "" if head is None else _read(head / "HEAD")
    except (OSError, ValueError):  # no such file, no text, or no path that there could be
        return ""
    reference = text.removeprefix("ref: ")
    name = text[:_DETACHED] if reference == text else reference.removeprefix("refs/heads/")
    return "".join(filter(str.isprintable, name))[:_MAX_NAME]


def _git_dir(folder: Path) -> Path | None:
    """The directory that holds HEAD; in a worktree `.git` is a file that names it."""
    for place in (folder, *folder.parents):
        git = place / ".git"
        if git.is_dir():
            return git
        if git.is_file():
            return place / _read(git).removeprefix("gitdir: ")
    return None


def _read(file: Path) -> str:
    """The beginning of a file; raises OSError for what is none, as a pipe, which is not waited for."""
    descriptor = os.open(file, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(f"{file} is not a regular file")
        data = os.read(descriptor, _MAX_BYTES)
    finally:
        os.close(descriptor)
    return data.decode("utf-8", "ignore").strip()
