"""The index of one folder, as the rest of the server uses it: answers at once, work in the background.

Invariant: nothing here raises for want of a database or because of what is in one; answers are then empty, and
`state` says why.
"""

import logging
import queue
import sqlite3
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from turnout.core.repository import Definition, Hit, Import, IndexState, Mention
from turnout.index import reading, schema
from turnout.index.link import Link, Spec

logger = logging.getLogger(__name__)

_Answer = TypeVar("_Answer")

_MAX_CONNECTIONS = 4


class RepositoryIndex:
    """A `Repository` that brings itself up to date when told what changed; usable from any thread."""

    def __init__(self, spec: Spec, on_change: Callable[[], None] = lambda: None) -> None:
        """`on_change` hears, on a thread, that `state` has something new to say. Looks at the database."""
        spec = replace(spec, root=spec.root.resolve())
        self._database = spec.database
        self._begun_anew = ""
        self._is_sound: bool | None = None
        """Whether the last question had an answer; None where none had yet. False also until it is built anew."""
        self._link = Link(spec, lambda: self._changed(on_change), self._say_begun_anew)
        self._idle: queue.SimpleQueue[_Connection] = queue.SimpleQueue()
        self._frequent: tuple[object, dict[str, int]] = (None, {})
        self._files = self._count()

    def build(self) -> None:
        """Bring the whole index up to date in the background; returns at once."""
        self._link.order("round")

    def rebuild(self) -> None:
        """Forget everything and build the index again in the background; returns at once."""
        self._link.order("rebuild")

    def update(self, paths: Sequence[str]) -> None:
        """Look again at files or folders that were written, made, moved or deleted; returns at once."""
        if paths:
            self._link.order("update", paths)

    def stop(self) -> None:
        """Break off the building that is under way."""
        self._link.stop()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until everything asked for is done; False where that takes too long."""
        return self._link.wait(timeout_s)

    def close(self) -> None:
        """End the process in the background and let go of the database."""
        self._link.close()
        for connection in self._take_idle():
            connection.close()

    def definitions(
        self, names: Sequence[str], *, language: str | None = None, limit: int = 50
    ) -> tuple[Definition, ...]:
        """Definitions of any of `names`, in the order of `names`; of C and C++ and of scripts taken together."""
        return self._ask(lambda c: reading.definitions(c, names, language, limit), ())

    def outline(self, path: str) -> tuple[Definition, ...]:
        """All definitions of a file, from top to bottom."""
        return self._ask(lambda c: reading.outline(c, path), ())

    def imports(self, path: str) -> tuple[Import, ...]:
        """What a file imports, from top to bottom."""
        return self._ask(lambda c: reading.imports(c, path), ())

    def importers(self, path: str, limit: int = 50) -> tuple[str, ...]:
        """Files that import this one, by the rules of `modules`."""
        return self._ask(lambda c: reading.importers(c, path, limit), ())

    def mentions(self, name: str, limit: int = 200) -> tuple[Mention, ...]:
        """Lines with `name` as a whole identifier of at least two characters, in its case."""
        return self._ask(lambda c: reading.mentions(c, name, limit), ())

    def similar(
        self, words: Sequence[str], *, limit: int = 20, exclude: Collection[str] = ()
    ) -> tuple[Hit, ...]:
        """Passages outside the files `exclude` that share identifiers with `words`, the best first."""
        return self._ask(lambda c: reading.similar(c, words, self._frequent_words(c), limit, exclude), ())

    def siblings(self, path: str) -> tuple[str, ...]:
        """A file's tests, header or interface; of a test, what it tests. The file need not be indexed."""
        return self._ask(lambda c: reading.sibling_files(c, path), ())

    def files(self) -> tuple[str, ...]:
        """Every indexed file, in order."""
        return self._ask(reading.files, ())

    def state(self) -> IndexState:
        """How far the index is, at once."""
        work = self._link.work
        return IndexState(self._files, work.done, work.of, bool(work.orders), work.problem, self._begun_anew)

    def summary(self) -> reading.Summary:
        """What is in the index, in numbers; takes longer than a request should wait."""
        nothing = reading.Summary(str(self._database))
        return self._ask(lambda connection: reading.summary(connection, self._database), nothing)

    @property
    def files_read(self) -> int:
        """How many files were read so far; a second start reads none."""
        return self._link.work.read

    def _changed(self, on_change: Callable[[], None]) -> None:
        self._files = self._count()
        on_change()

    def _count(self) -> int:
        return self._ask(lambda connection: reading.meta(connection, "files"), 0)

    def _say_begun_anew(self, reason: str) -> None:
        self._begun_anew = f"The repository index could not be used and is built anew: {reason}."

    def _ask(self, question: Callable[[sqlite3.Connection], _Answer], otherwise: _Answer) -> _Answer:
        try:
            with self._connected() as connection:
                answer = question(connection)
        except schema.Unusable as unusable:
            if self._is_sound:  # else it is not built yet, and whoever builds it says what was wrong with it
                self._mend(unusable)
        except (sqlite3.Error, OSError, ValueError) as error:
            if isinstance(error, sqlite3.Error) and schema.is_damage(error):
                self._mend(schema.Unusable(schema.DAMAGED))
            else:
                logger.warning("the repository index cannot be read: %s", error)
        else:
            self._is_sound = True
            return answer
        return otherwise

    def _mend(self, unusable: schema.Unusable) -> None:
        """Have an index built anew that broke while it was in use: once, and not against another version of us."""
        if self._is_sound is False or isinstance(unusable, schema.OtherVersion):
            return
        self._is_sound = False
        if not isinstance(unusable, schema.Missing):
            self._say_begun_anew(str(unusable))
        self.rebuild()

    @contextmanager
    def _connected(self) -> "Iterator[sqlite3.Connection]":
        """A connection to the file that is there now; the index may have been begun anew."""
        held = self._current()
        try:
            yield held.connection
        except BaseException:
            held.close()
            raise
        if self._idle.qsize() < _MAX_CONNECTIONS:
            self._idle.put(held)
        else:
            held.close()

    def _current(self) -> "_Connection":
        inode = _inode_of(self._database)
        for held in self._take_idle():
            if held.inode == inode:
                return held
            held.close()
        return _Connection(schema.open_to_read(self._database), inode)

    def _take_idle(self) -> "Iterator[_Connection]":
        while True:
            try:
                yield self._idle.get_nowait()
            except queue.Empty:
                return

    def _frequent_words(self, connection: sqlite3.Connection) -> dict[str, int]:
        """The frequent words, read again when they were counted again."""
        stamp = (_inode_of(self._database), reading.meta(connection, "counted"))
        if self._frequent[0] != stamp:
            self._frequent = (stamp, reading.frequent_words(connection))
        return self._frequent[1]


class _Connection:
    """A connection that is lent out, and the file that it is to."""

    __slots__ = ("connection", "inode")

    def __init__(self, connection: sqlite3.Connection, inode: int) -> None:
        self.connection = connection
        self.inode = inode

    def close(self) -> None:
        self.connection.close()


def _inode_of(database: Path) -> int:
    try:
        return database.stat().st_ino
    except OSError:
        return 0
