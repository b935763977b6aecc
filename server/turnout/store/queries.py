"""What the ledger tells: the last receipts, and sums over them.

Invariant: reading changes nothing and waits for no writer, also where an older version wrote; where there is no ledger
there is nothing to tell.
"""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Literal, get_args

from turnout.core.health import Spend
from turnout.errors import TurnoutError
from turnout.store.schema import lend_tables
from turnout.store.totals import amounts, sum_of

By = Literal["kind", "model", "provider", "workspace", "branch", "day", "environment"]
"""What sums are told apart by."""

BYS: tuple[By, ...] = get_args(By)

Unreadable = sqlite3.Error
"""What reading a file raises that is no ledger."""

_SPEND = """
SELECT day, model, kind, leaves_machine AS leavesMachine, COUNT(*) AS requests, TOTAL(cost_usd) AS costUsd,
       SUM(cost_usd IS NULL) AS unpriced, SUM(bytes_sent) AS bytesSent,
       SUM(tokens_in) AS tokensIn, SUM(tokens_out) AS tokensOut
FROM receipts WHERE day >= ? AND model IS NOT NULL
GROUP BY day, model, kind, leaves_machine ORDER BY day DESC, costUsd DESC, requests DESC
"""

_NAMES: dict[By, str] = {
    "kind": "r.kind",
    "model": "COALESCE(s.model, r.model, '')",
    "provider": "COALESCE(s.provider, t.provider, '')",
    "workspace": "r.workspace",
    "branch": "COALESCE(t.branch, '')",
    "day": "r.day",
    "environment": "COALESCE(t.environment, '')",
}

# A request that went to several models has a row in `sends` for each: those are summed, not the receipt once for each.
_LINES = """
SELECT {name} AS name,
       COUNT(DISTINCT r.id) AS requests,
       COUNT(DISTINCT CASE WHEN r.outcome LIKE 'failed%' OR r.outcome LIKE 'late%' THEN r.id END) AS failed,
       COUNT(DISTINCT CASE WHEN r.leaves_machine THEN r.id END) AS left_machine,
       SUM(CASE WHEN s.receipt IS NULL THEN r.tokens_in ELSE s.tokens_in END) AS tokens_in,
       SUM(CASE WHEN s.receipt IS NULL THEN r.tokens_out ELSE s.tokens_out END) AS tokens_out,
       SUM(CASE WHEN s.receipt IS NULL THEN r.tokens_cached ELSE s.tokens_cached END) AS tokens_cached,
       TOTAL(CASE WHEN s.receipt IS NULL THEN r.cost_usd ELSE s.cost_usd END) AS cost_usd,
       TOTAL(CASE WHEN s.receipt IS NULL AND t.estimated THEN r.cost_usd
                  WHEN s.estimated THEN s.cost_usd END) AS estimated_usd,
       SUM(CASE WHEN s.receipt IS NULL THEN r.cost_usd IS NULL ELSE s.cost_usd IS NULL END) AS unpriced
FROM receipts r LEFT JOIN tags t ON t.id = r.id LEFT JOIN sends s ON s.receipt = r.id
WHERE r.at >= ? GROUP BY name ORDER BY cost_usd DESC, requests DESC, name
"""


@dataclass(frozen=True, slots=True)
class Line:
    """What the requests under one name came to; `estimated_usd` is the part of the cost that nobody confirmed.

    `unpriced` counts what went to a model whose price is unknown, and is not in the cost.
    """

    name: str
    requests: int
    failed: int
    left_machine: int
    tokens_in: int
    tokens_out: int
    tokens_cached: int
    cost_usd: float
    estimated_usd: float
    unpriced: int


def last_receipts(path: Path, count: int) -> list[dict[str, Any]]:
    """The newest receipts on disk as clients are promised them, newest first; none where there is no database."""
    with _reading(path) as connection:
        if connection is None:
            return []
        rows = connection.execute(
            "SELECT receipt, at FROM receipts ORDER BY at DESC, rowid DESC LIMIT ?", (count,)
        )
        return [{**json.loads(receipt), "at": at} for receipt, at in rows]


def spend_by_day(path: Path, first_day: str) -> list[dict[str, Any]]:
    """Requests and dollars by day, model and kind since `first_day` (ISO), newest first; `unpriced` had no price."""
    with _reading(path) as connection:
        if connection is None:
            return []
        connection.row_factory = sqlite3.Row
        rows = connection.execute(_SPEND, (first_day,))
        return [{**row, "leavesMachine": bool(row["leavesMachine"])} for row in map(dict, rows)]


def lines(path: Path, by: By, since: str) -> list[Line]:
    """Sums over all requests since the time or day `since` (ISO, local), the dearest first; days in their order."""
    with _reading(path) as connection:
        if connection is None:
            return []
        found = [Line(*row) for row in connection.execute(_LINES.format(name=_NAMES[by]), (since,))]
    return sorted(found, key=lambda line: line.name) if by == "day" else found


def set_aside_usd(path: Path) -> float:
    """Dollars set aside for requests under way, and for those that nobody came back for yet."""
    with _reading(path) as connection:
        if connection is None:
            return 0.0
        return float(connection.execute("SELECT TOTAL(usd) FROM reservations").fetchone()[0])


def spent(path: Path, workspace: str, today: date) -> Spend:
    """What was spent and set aside by `today`, in `workspace` and in all; nothing where there is no database.

    Raises TurnoutError where the database cannot be read.
    """
    try:
        with _reading(path) as connection:
            found = [] if connection is None else amounts(connection, today)
    except sqlite3.Error as exc:
        raise TurnoutError(f"What was spent cannot be read from {path}: {exc}.") from exc
    return sum_of(found, today, workspace)


@contextmanager
def _reading(path: Path) -> Iterator[sqlite3.Connection | None]:
    if not path.exists():
        yield None
        return
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
        lend_tables(connection)
        yield connection
