"""From sources to a verified file: resume, hash while writing, fail over, install.

Whatever ends a download, what remains is a prefix of the pinned file in `FILE.partial`, or nothing.
"""

import contextlib
import errno
import hashlib
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from turnout.errors import DownloadFailed, HashMismatch
from turnout.models import storage
from turnout.models.progress import Reporter, in_megabytes
from turnout.models.sources import Item, Source


def download(item: Item, sources: Sequence[Source], reporter: Reporter) -> Path:
    """Fetch a file and put it in place; see `fetch`."""
    return storage.install(item, fetch(item, sources, reporter))


def fetch(item: Item, sources: Sequence[Source], reporter: Reporter) -> Path:
    """Fetch a file from the first source that delivers it, and return where it lies, verified but not in place.

    Call it under `storage.locked`. Raises DownloadFailed or HashMismatch with every source's reason, PullCancelled,
    or OSError from the disk; a full one leaves no half file behind.
    """
    storage.remove_scratch(item)
    path = storage.partial_path(item)
    try:
        with Partial(path) as partial:
            partial.resume(item.bytes, reporter)
            if partial.size:
                kept = f"Going on from {in_megabytes(partial.size)} of {in_megabytes(item.bytes)}."
                reporter.notice("checking", partial.size, kept)
            _first_of(item, sources, partial, reporter)
            partial.sync()
    except OSError as exc:
        if storage.no_room(exc):
            # Half a file on a full disk helps nobody, and its owner may not know where to look for it.
            path.unlink(missing_ok=True)
        raise
    return path


def _first_of(item: Item, sources: Sequence[Source], partial: "Partial", reporter: Reporter) -> None:
    wrong, reasons = False, list[str]()
    for source in sources:
        if reasons:
            reporter.notice(
                "downloading", partial.size, f"{reasons[-1]} Trying {source.label}.", source.label
            )
        try:
            _deliver(item, source, partial, reporter)
        except (DownloadFailed, HashMismatch) as exc:
            wrong = wrong or isinstance(exc, HashMismatch)
            reasons.append(f"{source.label}: {exc.message}")
        else:
            return
    kept = f" ({in_megabytes(partial.size)} are kept)" if partial.size else ""
    own = f" Or give a file that you have: {item.pull_command} --file PATH." if item.form == "gguf" else ""
    raise (HashMismatch if wrong else DownloadFailed)(
        f"{item.name} could not be downloaded. {' '.join(reasons)}",
        advice=f"Check the network and proxy settings and run it again{kept}: {item.pull_command}.{own}",
    )


class Partial:
    """The beginning of a file on disk, and the hash of what it holds so far; an empty one is removed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.size = 0
        self._sha = hashlib.sha256()
        # Unbuffered: what was appended is in the file even if the process is killed.
        self._file = path.open("a+b", buffering=0)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        empty = not os.fstat(self._file.fileno()).st_size
        self._file.close()
        if empty:
            self._path.unlink()

    @property
    def sha256(self) -> str:
        return self._sha.hexdigest()

    def resume(self, limit_bytes: int, reporter: Reporter) -> None:
        """Take over what an earlier download left, unless it is longer than the file can be."""
        if os.fstat(self._file.fileno()).st_size > limit_bytes:
            self._file.truncate(0)
        self._file.seek(0)
        while data := self._file.read(storage.CHUNK_BYTES):
            self._sha.update(data)
            self.size += len(data)
            reporter.report("checking", self.size)

    def append(self, data: bytes) -> None:
        """Write all of `data` at the end."""
        rest = memoryview(data)
        while rest:
            rest = rest[self._file.write(rest) :]
        self._sha.update(data)
        self.size += len(data)

    def clear(self) -> None:
        """Forget everything."""
        self._file.truncate(0)
        self._sha = hashlib.sha256()
        self.size = 0

    def sync(self) -> None:
        """Wait until the bytes are on the disk: the record that vouches for them must not be there first."""
        os.fsync(self._file.fileno())


def _deliver(item: Item, source: Source, partial: Partial, reporter: Reporter) -> None:
    """Fill `partial` up to the pinned file, or raise; bytes that turn out wrong are gone then."""
    while True:
        inherited = partial.size
        _require_room(item, partial, source)
        _append_rest(item, source, partial, reporter)
        if partial.sha256 == item.sha256:
            return
        found = f"What arrived has SHA-256 {partial.sha256} ({partial.size} bytes)"
        partial.clear()
        if not inherited:
            raise storage.mismatch(item, found)
        # The bytes kept from earlier may be the wrong ones, so this source gets a chance of its own.
        reporter.notice("downloading", 0, f"{found}, which is wrong; starting again.", source.label)


def _append_rest(item: Item, source: Source, partial: Partial, reporter: Reporter) -> None:
    shown = partial.size

    def underway(extra_bytes: int) -> None:
        # What is under way is counted before it is written: without max, the bar would run back then.
        nonlocal shown
        shown = min(max(shown, partial.size + extra_bytes), item.bytes)
        reporter.report("downloading", shown, source.label)

    underway(0)

    with contextlib.closing(source.read(partial.size, underway)) as stream:
        for data in stream:
            # One byte too many is enough to know that the file is wrong.
            partial.append(data[: item.bytes + 1 - partial.size])
            underway(0)
            if partial.size > item.bytes:
                return
    if partial.size < item.bytes:
        raise DownloadFailed(f"it ended after {partial.size} of {item.bytes} bytes.")


def _require_room(item: Item, partial: Partial, source: Source) -> None:
    if shutil.disk_usage(storage.directory()).free < item.bytes - partial.size + source.spare_bytes:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
