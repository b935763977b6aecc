"""What was spent and what is set aside, by day, month and workspace.

Invariant: what is set aside counts like what is spent, so that requests under way never share the same dollars.
"""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from turnout.core.limits import Limit

_TAKEN = """
SELECT (SELECT TOTAL(cost_usd) FROM receipts WHERE cost_usd > 0 AND day >= :first AND {where})
     + (SELECT TOTAL(usd) FROM reservations WHERE day >= :first AND {where})
"""

_BY_WORKSPACE = """
SELECT 0 AS reserved, workspace, day, TOTAL(cost_usd) FROM receipts WHERE cost_usd > 0 AND day >= :first
GROUP BY workspace, day
UNION ALL
SELECT 1, workspace, day, TOTAL(usd) FROM reservations WHERE day >= :first GROUP BY workspace, day
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
    values = {"first": first_day(limit.period, today), "workspace": limit.workspace}
    row = connection.execute(_TAKEN.format(where=where), values).fetchone()
    return float(row[0])


def amounts(connection: sqlite3.Connection, today: date) -> list[Amount]:
    """Everything spent and set aside since the first of the month."""
    rows = connection.execute(_BY_WORKSPACE, {"first": first_day("month", today)})
    return [Amount(workspace, day, usd, bool(reserved)) for reserved, workspace, day, usd in rows]


def sum_usd(all_amounts: Iterable[Amount], first: str, workspace: str | None = None) -> float:
    """Dollars since the day `first`, of one workspace or of all."""
    return sum(a.usd for a in all_amounts if a.day >= first and workspace in (None, a.workspace))


def first_day(period: str, today: date) -> str:
    """The first day (ISO) of the period that `today` is in."""
    return (today if period == "day" else today.replace(day=1)).isoformat()
