"""Copies that a process left behind which could not remove them: it was killed, or its machine lost power.

Invariant: only a folder of this user whose process is gone is removed: who makes one holds a lock in it, which no
process outlives.
"""

import os
import shutil
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import IO

_OWNER = "owner"
_UNOWNED_S = 24 * 3600.0
"""A folder without a lock may be one that is being made; after a day it is not."""


def claim(folder: Path) -> IO[bytes]:
    """Hold `folder` for this process until the file that is returned is closed."""
    draft = folder / f"{_OWNER}.new"
    file = draft.open("ab")
    _try_lock(file)
    if sys.platform != "win32":  # which renames no file that is open; there, age alone counts
        draft.rename(folder / _OWNER)  # under this name it is never there without its lock
    return file


def sweep(parent: Path, prefix: str) -> None:
    """Remove the folders in `parent` whose names begin with `prefix` and whose processes are gone, as far as can be."""
    with suppress(OSError), os.scandir(parent) as entries:
        for entry in entries:
            if entry.name.startswith(prefix):
                with suppress(OSError):
                    _sweep_one(entry)


def _sweep_one(entry: os.DirEntry[str]) -> None:
    found = entry.stat(follow_symlinks=False)
    if not entry.is_dir(follow_symlinks=False) or not _is_ours(found):
        return
    try:
        file = (Path(entry.path) / _OWNER).open("r+b")
    except FileNotFoundError:
        if time.time() - found.st_mtime > _UNOWNED_S:
            shutil.rmtree(entry.path, ignore_errors=True)
        return
    with file:
        if _try_lock(file):
            shutil.rmtree(entry.path, ignore_errors=True)


if sys.platform == "win32":

    def _is_ours(found: os.stat_result) -> bool:
        """Each user has a folder for temporary files there."""
        return True

    def _try_lock(file: IO[bytes]) -> bool:
        """A file that is open keeps its folder from being removed there."""
        return False
else:
    import fcntl

    def _is_ours(found: os.stat_result) -> bool:
        return found.st_uid == os.getuid()

    def _try_lock(file: IO[bytes]) -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True
