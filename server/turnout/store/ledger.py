"""The receipts of every request of the user, shared by all servers, and the money that is left for the next one.

Invariants: recording never waits for the disk; what cost money is written at once; a reservation is granted only once
it is on disk, so that all servers together stay within a limit; a database that cannot be used costs the record, and
under a limit the request.
"""

import asyncio
import contextlib
import logging
import os
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from turnout.core.health import ModelHealth, Spend
from turnout.core.limits import Limit
from turnout.core.models import Model
from turnout.core.receipts import Receipt
from turnout.core.spending import Refusal, Reservation
from turnout.store import reservations
from turnout.store.branch import branch_of
from turnout.store.environment import environment_of
from turnout.store.health import Seen, note
from turnout.store.queries import last_receipts, spend_by_day
from turnout.store.retention import prune
from turnout.store.rows import Tags, insert_event, insert_receipt
from turnout.store.totals import Amount, amounts, as_text, sum_of
from turnout.store.writer import Job, Writer

logger = logging.getLogger(__name__)

SWEEP_S = 60.0
"""How often a server looks for what others left behind, while it has something to write itself."""


def _now() -> datetime:
    return datetime.now().astimezone()


class Ledger:
    """Receipts and reservations in one SQLite file; a thread of its own writes them, in order."""

    def __init__(self, path: Path, now: Callable[[], datetime] = _now) -> None:
        self._path = path
        self._now = now
        self._environment = environment_of(os.environ)
        self._lock = threading.Lock()
        self._on_disk: list[Amount] = []
        self._off_disk: list[Amount] = []
        """Of receipts that are still to be written, or could not be: a budget must not open because a disk is full."""
        self._sums: dict[tuple[str, str, bool], Spend] = {}
        """What was answered since something changed: every keystroke asks."""
        self._swept: datetime | None = None
        self._writer = Writer(path, self._begin, self._refresh)

    def record(self, receipt: Receipt) -> None:
        """Keep a receipt; returns at once."""
        at, cost_usd = self._now(), receipt.cost_usd or 0.0
        amount = Amount(as_text(receipt.workspace), at.date().isoformat(), cost_usd)
        if cost_usd > 0:
            with self._lock:
                self._off_disk.append(amount)
                self._sums.clear()
        self._writer.add(_Record(self, receipt, at, amount), urgent=cost_usd > 0)

    def event(self, receipt_id: str, event: str, length: int | None = None) -> None:
        """Keep what became of a suggestion (`shown`, `accepted full`, `rejected`); `length` in characters."""
        self._writer.add(_Event(receipt_id, self._now(), event, length), urgent=False)

    def add(self, job: Job) -> None:
        """Have something of another table written; returns at once."""
        self._writer.add(job, urgent=False)

    def reserve(
        self, reservation: Reservation, limits: tuple[Limit, ...]
    ) -> "asyncio.Future[Refusal | None]":
        """Set aside what a send may cost at worst: None once it is on disk, or why it may not be sent.

        The receipt with its `receipt_id` takes its place, also where nobody waits for the answer.
        """
        answer: asyncio.Future[Refusal | None] = asyncio.get_running_loop().create_future()
        self._writer.add(_Reserve(self, reservation, limits, self._now(), answer), urgent=True)
        return answer

    def settle(self, reservation_id: str, usd: float | None) -> None:
        """Say what one send of a request came to that is not over yet; None leaves it at its worst case."""
        self._writer.add(_Settle(reservation_id, usd), urgent=True)

    def health(self, model: Model, health: ModelHealth, left_s: float | None) -> None:
        """Keep how `model` does, for those who have no server to ask; see `store.health.Seen`."""
        self._writer.add(_Seen(Seen(model, health, left_s, self._now().timestamp())), urgent=False)

    def spent(self, workspace: str) -> Spend:
        """What all servers of the user have spent and set aside, as last seen on disk, plus our own since."""
        return self._sum(workspace, reserved=True)

    def settled(self, workspace: str) -> Spend:
        """What they have spent; what is only set aside is not in it."""
        return self._sum(workspace, reserved=False)

    def spent_today_usd(self) -> float:
        """Dollars that all servers of the user have spent since local midnight."""
        return self.settled("").today_usd

    def _sum(self, workspace: str, *, reserved: bool) -> Spend:
        today = self._now().date()
        key = (today.isoformat(), workspace, reserved)
        with self._lock:
            if key not in self._sums:
                on_disk = self._on_disk if reserved else [a for a in self._on_disk if not a.reserved]
                self._sums[key] = sum_of([*on_disk, *self._off_disk], today, workspace)
            return self._sums[key]

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
        self._writer.flush(timeout_s)

    def close(self) -> None:
        """Write what is left and stop."""
        self._writer.close()

    def tags(self, workspace: str) -> Tags:
        """What rows of a workspace are told apart by. Looks at the disk."""
        return Tags(as_text(workspace), branch_of(workspace), self._environment)

    def on_disk(self, amount: Amount) -> None:
        """Forget a cost that is on disk by now."""
        with self._lock, contextlib.suppress(ValueError):
            self._off_disk.remove(amount)
            self._sums.clear()

    def _begin(self, connection: sqlite3.Connection) -> None:
        with connection:
            connection.execute("BEGIN IMMEDIATE")
            prune(connection, self._now())
        self._refresh(connection)

    def _refresh(self, connection: sqlite3.Connection) -> None:
        """Read what every server of the user has spent, and now and then clean up after those that are gone."""
        now = self._now()
        if self._swept is None or abs((now - self._swept).total_seconds()) >= SWEEP_S:
            self._swept = now
            with connection:
                connection.execute("BEGIN IMMEDIATE")
                reservations.bury(connection, now)
        seen = amounts(connection, now.date())
        with self._lock:
            self._on_disk = seen
            self._sums.clear()


