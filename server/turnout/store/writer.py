"""One thread that writes to the ledger, in the order in which it was asked to.

Invariants: asking never waits for the disk, and seldom for a thread to wake; every job hears exactly once whether it
is on disk; a job that cannot be written costs itself alone.
"""

import logging
import sqlite3
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from turnout.store.schema import open_database

logger = logging.getLogger(__name__)

LINGER_S = 2.0
"""How long what is not urgent may wait for more of its kind: waking a thread costs a keystroke more than a receipt."""


_UNFIT = (OverflowError, TypeError, ValueError, sqlite3.DataError, sqlite3.IntegrityError)
"""What a job raises whose values no row can hold."""


class Job(Protocol):
    """Something to write."""

    def write(self, connection: sqlite3.Connection) -> None:
        """Do it, inside a transaction; the errors in `_UNFIT` say that no row can hold it."""
        ...

    def over(self, *, written: bool) -> None:
        """Hear on the writer's thread whether the transaction is on disk."""
        ...


class Writer:
    """Owns the connection and its thread; `after` is called with the connection whenever something was written."""

    def __init__(
        self,
        path: Path,
        begin: Callable[[sqlite3.Connection], None],
        after: Callable[[sqlite3.Connection], None],
    ) -> None:
        self._path = path
        self._begin = begin
        self._after = after
        self._wake = threading.Condition()
        self._waiting: list[Job] = []
        self._flushed: list[threading.Event] = []
        self._urgent = False
        self._closing = False
        self._thread = threading.Thread(target=self._main, name="turnout-ledger", daemon=True)
        self._thread.start()

    def add(self, job: Job, *, urgent: bool) -> None:
        """Have `job` written, at once where it is urgent; returns at once either way."""
        with self._wake:
            self._waiting.append(job)
            if urgent:
                self._hurry()
            elif len(self._waiting) == 1:
                self._wake.notify()

    def flush(self, timeout_s: float = 5.0) -> None:
        """Wait until everything asked for so far is on disk, or was given up."""
        flushed = threading.Event()
        with self._wake:
            self._flushed.append(flushed)
            self._hurry()
        flushed.wait(timeout_s)

    def close(self) -> None:
        """Write what is left and stop."""
        with self._wake:
            self._closing = True
            self._hurry()
        self._thread.join(timeout=5.0)

    def _hurry(self) -> None:
        self._urgent = True
        self._wake.notify()

    def _main(self) -> None:
        connection = open_database(self._path)
        try:
            if connection is not None:
                self._start(connection)
            while self._write_next(connection):
                pass
        finally:
            if connection is not None:
                connection.close()

    def _start(self, connection: sqlite3.Connection) -> None:
        try:
            self._begin(connection)
        except sqlite3.Error as error:
            logger.warning("the ledger cannot be read: %s", error)

    def _write_next(self, connection: sqlite3.Connection | None) -> bool:
        """Wait for something to write, write it; False when that was the last."""
        with self._wake:
            self._wake.wait_for(lambda: self._waiting or self._urgent)
            self._wake.wait_for(lambda: self._urgent, LINGER_S)
            jobs, self._waiting = self._waiting, []
            flushed, self._flushed = self._flushed, []
            self._urgent = False
            going = not self._closing
        written = self._write(connection, jobs) if connection is not None else frozenset()
        if written and connection is not None:
            # Before the jobs hear of it: a cost must not be missing between what waits and what is on disk.
            self._tell(connection)
        for number, job in enumerate(jobs):
            job.over(written=number in written)
        for event in flushed:
            event.set()
        return going

    def _tell(self, connection: sqlite3.Connection) -> None:
        try:
            self._after(connection)
        except sqlite3.Error as error:
            logger.warning("the ledger cannot be read: %s", error)
        except Exception:  # whoever waits for this thread would wait for ever
            logger.exception("what was spent cannot be told")

    def _write(self, connection: sqlite3.Connection, jobs: Sequence[Job]) -> frozenset[int]:
        """Write all jobs in one transaction; the numbers of those that are on disk by then."""
        try:
            with connection:
                connection.execute("BEGIN IMMEDIATE")
                return frozenset(n for n, job in enumerate(jobs) if _write_one(connection, job))
        except sqlite3.Error as error:
            logger.warning("receipts were not kept: %s", error)
            return frozenset()


def _write_one(connection: sqlite3.Connection, job: Job) -> bool:
    """One job; values that no row can hold (a server may claim any number of tokens) cost that job alone."""
    connection.execute("SAVEPOINT job")
    try:
        job.write(connection)
    except _UNFIT as error:
        connection.execute("ROLLBACK TO job")
        connection.execute("RELEASE job")
        logger.warning("a receipt was not kept: %s", error)
        return False
    connection.execute("RELEASE job")
    return True
