"""How long the ledger keeps what: money for a year and more, keystrokes for a season."""

import sqlite3
from datetime import datetime, timedelta

from turnout.core.ordering import STALE_S
from turnout.store.edits import KEEP_S

KEEP_DAYS = 400
"""Last year's month beside this year's."""

KEEP_FREE_COMPLETIONS_DAYS = 90
"""Thousands a day, which cost nothing and did not leave the machine."""

_AT_ONCE = 2_000
"""Rows to delete in one transaction: other servers wait for it."""

_OLD = """
SELECT id FROM receipts WHERE day < :old
UNION ALL
SELECT id FROM receipts WHERE day < :stale AND day >= :old AND kind IN ('inline', 'popup')
  AND leaves_machine = 0 AND NOT (cost_usd > 0)
LIMIT :count
"""


def prune(connection: sqlite3.Connection, now: datetime) -> int:
    """Delete some of what is too old; how many receipts. Has to run inside a transaction."""
    values = {
        "old": (now.date() - timedelta(days=KEEP_DAYS)).isoformat(),
        "stale": (now.date() - timedelta(days=KEEP_FREE_COMPLETIONS_DAYS)).isoformat(),
        "count": _AT_ONCE,
    }
    ids = connection.execute(_OLD, values).fetchall()
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
        connection.execute(statement, (values["stale"],))
    connection.execute("DELETE FROM health WHERE at < ?", (now.timestamp() - STALE_S,))
    for statement in ("DELETE FROM edit_trials WHERE at < ?", "DELETE FROM edit_works WHERE at < ?"):
        connection.execute(statement, (now.timestamp() - KEEP_S,))
    return len(ids)
