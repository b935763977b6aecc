"""Limits on money over time, as they go with a request to whoever spends."""

from dataclasses import dataclass
from typing import Literal

_MOST_PLACES = 9
"""A smaller amount is no money."""

Period = Literal["day", "month"]

WhenSpent = Literal["degrade", "ask"]
"""What becomes of a request that goes over a limit, the stricter first: the next model, or its user is asked."""


def stricter_when_spent(one: WhenSpent, other: WhenSpent) -> WhenSpent:
    """What holds where both are said."""
    return "ask" if one == other == "ask" else "degrade"


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `usd` in a calendar day or month; `workspace` is None for all workspaces together."""

    usd: float
    period: Period
    workspace: str | None
    source: str

    def __str__(self) -> str:
        where = "" if self.workspace is None else " in this workspace"
        return f"{dollars(self.usd)} a {self.period}{where}"


def dollars(usd: float, places: int = 2) -> str:
    """An amount with `places` decimals, and with more where those would be off by more than a hundredth of it."""
    while places < _MOST_PLACES and abs(round(usd, places) - usd) > abs(usd) / 100:
        places += 1
    return f"${usd:,.{places}f}"
