"""Model files on this machine: where they lie, how they are checked, and who may write them.

A file is used only while its size and modification time are those of a record written after its SHA-256 was
found right; otherwise it is hashed again first, and deleted when it is not the pinned file.
"""

import contextlib
import errno
import hashlib
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from turnout import paths
from turnout.errors import DiskFull, HashMismatch, ModelError, ModelMissing
from turnout.models.progress import in_megabytes
from turnout.models.sources import Item

CHUNK_BYTES = 1 << 20
_POLL_S = 0.2
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT}


def directory() -> Path:
    """The directory of the model files."""
    path = paths.cache_dir() / "models"
    path.mkdir(exist_ok=True, mode=0o700)
    return path


def file_path(item: Item) -> Path:
    """Where the model's file lies once it is whole and right."""
    return directory() / item.file


def partial_path(item: Item) -> Path:
    """Where its beginning lies while it is downloaded."""
    return directory() / f"{item.file}.partial"


def recorded(item: Item) -> bool:
    """True when the file is there and unchanged since its hash was found right; reads no model data."""
    path = file_path(item)
    try:
        stat = path.stat()
        record = json.loads(_record_path(item).read_bytes())
    except (OSError, ValueError):
        return False
    return bool(record == _record(item, stat))


def check(item: Item, on_bytes: Callable[[int], None] | None = None) -> Path:
    """The file, after hashing it; call it under `locked`.

    Raises ModelMissing, or HashMismatch after deleting what was there.
    """
    path = file_path(item)
    try:
        stat = path.stat()
    except FileNotFoundError:
        raise missing(item) from None
    actual = digest(path, on_bytes)
    if actual != item.sha256:
        forget(item)
        raise mismatch(item, f"{path} has SHA-256 {actual}")
    _write_record(item, stat)
    return path


def install(item: Item, verified: Path) -> Path:
    """Put a file whose hash was found right in place, whole or not at all; call it under `locked`."""
    # The record comes first: whoever sees the file then also sees that it was checked.
    _write_record(item, verified.stat())
    path = file_path(item)
    verified.replace(path)
    return path


def link(item: Item, verified: Path, stat: os.stat_result) -> Path:
    """Like `install`, by a second name for a file that stays where it is; OSError where that cannot be.

    `stat` is from before the hash was taken, so that a file changed since then is hashed again.
    """
    _write_record(item, stat)
    path = file_path(item)
    os.link(verified, path)
    return path


def forget(item: Item) -> None:
    """Delete the model's file and its record."""
    file_path(item).unlink(missing_ok=True)
    _record_path(item).unlink(missing_ok=True)


def digest(path: Path, on_bytes: Callable[[int], None] | None = None) -> str:
    """SHA-256 of a file in hex; `on_bytes` hears the bytes read so far."""
    sha, done = hashlib.sha256(), 0
    with path.open("rb") as file:
        while data := file.read(CHUNK_BYTES):
            sha.update(data)
            done += len(data)
            if on_bytes is not None:
                on_bytes(done)
    return sha.hexdigest()


@contextlib.contextmanager
def locked(item: Item, waiting: Callable[[], None] | None = None) -> Iterator[None]:
    """Keep other processes from writing this model; `waiting` is called while another one holds it."""
    with (directory() / f"{item.file}.lock").open("a+b") as file:
        while not _try_lock(file):
            if waiting is not None:
                waiting()
            time.sleep(_POLL_S)
        try:
            yield
        finally:
            _unlock(file)


@contextlib.contextmanager
def disk_errors(item: Item) -> Iterator[None]:
    """Turn what the disk refuses into DiskFull or ModelError."""
    try:
        yield
    except OSError as exc:
        if no_room(exc):
            raise _full(item) from exc
        raise ModelError(
            f"The file of {item.name} cannot be read or written: {exc}.",
            advice="Check the directory, or choose another with TURNOUT_CACHE_DIR.",
        ) from exc


def no_room(exc: OSError) -> bool:
    """True where the disk, or the user's share of it, is full."""
    return exc.errno in _NO_ROOM


def _full(item: Item) -> DiskFull:
    free = shutil.disk_usage(directory()).free
    return DiskFull(
        f"There is no room for {item.name}: it needs {in_megabytes(item.bytes)}, and {in_megabytes(free)} are "
        f"free in {directory()}.",
        advice="Free some space, or choose another directory with TURNOUT_CACHE_DIR.",
    )


def scratch_prefix(item: Item) -> str:
    """How the names of the directories begin that a download works in."""
    return f"{item.file}.fetch-"


def remove_scratch(item: Item) -> None:
    """Delete what a download that was killed has left beside its partial file; call it under `locked`."""
    for leftover in directory().glob(f"{scratch_prefix(item)}*"):
        shutil.rmtree(leftover, ignore_errors=True)


def missing(item: Item) -> ModelMissing:
    """The error for a known model that is not here."""
    return ModelMissing(
        f"The model {item.name} is not on this machine yet.",
        model=item.name,
        form=item.form,
        advice=f"Run: {item.pull_command} ({in_megabytes(item.bytes)}).",
    )


def mismatch(item: Item, found: str) -> HashMismatch:
    """The error for bytes that are not the pinned ones and have been deleted; `found` says what they are."""
    return HashMismatch(
        f"{found}, but {item.name} is pinned to {item.sha256} ({item.bytes} bytes); it was deleted.",
        advice=f"Run: {item.pull_command}. If it happens again, the source is damaged or altered.",
    )


def _record_path(item: Item) -> Path:
    return directory() / f"{item.file}.json"


def _record(item: Item, stat: os.stat_result) -> dict[str, object]:
    return {"size": stat.st_size, "mtime_ns": stat.st_mtime_ns, "sha256": item.sha256}


def _write_record(item: Item, stat: os.stat_result) -> None:
    path = _record_path(item)
    draft = path.with_name(f"{path.name}.tmp")
    draft.write_text(json.dumps(_record(item, stat)), encoding="utf-8")
    draft.replace(path)


if sys.platform == "win32":
    import msvcrt

    def _try_lock(file: IO[bytes]) -> bool:
        file.seek(0)
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def _unlock(file: IO[bytes]) -> None:
        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)
else:
    import fcntl

    def _try_lock(file: IO[bytes]) -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _unlock(file: IO[bytes]) -> None:
        fcntl.flock(file, fcntl.LOCK_UN)
