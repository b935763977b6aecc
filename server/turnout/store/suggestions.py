"""What became of suggestions, by language and model: given, shown, accepted, turned down, and kept.

Invariant: of the text itself nothing is stored, only how alike it was later.
"""

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from turnout.core.keeping import similarity
from turnout.store.rows import iso
from turnout.store.schema import lend_tables
from turnout.store.totals import as_text
from turnout.store.writer import Job

_FIGURES = """
WITH what AS (
  SELECT id, MAX(event = 'shown') AS shown, MAX(event = 'rejected') AS rejected,
         MAX(event = 'accepted full') AS whole, MAX(event LIKE 'accepted %') AS accepted
  FROM events WHERE at >= :since GROUP BY id
)
SELECT s.language AS language, s.model AS model, COUNT(*) AS offered,
       TOTAL(COALESCE(w.shown, 0) OR COALESCE(w.accepted, 0)) AS shown,
       TOTAL(w.accepted) AS accepted, TOTAL(w.whole) AS whole,
       TOTAL(COALESCE(w.rejected, 0) AND NOT COALESCE(w.accepted, 0)) AS rejected,
       AVG(early.share) AS kept_30_s, AVG(late.share) AS kept_300_s
FROM suggestions s LEFT JOIN what w ON w.id = s.id
LEFT JOIN kept early ON early.id = s.id AND early.after_s = 30
LEFT JOIN kept late ON late.id = s.id AND late.after_s = 300
WHERE s.at >= :since GROUP BY s.language, s.model ORDER BY offered DESC, s.language, s.model
"""


@dataclass(frozen=True, slots=True)
class Figures:
    """The suggestions of one model in one language; shares are from 0 to 1, None where nothing was accepted.

    `shown` counts those that an editor said it showed, or that were accepted; not every editor says so.
    """

    language: str
    model: str
    offered: int
    shown: int
    accepted: int
    whole: int
    rejected: int
    kept_30_s: float | None
    kept_300_s: float | None

    @property
    def acceptance(self) -> float | None:
        """The share of accepted ones among those shown; among those given where no editor says what it shows."""
        among = self.shown if self.shown > self.accepted else self.offered
        return self.accepted / among if among else None


class Queue(Protocol):
    """Something that writes rows by and by."""

    def add(self, job: Job) -> None:
        """Have `job` written; returns at once."""
        ...


class Suggestions:
    """Keeps what becomes of suggestions; returns at once, and compares texts where it writes."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue

    def offered(self, receipt_id: str, language: str, model: str) -> None:
        """A model's suggestion was given to an editor."""
        self._queue.add(_Offered(receipt_id, _now(), as_text(language), as_text(model)))

    def kept(self, receipt_id: str, after_s: int, accepted: str, now: str) -> None:
        """Text that was accepted, and what stands in its place so many seconds later."""
        self._queue.add(_Kept(receipt_id, _now(), after_s, accepted, now))


def figures(path: Path, since: str) -> list[Figures]:
    """What became of the suggestions since a time in ISO form; raises sqlite3.Error for a file that is no ledger."""
    if not path.exists():
        return []
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
        lend_tables(connection)
        rows = connection.execute(_FIGURES, {"since": since}).fetchall()
    return [Figures(*row[:2], *(int(count) for count in row[2:7]), *row[7:]) for row in rows]


def _now() -> datetime:
    return datetime.now().astimezone()


@dataclass(frozen=True, slots=True)
class _Offered:
    """A suggestion that was given."""

    id: str
    at: datetime
    language: str
    model: str

    def write(self, connection: sqlite3.Connection) -> None:
        row = (self.id, iso(self.at), self.language, self.model)
        connection.execute("INSERT OR IGNORE INTO suggestions VALUES (?,?,?,?)", row)

    def over(self, *, written: bool) -> None:
        pass


@dataclass(frozen=True, slots=True)
class _Kept:
    """How much of an accepted one is left."""

    id: str
    at: datetime
    after_s: int
    accepted: str
    now: str

    def write(self, connection: sqlite3.Connection) -> None:
        row = (self.id, self.after_s, iso(self.at), similarity(self.accepted, self.now))
        connection.execute("INSERT OR REPLACE INTO kept VALUES (?,?,?,?)", row)

    def over(self, *, written: bool) -> None:
        pass