@dataclass(frozen=True, slots=True)
class _Record:
    """A receipt to write."""

    ledger: Ledger
    receipt: Receipt
    at: datetime
    amount: Amount

    def write(self, connection: sqlite3.Connection) -> None:
        insert_receipt(connection, self.receipt, self.at, self.ledger.tags(self.receipt.workspace))

    def over(self, *, written: bool) -> None:
        if written:
            self.ledger.on_disk(self.amount)


@dataclass(frozen=True, slots=True)
class _Event:
    """What became of a suggestion."""

    receipt_id: str
    at: datetime
    event: str
    length: int | None

    def write(self, connection: sqlite3.Connection) -> None:
        insert_event(connection, self.receipt_id, self.at, self.event, self.length)

    def over(self, *, written: bool) -> None:
        pass


@dataclass(frozen=True, slots=True)
class _Seen:
    """How a model does."""

    seen: Seen

    def write(self, connection: sqlite3.Connection) -> None:
        note(connection, self.seen)

    def over(self, *, written: bool) -> None:
        pass


@dataclass(slots=True)
class _Reserve:
    """Money to set aside, and who waits to hear of it."""

    ledger: Ledger
    reservation: Reservation
    limits: tuple[Limit, ...]
    at: datetime
    answer: "asyncio.Future[Refusal | None]"
    refusal: Refusal | None = field(default_factory=lambda: Refusal(None))

    def write(self, connection: sqlite3.Connection) -> None:
        tags = self.ledger.tags(self.reservation.workspace)
        self.refusal = reservations.reserve(connection, self.reservation, self.limits, self.at, tags)

    def over(self, *, written: bool) -> None:
        refusal = self.refusal if written else Refusal(None)
        with contextlib.suppress(RuntimeError):  # its loop is closed: nobody waits any more
            self.answer.get_loop().call_soon_threadsafe(self._tell, refusal)

    def _tell(self, refusal: Refusal | None) -> None:
        if not self.answer.done():
            self.answer.set_result(refusal)


@dataclass(frozen=True, slots=True)
class _Settle:
    """What one send came to."""

    reservation_id: str
    usd: float | None

    def write(self, connection: sqlite3.Connection) -> None:
        reservations.settle(connection, self.reservation_id, self.usd)

    def over(self, *, written: bool) -> None:
        pass
