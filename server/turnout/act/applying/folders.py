"""Workspace folders that lie in one another: what was done in one was done in those around it.

Invariant: what an undo in a folder takes back is the newest that touched it, or nothing.
"""

from collections.abc import Collection
from pathlib import PurePath

from turnout.act.applying.entries import Entry


def is_around(root: str, folders: Collection[str]) -> bool:
    """Whether one of `folders` lies in `root`; all are real paths, and nothing lies in an empty one."""
    return any(root and folder and PurePath(folder).is_relative_to(root) for folder in folders)


def touches(entry: Entry, folders: Collection[str]) -> bool:
    """Whether what an entry did last changed a file in one of `folders`."""
    paths = [path for change in entry.changes for path in (change.path, change.new_path) if path]
    return any(is_around(folder, (str(PurePath(entry.root, path)),)) for path in paths for folder in folders)
