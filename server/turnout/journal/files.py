"""The journal on disk: one file for each proposal, in a folder for each workspace folder.

Invariants: a file is there whole or not at all, and on the disk when `write` returns; only its user can read it, since
it holds the text of files. It is bounded: entries expire, the oldest of too many and of too many bytes make room, and
none that is under way does either.
"""

import hashlib
import logging
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path, PurePath
from typing import IO, NamedTuple

from turnout.act.applying.entries import Entry, Head, past_limit
from turnout.errors import FolderBusy, Unrecorded
from turnout.journal.codec import decoded, encoded, head_of

logger = logging.getLogger(__name__)

MAX_BYTES = 256 * 1024 * 1024
"""Of all entries of one workspace folder together."""

_SUFFIX = ".entry"
_TRIAL_BYTES = 256 * 1024


class _Kept(NamedTuple):
    head: Head
    path: Path
    size: int


class Journal:
    """The `act.entries.Journal` in `directory`."""

    def __init__(self, directory: Path, clock: Callable[[], float] = time.time) -> None:
        self._directory = directory
        self._clock = clock

    def write(self, entry: Entry) -> None:
        """Keep `entry` in the place of what was known of its proposal. Raises Unrecorded."""
        with self._writing():
            folder = self._folder(entry.root)
            _write_whole(folder / f"{entry.proposal.id}{_SUFFIX}", encoded(entry))
            self._make_room(folder, entry.proposal.id)

    def probe(self, root: str) -> None:
        """Write as much as a change may take for `root`, and remove it again. Raises Unrecorded."""
        with self._writing():
            trial = self._folder(root) / f"{os.getpid()}.trial"
            try:
                _write_whole(trial, bytes(_TRIAL_BYTES))
            finally:
                trial.unlink(missing_ok=True)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise Unrecorded(
                f"The journal of changes cannot be written: {error.strerror or error}.",
                advice=f"Nothing was changed. Look at {self._directory}.",
            ) from error

    def find(self, proposal_id: str) -> Entry | None:
        """The entry of a proposal; None where it was never kept, discarded or has expired."""
        for kept in self._kept():
            if kept.head.id == proposal_id:
                if kept.head.is_over(self._clock()):
                    return None
                return _read(kept.path)
        return None

    def heads(self) -> tuple[Head, ...]:
        """All entries, those that came into their state last at the end; those that expired are removed."""
        now = self._clock()
        found = []
        for kept in self._kept():
            if kept.head.is_over(now):
                _forget(kept.path)
            else:
                found.append(kept.head)
        return tuple(sorted(found, key=lambda head: head.since))

    def discard(self, proposal_id: str) -> None:
        """Forget an entry; one that is unknown is forgotten already."""
        for kept in self._kept():
            if kept.head.id == proposal_id:
                _forget(kept.path)

    @contextmanager
    def locked(self, root: str) -> Iterator[None]:
        """Nobody else applies or undoes anything in `root`, around it or inside it; a process that dies lets go.

        Folders that are known to the journal around and inside `root` are shared with others that do the same: only one
        who works in such a folder itself is kept out. Raises FolderBusy, Unrecorded.
        """
        with ExitStack() as stack:
            for folder in (root, *self._related(root)):
                try:
                    file = stack.enter_context((self._folder(folder) / "lock").open("ab"))
                except OSError as error:
                    raise Unrecorded(
                        f"The journal of changes cannot be opened: {error.strerror or error}."
                    ) from error
                if not _try_lock(file, shared=folder != root):
                    raise FolderBusy(
                        f"Another editor or command is changing files in {folder}.",
                        advice="Try again in a moment.",
                    )
            yield

    def _related(self, root: str) -> list[str]:
        """Folders with entries around `root` and inside it."""
        known = {kept.head.root for kept in self._kept()} - {root, ""}
        here = PurePath(root)
        return sorted(
            other
            for other in known
            if root and (here.is_relative_to(other) or PurePath(other).is_relative_to(here))
        )

    def _folder(self, root: str) -> Path:
        name = hashlib.sha256(root.encode("utf-8", "surrogatepass")).hexdigest()[:16]
        folder = self._directory / name
        # The mode of parents that mkdir makes is not the one it is given.
        for missing in (self._directory, folder):
            missing.mkdir(parents=True, exist_ok=True, mode=0o700)
        return folder

    def _kept(self, folder: str = "*") -> Iterator[_Kept]:
        for path in sorted(self._directory.glob(f"{folder}/*{_SUFFIX}")):
            try:
                with path.open("rb") as file:
                    head = head_of(file.readline())
                    yield _Kept(head, path, os.fstat(file.fileno()).st_size)
            except FileNotFoundError:
                continue
            except (OSError, ValueError, KeyError, TypeError):
                logger.warning("not an entry of the journal: %s", path.name)

    def _make_room(self, folder: Path, newest: str) -> None:
        now = self._clock()
        kept = sorted(self._kept(folder.name), key=lambda one: one.head.since)
        over = {head.id for head in past_limit([one.head for one in kept])}
        total = sum(one.size for one in kept)
        for one in kept:
            expendable = not one.head.is_under_way and one.head.id != newest
            if expendable and (one.head.id in over or one.head.is_over(now) or total > MAX_BYTES):
                _forget(one.path)
                total -= one.size


def _forget(path: Path) -> None:
    """Remove an entry; one that has to stay is found again, and is over then, too."""
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        logger.warning("an entry of the journal is not removed: %s", error)


def _read(path: Path) -> Entry | None:
    try:
        return decoded(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError):
        logger.warning("not an entry of the journal: %s", path.name)
        return None


def _write_whole(path: Path, data: bytes) -> None:
    """`data` as the content of `path`, on the disk: the old content or the new one is there at any moment."""
    draft = path.with_suffix(".draft")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError:
        with suppress(OSError):
            draft.unlink()
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Have the names in `folder` on the disk, where the system can do that."""
    if sys.platform != "win32":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


if sys.platform == "win32":
    import msvcrt

    def _try_lock(file: IO[bytes], *, shared: bool) -> bool:
        """Locks are never shared there: two folders in one that is known take turns."""
        try:
            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
else:
    import fcntl

    def _try_lock(file: IO[bytes], *, shared: bool) -> bool:
        try:
            fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
