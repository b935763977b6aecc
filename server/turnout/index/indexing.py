"""Keeps an index true to its folder: a round over all files, or the few that somebody says have changed.

Invariants: a file whose look has not changed is not read; files are read and parsed outside of transactions, so that
others who write to the same index wait for milliseconds; what the index says of a file is from one reading of it.
"""

import hashlib
import itertools
import logging
import os
import sqlite3
import stat
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from turnout.core.languages import language_of
from turnout.ignores import Ignores
from turnout.index import places, schema, writing
from turnout.index.extraction import MAX_FILE_BYTES, ReadSymbols, extract
from turnout.index.listing import Allowed, Look, Seen, is_named, is_open, look_at, walk
from turnout.index.writing import Entry

logger = logging.getLogger(__name__)

MAX_FILES = 200_000

_BATCH_FILES = 32
_BATCH_BYTES = 1_000_000
_RACY_NS = 20_000_000
"""A file written this shortly before it was read may change again without looking different."""
_CHANGED = Look(0, -1, 0)
"""The look of a file that has to be read again whatever it looks like."""
_FIRST_COUNT = 200
_COUNT_AGAIN = 4
"""By which factor an index grows before words are counted while it is built: searches are fast only by these counts."""
_COUNT_WORDS_AT = 0.02
"""The share of files that changes before words are counted anew."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What may be indexed, and what is kept as text whatever its language."""

    allowed: Callable[[], Allowed] = lambda: lambda _path: True
    """What the settings say of paths, asked anew for every order."""
    max_files: int = MAX_FILES
    plain: Collection[str] = field(default_factory=frozenset)
    """Paths whose grammar ended a process."""
    plain_languages: Collection[str] = field(default_factory=frozenset)


@dataclass(frozen=True, slots=True)
class Watcher:
    """Who is told of the work, and may break into it."""

    progress: Callable[[int, int], None] = lambda _done, _of: None
    """Files looked at, of so many; called for every batch."""
    stopped: Callable[[], bool] = lambda: False
    urgent: Callable[[], bool] = lambda: False
    """Asked between files, whether to break off what can wait for `between`."""
    between: Callable[[], None] = lambda: None
    """Does what is more urgent; it may call `update`."""
    parsing: Callable[[str], None] = lambda _path: None
    """Called before and, with an empty path, after a grammar reads a file."""


