"""What was spent and what is set aside, by day, month and workspace.

Invariants: what is set aside counts like what is spent, so that requests under way never share the same dollars; what
was written while a clock was ahead counts under no limit until its day or month is there.
"""

import sqlite3
from calendar import monthrange
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from turnout.core.health import Spend
from turnout.core.limits import Limit

_TAKEN = """
SELECT (SELECT TOTAL(cost_usd) FROM receipts WHERE cost_usd > 0 AND day BETWEEN :first AND :last)
     + (SELECT TOTAL(usd) FROM reservations WHERE day BETWEEN :first AND :last)
"""

_TAKEN_IN_WORKSPACE = """
SELECT (SELECT TOTAL(cost_usd) FROM receipts
        WHERE cost_usd > 0 AND day BETWEEN :first AND :last AND workspace = :workspace)
     + (SELECT TOTAL(usd) FROM reservations WHERE day BETWEEN :first AND :last AND workspace = :workspace)
     + (SELECT TOTAL(cost_usd) FROM shared s JOIN receipts r ON r.id = s.receipt
        WHERE s.workspace = :workspace AND cost_usd > 0 AND day BETWEEN :first AND :last)
     + (SELECT TOTAL(usd) FROM shared s JOIN reservations r ON r.receipt = s.receipt
        WHERE s.workspace = :workspace AND day BETWEEN :first AND :last)
"""

_BY_WORKSPACE = """
SELECT 0 AS reserved, 0 AS shared, workspace, day, TOTAL(cost_usd) FROM receipts
WHERE cost_usd > 0 AND day BETWEEN :first AND :last GROUP BY workspace, day
UNION ALL
SELECT 1, 0, workspace, day, TOTAL(usd) FROM reservations
WHERE day BETWEEN :first AND :last GROUP BY workspace, day
UNION ALL
SELECT 0, 1, s.workspace, day, TOTAL(cost_usd) FROM shared s JOIN receipts r ON r.id = s.receipt
WHERE cost_usd > 0 AND day BETWEEN :first AND :last GROUP BY s.workspace, day
UNION ALL
SELECT 1, 1, s.workspace, day, TOTAL(usd) FROM shared s JOIN reservations r ON r.receipt = s.receipt
WHERE day BETWEEN :first AND :last GROUP BY s.workspace, day
"""


@dataclass(frozen=True, slots=True)
class Amount:
    """Dollars of one workspace on one local day (ISO); `reserved` are not spent yet.

    `shared` are those of a request that is put down to another workspace, where they are in the sum of all.
    """

    workspace: str
    day: str
    usd: float
    reserved: bool = False
    shared: bool = False


def taken_usd(connection: sqlite3.Connection, limit: Limit, today: date) -> float:
    """Dollars spent and set aside under `limit` as of `today`."""
    query = _TAKEN if limit.workspace is None else _TAKEN_IN_WORKSPACE
    values = {**_span(limit.period, today), "workspace": as_text(limit.workspace or "")}
    return float(connection.execute(query, values).fetchone()[0])


def amounts(connection: sqlite3.Connection, today: date) -> list[Amount]:
    """Everything spent and set aside in the month of `today`."""
    rows = connection.execute(_BY_WORKSPACE, _span("month", today))
    return [
        Amount(workspace, day, usd, bool(reserved), bool(shared))
        for reserved, shared, workspace, day, usd in rows
    ]


def sum_of(all_amounts: Iterable[Amount], today: date, workspace: str) -> Spend:
    """The dollars of `today` and its month, in all and of one workspace."""
    own_name, spans = as_text(workspace), (_span("day", today), _span("month", today))
    known = [[a for a in all_amounts if span["first"] <= a.day <= span["last"]] for span in spans]
    own = [[a for a in some if a.workspace == own_name] for some in known]
    in_all = [[a for a in some if not a.shared] for some in known]
    return Spend(*(sum(a.usd for a in some) for some in (*in_all, *own)))


def as_text(name: str) -> str:
    """A name as the ledger writes it: a path may have bytes in it that are no text."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")


def _span(period: str, today: date) -> dict[str, str]:
    """The first and the last day (ISO) of the period that `today` is in."""
    if period == "day":
        return {"first": today.isoformat(), "last": today.isoformat()}
    last = monthrange(today.year, today.month)[1]
    return {"first": today.replace(day=1).isoformat(), "last": today.replace(day=last).isoformat()}
