"""What a budget leaves: which limits there are, how far each is used, and what a request may still cost.

Invariant: arithmetic on a policy's limits and on what was spent, nothing else; a limit that is not set limits nothing.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from turnout.core.health import Spend
from turnout.core.limits import Limit
from turnout.core.policy import Budget

WARN_AT = 0.8
"""Share of a limit from which its user is told."""


@dataclass(frozen=True, slots=True)
class Standing:
    """One limit over time: `over` completes "it goes over $5.00 ...", `source` is the setting."""

    over: str
    limit_usd: float
    spent_usd: float
    source: str

    @property
    def left_usd(self) -> float:
        """Dollars that may still be spent, never below zero."""
        return max(0.0, self.limit_usd - self.spent_usd)


def standings(budget: Budget, spend: Spend) -> Iterator[Standing]:
    """Every limit over time that is set, with what was spent under it."""
    rows = (
        ("a day", budget.day_usd, spend.today_usd, budget.day_source),
        ("a month", budget.month_usd, spend.month_usd, budget.month_source),
        (
            "a day in this workspace",
            budget.workspace_day_usd,
            spend.workspace_today_usd,
            budget.workspace_day_source,
        ),
        (
            "a month in this workspace",
            budget.workspace_month_usd,
            spend.workspace_month_usd,
            budget.workspace_month_source,
        ),
    )
    for over, limit_usd, spent_usd, source in rows:
        if limit_usd is not None:
            yield Standing(over, limit_usd, spent_usd, source)


def left_usd(budget: Budget, over_time: Iterable[Standing]) -> float | None:
    """Most that one request may cost; None without any limit.

    `over_time` are the limits that it may not go over as they stand: none where its user is asked about those.
    """
    limits = [standing.left_usd for standing in over_time]
    if budget.request_usd is not None:
        limits.append(budget.request_usd)
    return min(limits, default=None)


def limits_of(budget: Budget, workspace: str) -> Iterator[Limit]:
    """Every limit over time that is set, for the ledger to hold the sends of a request in `workspace` to."""
    if budget.day_usd is not None:
        yield Limit(budget.day_usd, "day", None, budget.day_source)
    if budget.month_usd is not None:
        yield Limit(budget.month_usd, "month", None, budget.month_source)
    if budget.workspace_day_usd is not None:
        yield Limit(budget.workspace_day_usd, "day", workspace, budget.workspace_day_source)
    if budget.workspace_month_usd is not None:
        yield Limit(budget.workspace_month_usd, "month", workspace, budget.workspace_month_source)