class Indexing:
    """Writes the index of one folder, for one thread."""

    def __init__(
        self,
        root: Path,
        database: Path,
        read_symbols: ReadSymbols,
        rules: Rules | None = None,
        watcher: Watcher | None = None,
        max_pages: int = schema.MAX_PAGES,
    ) -> None:
        """`root` is resolved; `database` is opened, and begun where it is no index of this version."""
        self._root = root
        self._database = database
        self._read_symbols = read_symbols
        self._rules = rules or Rules()
        self._watcher = watcher or Watcher()
        self._max_pages = max_pages
        self.begun_anew = ""
        """Why the index that was there could not be used; empty where there was none, or it could."""
        self.is_new = False
        """Whether it was begun here, and no round was made since."""
        self._connection, self._inode = self._open()

    def close(self) -> None:
        """Let go of the database."""
        self._connection.close()

    def round(self) -> int:
        """Bring every file up to date; returns how many were read. Raises sqlite3.Error and OSError."""
        self._reopen_if_replaced()
        self.is_new = False
        known = writing.known_looks(self._connection)
        changed: list[str] = []
        listed, unnamed = 0, itertools.count()
        allowed, limit = self._rules.allowed(), self._rules.max_files
        for seen in walk(self._root, allowed, limit, passed=lambda: next(unnamed)):
            listed += 1
            if listed % 1_000 == 0 and self._interrupted():
                return 0
            if known.pop(seen.path, None) != hash(seen.look) or seen.path in self._rules.plain:
                changed.append(seen.path)
        self._forget(known)
        read = self._take_in(changed, whole=True)
        self._finish(read + len(known), listed, next(unnamed))
        return read

    def update(self, paths: Iterable[str]) -> int:
        """Bring some files up to date, or all in a folder; returns how many were read. Raises as `round` does."""
        self._reopen_if_replaced()
        allowed, ignores = self._rules.allowed(), Ignores(self._root, kept=True)
        changed: list[Seen] = []
        gone: list[str] = []
        for path in filter(is_named, dict.fromkeys(paths)):
            seen = look_at(self._root, path, allowed, ignores)
            if seen is not None:
                changed.append(seen)
                continue
            listed = self._below(path, allowed, ignores)
            changed += listed
            gone += {path, *writing.known_below(self._connection, path)} - {one.path for one in listed}
        self._forget(gone)
        return self._take_in([one.path for one in changed if self._looks_new(one)], whole=False)

    def rebuild(self) -> None:
        """Begin the index anew."""
        self._connection.close()
        with places.lock(self._database, "begin"):
            schema.begin_anew(self._database, self._root)
        self._connection, self._inode = self._open()

    def _open(self) -> tuple[sqlite3.Connection, int]:
        with suppress(schema.Unusable):
            return schema.open_to_write(self._database, self._max_pages), self._database.stat().st_ino
        with places.lock(self._database, "begin"):
            try:
                connection = schema.open_to_write(self._database, self._max_pages)
            except schema.Unusable as unusable:
                self.begun_anew = "" if isinstance(unusable, schema.Missing) else str(unusable)
                self.is_new = True
                schema.begin_anew(self._database, self._root)
                connection = schema.open_to_write(self._database, self._max_pages)
            return connection, self._database.stat().st_ino

    def _reopen_if_replaced(self) -> None:
        """Another server may have begun the index anew meanwhile."""
        with suppress(FileNotFoundError):
            if self._database.stat().st_ino == self._inode:
                return
        self._connection.close()
        self._connection, self._inode = self._open()

    def _below(self, path: str, allowed: Allowed, ignores: Ignores) -> list[Seen]:
        """What is to be indexed in `path` where that is a folder that is not left out itself."""
        target = self._root / path
        if not is_open(self._root, path, ignores) or target.is_symlink() or not target.is_dir():
            return []
        return list(walk(self._root, allowed, self._rules.max_files, start=path))

    def _looks_new(self, seen: Seen) -> bool:
        known = writing.known_file(self._connection, seen.path)
        return known is None or known.look != seen.look

    def _forget(self, paths: Iterable[str]) -> None:
        waiting = list(paths)
        for start in range(0, len(waiting), _BATCH_FILES):
            with self._writing():
                for path in waiting[start : start + _BATCH_FILES]:
                    writing.take_out(self._connection, path)

    def _take_in(self, changed: list[str], *, whole: bool) -> int:
        """Read files and write them in batches; returns how many were read. Of a `whole` round the progress is told."""
        batch: list[Entry] = []
        read, counted = 0, _FIRST_COUNT
        for path in changed:
            entry = self._read(path)
            read += 1
            if entry is not None:
                batch.append(entry)
            urgent = whole and self._watcher.urgent()
            if (
                urgent
                or len(batch) >= _BATCH_FILES
                or sum(len(one.extracted.text) for one in batch) >= _BATCH_BYTES
            ):
                self._write(batch)
                batch = []
                if whole and read >= counted * _COUNT_AGAIN:
                    counted = read
                    self._count()
                if whole:
                    self._watcher.progress(read, len(changed))
                # Only here, where nothing is held back that would undo it.
                if urgent and self._interrupted():
                    return read
        self._write(batch)
        if whole and changed:
            self._watcher.progress(read, len(changed))
        return read

    def _interrupted(self) -> bool:
        """Let the urgent be done; whether the round is to end."""
        if self._watcher.urgent():
            self._watcher.between()
        return self._watcher.stopped()

    def _read(self, path: str) -> Entry | None:
        """What to write of a file; None where it is the same as before, or gone by now."""
        opened = _bytes_of(self._root / path)
        if opened is None:
            return None
        data, look = opened
        digest = hashlib.blake2b(data, digest_size=16).digest()
        before = writing.known_file(self._connection, path)
        is_same = before is not None and before.digest == digest
        plain = path in self._rules.plain or (before is not None and before.plain and is_same)
        if before is not None and is_same and before.plain == plain:
            with self._writing():
                writing.touch(self._connection, before.id, look)
            return None
        as_text = plain or language_of(path) in self._rules.plain_languages
        self._watcher.parsing("" if as_text else path)
        extracted = extract(path, data, None if as_text else self._read_symbols)
        self._watcher.parsing("")
        return Entry(path, look, digest, extracted, plain)

    def _write(self, batch: list[Entry]) -> None:
        if batch:
            with self._writing():
                for entry in batch:
                    writing.put(self._connection, entry)

    def _finish(self, changed: int, listed: int, unnamed: int) -> None:
        with self._writing():
            writing.count_files(self._connection)
            writing.keep_unnamed(self._connection, unnamed)
        if changed > listed * _COUNT_WORDS_AT:
            self._count()

    def _count(self) -> None:
        words = writing.frequent_words(self._connection)  # before the transaction, which others wait for
        with self._writing():
            writing.count_files(self._connection)
            writing.keep_frequent(self._connection, words)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """One transaction; nothing of it is kept where it fails."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            with suppress(sqlite3.Error):
                self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")


def _bytes_of(file: Path) -> tuple[bytes, Look] | None:
    """A file's bytes and its look; None where it cannot be read. One that may change meanwhile looks as if it had.

    It is opened so that a pipe that took its place since holds nobody up, and a link leads nowhere.
    """
    now_ns = time.time_ns()
    try:
        descriptor = os.open(file, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    except OSError:
        return None
    with os.fdopen(descriptor, "rb") as opened:
        before = os.fstat(descriptor)
        if not stat.S_ISREG(before.st_mode) or before.st_size > MAX_FILE_BYTES:
            return None
        try:
            data = opened.read(MAX_FILE_BYTES + 1)
        except OSError:
            return None
        after = os.fstat(descriptor)
    look = Look(after.st_mtime_ns, after.st_size, after.st_ino)
    steady = before.st_mtime_ns == after.st_mtime_ns and len(data) == after.st_size
    return data, look if steady and now_ns - after.st_mtime_ns > _RACY_NS else _CHANGED
