"""Where indexes are kept: one file per folder in the user's cache, deleted when its folder is gone for good.

Invariant: two folders never share a file, and no file lies where another user could have put it.
"""

import hashlib
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from turnout import paths
from turnout.index import schema

UNUSED_S = 90 * 86_400
"""An index that nobody opened for this long is deleted: it can be built again."""
GONE_S = 7 * 86_400
"""A folder may be on a disk that is not always there."""


def folder() -> Path:
    """The folder of all indexes, readable by its user alone. Raises OSError where it cannot be made."""
    found = paths.cache_dir() / "index"
    found.mkdir(mode=0o700, exist_ok=True)
    return found


def database_of(root: Path) -> Path:
    """The file of the index of `root`. Raises OSError as `folder` does."""
    name = hashlib.blake2b(os.fsencode(root.resolve()), digest_size=16).hexdigest()
    return folder() / f"{name}.db"


def prune(keep: Path, clock: Callable[[], float] = time.time) -> int:
    """Delete the indexes of vanished folders and those long unused, but for `keep`; returns how many."""
    deleted = 0
    for database in sorted(keep.parent.glob("*.db")):
        if database == keep or not _is_stale(database, clock()):
            continue
        with lock(database, "round", wait=False) as held:
            if held:
                schema.remove(database)
                deleted += 1
    return deleted


def _is_stale(database: Path, now_s: float) -> bool:
    try:
        unused_s = now_s - max(file.stat().st_mtime for file in _files_of(database))
    except (OSError, ValueError):
        return False
    if unused_s > UNUSED_S:
        return True
    if unused_s < GONE_S:
        return False
    root = schema.root_of(database)
    return root is None or not root.is_dir()


def _files_of(database: Path) -> list[Path]:
    return [file for suffix in ("", "-wal") if (file := Path(f"{database}{suffix}")).exists()]


@contextmanager
def lock(database: Path, purpose: str, *, wait: bool = True) -> Iterator[bool]:
    """Hold what one process at a time may hold of an index; False where another does. It ends with its process.

    Where the system has no such locks everybody gets it: SQLite still keeps writers apart.
    """
    try:
        import fcntl
    except ImportError:
        yield True
        return
    descriptor = os.open(database.with_suffix(f".{purpose}"), os.O_CREAT | os.O_RDWR, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            yield False
            return
        yield True
    finally:
        os.close(descriptor)
