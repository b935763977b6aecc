"""The receipts of every request of the user, shared by all servers, and what was spent today.

Invariants: recording never waits for the disk; a database that cannot be used costs the record, never the request.
"""

import json
import logging
import sqlite3
import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from turnout.core.receipts import Receipt

logger = logging.getLogger(__name__)

_SCHEMA = """
CREATE TABLE IF NOT EXISTS receipts (
  id TEXT PRIMARY KEY,
  day TEXT NOT NULL,
  at TEXT NOT NULL,
  workspace TEXT NOT NULL,
  kind TEXT NOT NULL,
  model TEXT,
  leaves_machine INTEGER NOT NULL,
  bytes_sent INTEGER NOT NULL,
  tokens_in INTEGER NOT NULL,
  tokens_out INTEGER NOT NULL,
  tokens_cached INTEGER NOT NULL,
  cost_usd REAL,
  total_ms REAL NOT NULL,
  outcome TEXT NOT NULL,
  receipt TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS receipts_by_day ON receipts (day);
CREATE TABLE IF NOT EXISTS events (id TEXT NOT NULL, at TEXT NOT NULL, event TEXT NOT NULL, length INTEGER);
"""

_BUSY_MS = 5000


def _now() -> datetime:
    return datetime.now().astimezone()


class Ledger:
    """Receipts in one SQLite file; a thread of its own writes them, in order."""

    def __init__(self, path: Path, workspace: str = "", now: Callable[[], datetime] = _now) -> None:
        self._path = path
        self._workspace = workspace
        self._now = now
        self._queue: SimpleQueue[tuple[str, tuple[Any, ...]] | threading.Event | None] = SimpleQueue()
        self._spent: tuple[str, float] = ("", 0.0)
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._write, name="turnout-ledger", daemon=True)
        self._thread.start()

    def record(self, receipt: Receipt) -> None:
        """Keep a receipt; returns at once."""
        at = self._now()
        with self._lock:
            day, spent = self._spent
            if day == at.date().isoformat():
                self._spent = (day, spent + (receipt.cost_usd or 0.0))
        self._queue.put(
            (
                "INSERT OR REPLACE INTO receipts VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
                (
                    receipt.id,
                    at.date().isoformat(),
                    at.isoformat(timespec="milliseconds"),
                    self._workspace,
                    receipt.kind,
                    receipt.model,
                    int(receipt.leaves_machine),
                    receipt.bytes_sent,
                    receipt.tokens_in,
                    receipt.tokens_out,
                    receipt.tokens_cached,
                    receipt.cost_usd,
                    receipt.total_ms,
                    receipt.outcome,
                    json.dumps(receipt.to_wire(), ensure_ascii=True),
                ),
            )
        )

    def event(self, receipt_id: str, event: str, length: int | None = None) -> None:
        """Keep what became of a suggestion (`shown`, `accepted full`, `rejected`); `length` in characters."""
        at = self._now().isoformat(timespec="milliseconds")
        self._queue.put(("INSERT INTO events VALUES (?,?,?,?)", (receipt_id, at, event, length)))

    def spent_today_usd(self) -> float:
        """Dollars spent since local midnight by all servers of the user, as last seen on disk, plus our own since."""
        with self._lock:
            return self._spent[1] if self._spent[0] == self._now().date().isoformat() else 0.0

    def last(self, count: int) -> list[dict[str, Any]]:
        """The newest receipts as clients are promised them, newest first; waits for those not yet on disk."""
        self.flush()
        try:
            return last_receipts(self._path, count)
        except sqlite3.Error as error:
            logger.warning("receipts cannot be read: %s", error)
            return []

    def flush(self, timeout_s: float = 5.0) -> None:
        """Wait until everything recorded so far is on disk."""
        written = threading.Event()
        self._queue.put(written)
        written.wait(timeout_s)

    def close(self) -> None:
        """Write what is left and stop."""
        self._queue.put(None)
        self._thread.join(timeout=5.0)

    def _write(self) -> None:
        connection = self._open()
        try:
            while (item := self._queue.get()) is not None:
                if isinstance(item, threading.Event):
                    item.set()
                elif connection is not None:
                    self._run(connection, *item)
        finally:
            if connection is not None:
                connection.close()

    def _open(self) -> sqlite3.Connection | None:
        connection: sqlite3.Connection | None = None
        try:
            connection = sqlite3.connect(self._path, isolation_level=None)
            connection.execute(f"PRAGMA busy_timeout = {_BUSY_MS}")
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.executescript(_SCHEMA)
            self._path.chmod(0o600)
            self._refresh(connection)
        except (sqlite3.Error, OSError) as error:
            logger.warning("receipts are not kept: %s: %s", self._path, error)
            if connection is not None:
                connection.close()
            return None
        return connection

    def _run(self, connection: sqlite3.Connection, statement: str, values: tuple[Any, ...]) -> None:
        try:
            connection.execute(statement, values)
            self._refresh(connection)
        except sqlite3.Error as error:
            logger.warning("a receipt was not kept: %s", error)

    def _refresh(self, connection: sqlite3.Connection) -> None:
        """Read what every server of the user has spent today."""
        day = self._now().date().isoformat()
        row = connection.execute("SELECT TOTAL(cost_usd) FROM receipts WHERE day = ?", (day,)).fetchone()
        with self._lock:
            self._spent = (day, float(row[0]))


def last_receipts(path: Path, count: int) -> list[dict[str, Any]]:
    """The newest receipts on disk as clients are promised them, newest first; none where there is no database."""
    if not path.exists():
        return []
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        rows = connection.execute(
            "SELECT receipt FROM receipts ORDER BY at DESC, rowid DESC LIMIT ?", (count,)
        )
        return [json.loads(row[0]) for row in rows]
    finally:
        connection.close()
