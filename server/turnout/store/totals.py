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
SELECT (SELECT TOTAL(cost_usd) FROM receipts WHERE cost_usd > 0 AND day BETWEEN :first AND :last AND {where})
     + (SELECT TOTAL(usd) FROM reservations WHERE day BETWEEN :first AND :last AND {where})
"""

_BY_WORKSPACE = """
SELECT 0 AS reserved, workspace, day, TOTAL(cost_usd) FROM receipts WHERE cost_usd > 0
  AND day BETWEEN :first AND :last GROUP BY workspace, day
UNION ALL
SELECT 1, workspace, day, TOTAL(usd) FROM reservations WHERE day BETWEEN :first AND :last GROUP BY workspace, day
"""


@dataclass(frozen=True, slots=True)
class Amount:
    """Dollars of one workspace on one local day (ISO); `reserved` are not spent yet."""

    workspace: str
    day: str
    usd: float
    reserved: bool = False


def taken_usd(connection: sqlite3.Connection, limit: Limit, today: date) -> float:
    """Dollars spent and set aside under `limit` as of `today`."""
    where = "1" if limit.workspace is None else "workspace = :workspace"
    values = {**_span(limit.period, today), "workspace": as_text(limit.workspace or "")}
    row = connection.execute(_TAKEN.format(where=where), values).fetchone()
    return float(row[0])


def amounts(connection: sqlite3.Connection, today: date) -> list[Amount]:
    """Everything spent and set aside in the month of `today`."""
    rows = connection.execute(_BY_WORKSPACE, _span("month", today))
    return [Amount(workspace, day, usd, bool(reserved)) for reserved, workspace, day, usd in rows]


def sum_of(all_amounts: Iterable[Amount], today: date, workspace: str) -> Spend:
    """The dollars of `today` and its month, in all and of one workspace."""
    own_name, spans = as_text(workspace), (_span("day", today), _span("month", today))
    known = [[a for a in all_amounts if span["first"] <= a.day <= span["last"]] for span in spans]
    own = [[a for a in some if a.workspace == own_name] for some in known]
    return Spend(*(sum(a.usd for a in some) for some in (*known, *own)))


def as_text(name: str) -> str:
    """A name as the ledger writes it: a path may have bytes in it that are no text."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")


def _span(period: str, today: date) -> dict[str, str]:
    """The first and the last day (ISO) of the period that `today` is in."""
    if period == "day":
        return {"first": today.isoformat(), "last": today.isoformat()}
    last = monthrange(today.year, today.month)[1]
    return {"first": today.replace(day=1).isoformat(), "last": today.replace(day=last).isoformat()}
