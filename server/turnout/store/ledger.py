"""The receipts of every request of the user, shared by all servers, and what was spent today.

Invariants: recording never waits for the disk, and seldom for a thread to wake; what cost money is written at once;
a database that cannot be used costs the record, never the request.
"""

import json
import logging
import sqlite3
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
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
CREATE INDEX IF NOT EXISTS receipts_by_time ON receipts (at);
CREATE TABLE IF NOT EXISTS events (id TEXT NOT NULL, at TEXT NOT NULL, event TEXT NOT NULL, length INTEGER);
CREATE TABLE IF NOT EXISTS figures (
  id TEXT PRIMARY KEY,
  tokens_evaluated INTEGER,
  queue_ms REAL,
  prefill_ms REAL,
  first_token_ms REAL,
  model_ms REAL,
  stop_ms REAL
);
"""
"""Grows by tables, not by columns: servers of an older version go on writing to the same file."""

_SPEND = """
SELECT day, model, kind, leaves_machine AS leavesMachine, COUNT(*) AS requests, TOTAL(cost_usd) AS costUsd,
       SUM(cost_usd IS NULL) AS unpriced, SUM(bytes_sent) AS bytesSent,
       SUM(tokens_in) AS tokensIn, SUM(tokens_out) AS tokensOut
FROM receipts WHERE day >= ? AND model IS NOT NULL
GROUP BY day, model, kind, leaves_machine ORDER BY day DESC, costUsd DESC, requests DESC
"""

_BUSY_MS = 5000

LINGER_S = 2.0
"""How long what cost nothing may wait for more of its kind: waking a thread costs a keystroke more than its receipt."""


@dataclass(frozen=True, slots=True)
class _Event:
    """What became of a suggestion."""

    receipt_id: str
    event: str
    length: int | None


def _now() -> datetime:
    return datetime.now().astimezone()


class Ledger:
    """Receipts in one SQLite file; a thread of its own writes them, in order."""

    def __init__(self, path: Path, workspace: str = "", now: Callable[[], datetime] = _now) -> None:
        self._path = path
        self._workspace = workspace
        self._now = now
        self._wake = threading.Condition()
        self._waiting: list[tuple[datetime, Receipt | _Event]] = []
        self._flushed: list[threading.Event] = []
        self._urgent = False
        self._closing = False
        self._spent: tuple[str, float] = ("", 0.0)
        self._thread = threading.Thread(target=self._main, name="turnout-ledger", daemon=True)
        self._thread.start()

    def record(self, receipt: Receipt) -> None:
        """Keep a receipt; returns at once."""
        at, cost = self._now(), receipt.cost_usd or 0.0
        with self._wake:
            day, spent = self._spent
            today = at.date().isoformat()
            # Also where nothing can be written: a budget must not open because a disk is full.
            self._spent = (today, (spent if day == today else 0.0) + cost)
            self._add(at, receipt, urgent=cost > 0)

    def event(self, receipt_id: str, event: str, length: int | None = None) -> None:
        """Keep what became of a suggestion (`shown`, `accepted full`, `rejected`); `length` in characters."""
        at = self._now()
        with self._wake:
            self._add(at, _Event(receipt_id, event, length), urgent=False)

    def spent_today_usd(self) -> float:
        """Dollars spent since local midnight by all servers of the user, as last seen on disk, plus our own since."""
        with self._wake:
            day, spent = self._spent
            return spent if spent and day == self._now().date().isoformat() else 0.0

    def last(self, count: int) -> list[dict[str, Any]]:
        """The newest receipts as clients are promised them, newest first; waits for those not yet on disk."""
        self.flush()
        try:
            return last_receipts(self._path, count)
        except sqlite3.Error as error:
            logger.warning("receipts cannot be read: %s", error)
            return []

    def spend(self, days: int) -> list[dict[str, Any]]:
        """What today and the days before it cost, `days` in all; see `spend_by_day`."""
        self.flush()
        first = self._now().date() - timedelta(days=days - 1)
        try:
            return spend_by_day(self._path, first.isoformat())
        except sqlite3.Error as error:
            logger.warning("receipts cannot be read: %s", error)
            return []

    def flush(self, timeout_s: float = 5.0) -> None:
        """Wait until everything recorded so far is on disk."""
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

    def _add(self, at: datetime, item: Receipt | _Event, *, urgent: bool) -> None:
        self._waiting.append((at, item))
        if urgent:
            self._hurry()
        elif len(self._waiting) == 1:
            self._wake.notify()

    def _hurry(self) -> None:
        self._urgent = True
        self._wake.notify()

    def _main(self) -> None:
        connection = self._open()
        try:
            while self._write_next(connection):
                pass
        finally:
            if connection is not None:
                connection.close()

    def _write_next(self, connection: sqlite3.Connection | None) -> bool:
        """Wait for something to write, write it; False when that was the last."""
        with self._wake:
            self._wake.wait_for(lambda: self._waiting or self._urgent)
            self._wake.wait_for(lambda: self._urgent, LINGER_S)
            batch, self._waiting = self._waiting, []
            flushed, self._flushed = self._flushed, []
            self._urgent = False
            going = not self._closing
        if connection is not None:
            self._write(connection, batch)
        for event in flushed:
            event.set()
        return going

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

    def _write(
        self, connection: sqlite3.Connection, batch: Iterable[tuple[datetime, Receipt | _Event]]
    ) -> None:
        try:
            with connection:
                connection.execute("BEGIN IMMEDIATE")
                for at, item in batch:
                    self._insert(connection, at, item)
            self._refresh(connection)
        except sqlite3.Error as error:
            logger.warning("receipts were not kept: %s", error)

    def _insert(self, connection: sqlite3.Connection, at: datetime, item: Receipt | _Event) -> None:
        """One row; values that no row can hold (a server may claim any number of tokens) cost that row alone."""
        try:
            if isinstance(item, Receipt):
                self._insert_receipt(connection, at, item)
            else:
                values = (item.receipt_id, at.isoformat(timespec="milliseconds"), item.event, item.length)
                connection.execute("INSERT INTO events VALUES (?,?,?,?)", values)
        except (OverflowError, ValueError) as error:
            logger.warning("a receipt was not kept: %s", error)

    def _insert_receipt(self, connection: sqlite3.Connection, at: datetime, receipt: Receipt) -> None:
        connection.execute(
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
        if receipt.model_ms is not None:
            self._insert_figures(connection, receipt)

    def _insert_figures(self, connection: sqlite3.Connection, receipt: Receipt) -> None:
        """What the local worker told of a request."""
        connection.execute(
            "INSERT OR REPLACE INTO figures VALUES (?,?,?,?,?,?,?)",
            (
                receipt.id,
                receipt.tokens_evaluated,
                receipt.queue_ms,
                receipt.prefill_ms,
                receipt.first_token_ms,
                receipt.model_ms,
                receipt.stop_ms,
            ),
        )

    def _refresh(self, connection: sqlite3.Connection) -> None:
        """Read what every server of the user has spent today; what is not on disk yet comes on top."""
        day = self._now().date().isoformat()
        row = connection.execute("SELECT TOTAL(cost_usd) FROM receipts WHERE day = ?", (day,)).fetchone()
        with self._wake:
            waiting = sum(item.cost_usd or 0.0 for _, item in self._waiting if isinstance(item, Receipt))
            self._spent = (day, float(row[0]) + waiting)


def last_receipts(path: Path, count: int) -> list[dict[str, Any]]:
    """The newest receipts on disk as clients are promised them, newest first; none where there is no database."""
    if not path.exists():
        return []
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        rows = connection.execute(
            "SELECT receipt, at FROM receipts ORDER BY at DESC, rowid DESC LIMIT ?", (count,)
        )
        return [{**json.loads(receipt), "at": at} for receipt, at in rows]
    finally:
        connection.close()


def spend_by_day(path: Path, first_day: str) -> list[dict[str, Any]]:
    """Requests and dollars by day, model and kind since `first_day` (ISO), newest first; `unpriced` had no price."""
    if not path.exists():
        return []
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        connection.row_factory = sqlite3.Row
        rows = connection.execute(_SPEND, (first_day,))
        return [{**row, "leavesMachine": bool(row["leavesMachine"])} for row in map(dict, rows)]
    finally:
        connection.close()
