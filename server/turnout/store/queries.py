"""What the ledger tells: the last receipts, and sums over them.

Invariant: reading changes nothing and waits for no writer, also where an older version wrote; where there is no ledger
there is nothing to tell.
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Literal, get_args

from turnout.core.health import Health, Spend
from turnout.core.models import Model
from turnout.errors import TurnoutError
from turnout.store.health import seen_lately
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
    "model": "COALESCE(p.model, '')",
    "provider": "p.provider",
    "workspace": "r.workspace",
    "branch": "COALESCE(t.branch, '')",
    "day": "r.day",
    "environment": "COALESCE(t.environment, '')",
}

_BY_PART: frozenset[By] = frozenset({"model", "provider"})
"""Views in which the parts of one request may be told apart."""

# The parts of a request: what each model that it went to came to. One without rows in `sends` went to its own only;
# one that ended at a model that text never got to has an empty part there, so that it is counted once all the same.
# Before there was `sends_away`, a part was taken to have left the machine where its request had and it was not local.
_LINES = """
WITH parts AS (
  SELECT r.id, r.model, COALESCE(t.provider, '') AS provider, 1 AS answering, r.leaves_machine AS away,
         r.tokens_in, r.tokens_out, r.tokens_cached, r.cost_usd, COALESCE(t.estimated, 0) AS estimated
  FROM receipts r LEFT JOIN tags t ON t.id = r.id
  WHERE r.at >= :since AND NOT EXISTS (SELECT 1 FROM sends WHERE receipt = r.id)
  UNION ALL
  SELECT r.id, s.model, s.provider, s.model IS r.model,
         CASE WHEN NOT r.leaves_machine THEN 0
              WHEN EXISTS (SELECT 1 FROM sends_away WHERE receipt = r.id)
              THEN EXISTS (SELECT 1 FROM sends_away WHERE receipt = r.id AND number = s.number)
              ELSE s.provider <> 'local' END,
         s.tokens_in, s.tokens_out, s.tokens_cached, s.cost_usd, s.estimated
  FROM receipts r JOIN sends s ON s.receipt = r.id WHERE r.at >= :since
  UNION ALL
  SELECT r.id, r.model, '', 1, 0, 0, 0, 0, 0.0, 0
  FROM receipts r WHERE r.at >= :since AND EXISTS (SELECT 1 FROM sends WHERE receipt = r.id)
  AND NOT EXISTS (SELECT 1 FROM sends WHERE receipt = r.id AND model IS r.model)
)
SELECT {name} AS name,
       COUNT(DISTINCT CASE WHEN p.answering THEN r.id END) AS requests,
       COUNT(DISTINCT CASE WHEN p.answering AND (r.outcome LIKE 'failed%' OR r.outcome LIKE 'late%')
                           THEN r.id END) AS failed,
       COUNT(DISTINCT CASE WHEN p.away THEN r.id END) AS left_machine,
       SUM(p.tokens_in) AS tokens_in,
       SUM(p.tokens_out) AS tokens_out,
       SUM(p.tokens_cached) AS tokens_cached,
       TOTAL(p.cost_usd) AS cost_usd,
       TOTAL(CASE WHEN p.estimated THEN p.cost_usd END) AS estimated_usd,
       SUM(p.cost_usd IS NULL) AS unpriced,
       TOTAL(CASE WHEN EXISTS (SELECT 1 FROM overspent WHERE receipt = r.id) THEN p.cost_usd END) AS overspent_usd
FROM parts p JOIN receipts r ON r.id = p.id LEFT JOIN tags t ON t.id = r.id
WHERE p.answering OR p.cost_usd IS NULL OR p.cost_usd > 0 OR NOT :by_part
GROUP BY name ORDER BY cost_usd DESC, requests DESC, name
"""


@dataclass(frozen=True, slots=True)
class Line:
    """What the requests under one name came to; `estimated_usd` is the part of the cost that nobody confirmed.

    Each request counts once: by model and provider, at the one that answered it, or that was asked last. One that was
    tried before that has its tokens and its cost, where there was any; `left_machine` counts requests whose text left
    this machine for whoever stands in the line.
    `unpriced` counts what went to a model whose price is unknown, and is not in the cost.
    `overspent_usd` is the part of the cost of requests that the user allowed to go over a limit.
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
    overspent_usd: float = 0.0


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
        values = {"since": since, "by_part": by in _BY_PART}
        found = [Line(*row) for row in connection.execute(_LINES.format(name=_NAMES[by]), values)]
    return sorted(found, key=lambda line: line.name) if by == "day" else found


def set_aside_usd(path: Path) -> float:
    """Dollars set aside for requests under way, and for those that nobody came back for yet."""
    with _reading(path) as connection:
        if connection is None:
            return 0.0
        return float(connection.execute("SELECT TOTAL(usd) FROM reservations").fetchone()[0])


def health_lately(path: Path, models: Iterable[Model], now_s: float) -> Health:
    """How `models` did lately, on a clock of seconds of the epoch; nothing where no server has said so.

    Raises `Unreadable` where the database cannot be read.
    """
    with _reading(path) as connection:
        return Health() if connection is None else seen_lately(connection, models, now_s)


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
