"""Limits on money over time, as they go with a request to whoever spends."""

from dataclasses import dataclass
from typing import Literal

Period = Literal["day", "month"]


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `usd` in a calendar day or month; `workspace` is None for all workspaces together."""

    usd: float
    period: Period
    workspace: str | None
    source: str

    def __str__(self) -> str:
        where = "" if self.workspace is None else " in this workspace"
        return f"${self.usd:.2f} a {self.period}{where}"
