"""A small folder for checks to run in, and a change to one of its files."""

import sys
from pathlib import Path

from turnout.core.documents import split_lines
from turnout.core.edits.changes import FileChange, file_change
from turnout.files import Folder

PYTHON = sys.executable


def work_tree(place: Path) -> Folder:
    """A folder `work` in `place` with a package `pkg`, whose `pkg/a.py` says `VALUE = 1`."""
    root = place / "work"
    (root / "pkg").mkdir(parents=True)
    (root / "pkg/a.py").write_text("VALUE = 1\n")
    (root / ".gitignore").write_text("*.secret\n")
    (root / "x.secret").write_text("hidden")
    (root / ".lintrc").write_text("strict")
    (root / ".git").mkdir()
    (root / ".git/HEAD").write_text("ref")
    return Folder(root)


def edit(folder: Folder, path: str, after: str) -> FileChange:
    """A change that makes all of a file's text `after`."""
    before = split_lines(folder.read(path) or "")
    return file_change("edit", folder.uri(path), path, before, split_lines(after))
