"""How long the ledger keeps what: money for a year and more, keystrokes for a season.

Invariant: a clock that was wrong for less than `SETTLED_DAYS` days of use makes nothing old, in either direction. No
budget is open again because of it.
"""

import sqlite3
from datetime import date, datetime, time, timedelta

from turnout.core.ordering import STALE_S
from turnout.store.edits import KEEP_S

KEEP_DAYS = 400
"""Last year's month beside this year's."""

KEEP_FREE_COMPLETIONS_DAYS = 90
"""Thousands a day, which cost nothing and did not leave the machine."""

SETTLED_DAYS = 14
"""Age is counted back from the oldest of this many newest days of use, and from today where that is earlier."""

_AT_ONCE = 2_000
"""Rows to delete in one transaction: other servers wait for it."""

_OLD = """
SELECT id FROM receipts WHERE day < :old
UNION ALL
SELECT id FROM receipts WHERE day < :stale AND day >= :old AND kind IN ('inline', 'popup')
  AND leaves_machine = 0 AND NOT (cost_usd > 0)
LIMIT :count
"""


_SETTLED = "SELECT DISTINCT day FROM receipts ORDER BY day DESC LIMIT 1 OFFSET ?"


def prune(connection: sqlite3.Connection, now: datetime) -> int:
    """Delete some of what is too old; how many receipts. Has to run inside a transaction."""
    connection.execute("DELETE FROM health WHERE at < ?", (now.timestamp() - STALE_S,))
    settled = connection.execute(_SETTLED, (SETTLED_DAYS - 1,)).fetchone()
    if settled is None:
        return 0
    return _prune(connection, min(now.date(), date.fromisoformat(settled[0])))


def _prune(connection: sqlite3.Connection, day: date) -> int:
    """Delete some of what is too old on `day`."""
    stale = (day - timedelta(days=KEEP_FREE_COMPLETIONS_DAYS)).isoformat()
    old = (day - timedelta(days=KEEP_DAYS)).isoformat()
    ids = connection.execute(_OLD, {"old": old, "stale": stale, "count": _AT_ONCE}).fetchall()
    for statement in (
        "DELETE FROM receipts WHERE id = ?",
        "DELETE FROM figures WHERE id = ?",
        "DELETE FROM tags WHERE id = ?",
        "DELETE FROM sends WHERE receipt = ?",
        "DELETE FROM sends_away WHERE receipt = ?",
        "DELETE FROM shared WHERE receipt = ?",
        "DELETE FROM overspent WHERE receipt = ?",
    ):
        connection.executemany(statement, ids)
    for statement in (
        "DELETE FROM events WHERE at < ?",
        "DELETE FROM suggestions WHERE at < ?",
        "DELETE FROM kept WHERE at < ?",
    ):
        connection.execute(statement, (stale,))
    midnight_s = datetime.combine(day, time()).timestamp()
    for statement in ("DELETE FROM edit_trials WHERE at < ?", "DELETE FROM edit_works WHERE at < ?"):
        connection.execute(statement, (midnight_s - KEEP_S,))
    return len(ids)
