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
from turnout.models.manifest import Entry
from turnout.models.progress import in_megabytes

CHUNK_BYTES = 1 << 20
_POLL_S = 0.2
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT}


def directory() -> Path:
    """The directory of the model files."""
    path = paths.cache_dir() / "models"
    path.mkdir(exist_ok=True, mode=0o700)
    return path


def file_path(entry: Entry) -> Path:
    """Where the model's file lies once it is whole and right."""
    return directory() / entry.file


def partial_path(entry: Entry) -> Path:
    """Where its beginning lies while it is downloaded."""
    return directory() / f"{entry.file}.partial"


def recorded(entry: Entry) -> bool:
    """True when the file is there and unchanged since its hash was found right; reads no model data."""
    path = file_path(entry)
    try:
        stat = path.stat()
        record = json.loads(_record_path(entry).read_bytes())
    except (OSError, ValueError):
        return False
    return bool(record == _record(entry, stat))


def check(entry: Entry, on_bytes: Callable[[int], None] | None = None) -> Path:
    """The file, after hashing it; call it under `locked`.

    Raises ModelMissing, or HashMismatch after deleting what was there.
    """
    path = file_path(entry)
    try:
        stat = path.stat()
    except FileNotFoundError:
        raise missing(entry) from None
    actual = digest(path, on_bytes)
    if actual != entry.sha256:
        forget(entry)
        raise mismatch(entry, f"{path} has SHA-256 {actual}")
    _write_record(entry, stat)
    return path


def install(entry: Entry, verified: Path) -> Path:
    """Put a file whose hash was found right in place, whole or not at all; call it under `locked`."""
    # The record comes first: whoever sees the file then also sees that it was checked.
    _write_record(entry, verified.stat())
    path = file_path(entry)
    verified.replace(path)
    return path


def link(entry: Entry, verified: Path, stat: os.stat_result) -> Path:
    """Like `install`, by a second name for a file that stays where it is; OSError where that cannot be.

    `stat` is from before the hash was taken, so that a file changed since then is hashed again.
    """
    _write_record(entry, stat)
    path = file_path(entry)
    os.link(verified, path)
    return path


def forget(entry: Entry) -> None:
    """Delete the model's file and its record."""
    file_path(entry).unlink(missing_ok=True)
    _record_path(entry).unlink(missing_ok=True)


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
def locked(entry: Entry, waiting: Callable[[], None] | None = None) -> Iterator[None]:
    """Keep other processes from writing this model; `waiting` is called while another one holds it."""
    with (directory() / f"{entry.file}.lock").open("a+b") as file:
        while not _try_lock(file):
            if waiting is not None:
                waiting()
            time.sleep(_POLL_S)
        try:
            yield
        finally:
            _unlock(file)


@contextlib.contextmanager
def disk_errors(entry: Entry) -> Iterator[None]:
    """Turn what the disk refuses into DiskFull or ModelError."""
    try:
        yield
    except OSError as exc:
        if no_room(exc):
            raise _full(entry) from exc
        raise ModelError(
            f"The file of {entry.name} cannot be read or written: {exc}.",
            advice="Check the directory, or choose another with TURNOUT_CACHE_DIR.",
        ) from exc


def no_room(exc: OSError) -> bool:
    """True where the disk, or the user's share of it, is full."""
    return exc.errno in _NO_ROOM


def _full(entry: Entry) -> DiskFull:
    free = shutil.disk_usage(directory()).free
    return DiskFull(
        f"There is no room for {entry.name}: it needs {in_megabytes(entry.bytes)}, and {in_megabytes(free)} are "
        f"free in {directory()}.",
        advice="Free some space, or choose another directory with TURNOUT_CACHE_DIR.",
    )


def scratch_prefix(entry: Entry) -> str:
    """How the names of the directories begin that a download works in."""
    return f"{entry.file}.fetch-"


def remove_scratch(entry: Entry) -> None:
    """Delete what a download that was killed has left beside its partial file; call it under `locked`."""
    for leftover in directory().glob(f"{scratch_prefix(entry)}*"):
        shutil.rmtree(leftover, ignore_errors=True)


def missing(entry: Entry) -> ModelMissing:
    """The error for a known model that is not here."""
    return ModelMissing(
        f"The model {entry.name} is not on this machine yet.",
        model=entry.name,
        advice=f"Run: turnout models pull {entry.name} ({in_megabytes(entry.bytes)}).",
    )


def mismatch(entry: Entry, found: str) -> HashMismatch:
    """The error for bytes that are not the pinned ones and have been deleted; `found` says what they are."""
    return HashMismatch(
        f"{found}, but {entry.name} is pinned to {entry.sha256} ({entry.bytes} bytes); it was deleted.",
        advice=f"Run: turnout models pull {entry.name}. If it happens again, the source is damaged or altered.",
    )


def _record_path(entry: Entry) -> Path:
    return directory() / f"{entry.file}.json"


def _record(entry: Entry, stat: os.stat_result) -> dict[str, object]:
    return {"size": stat.st_size, "mtime_ns": stat.st_mtime_ns, "sha256": entry.sha256}


def _write_record(entry: Entry, stat: os.stat_result) -> None:
    path = _record_path(entry)
    draft = path.with_name(f"{path.name}.tmp")
    draft.write_text(json.dumps(_record(entry, stat)), encoding="utf-8")
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
