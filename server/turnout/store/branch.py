"""The git branch of a folder, read from its `.git` without starting git."""

from pathlib import Path

_DETACHED = 12
"""Characters of a commit that name it well enough."""


def branch_of(folder: str) -> str:
    """The branch checked out in `folder` or around it, the beginning of a commit where none is, empty without git."""
    if not folder:
        return ""
    try:
        head = _git_dir(Path(folder))
        text = "" if head is None else (head / "HEAD").read_text("utf-8").strip()
    except (OSError, ValueError):  # no such file, no text, or no path that there could be
        return ""
    reference = text.removeprefix("ref: ")
    return text[:_DETACHED] if reference == text else reference.removeprefix("refs/heads/")


def _git_dir(folder: Path) -> Path | None:
    """The directory that holds HEAD; in a worktree `.git` is a file that names it."""
    for place in (folder, *folder.parents):
        git = place / ".git"
        if git.is_dir():
            return git
        if git.is_file():
            named = git.read_text("utf-8").strip().removeprefix("gitdir: ")
            return place / named
    return None
