"""Tells the user of a budget that is nearly used up, and of one that is.

Invariant: of each limit once in its day or month for either; what is set aside is passed on as it is.
"""

import asyncio
from collections.abc import Callable
from datetime import date
from typing import Protocol

from turnout.core.budget import WARN_AT
from turnout.core.health import Spend
from turnout.core.limits import Limit
from turnout.core.spending import Refusal, Reservation
from turnout.session.editor import Editor


class Purse(Protocol):
    """Where money is set aside; see `dispatch.seams.Purse`."""

    def reserve(
        self, reservation: Reservation, limits: tuple[Limit, ...]
    ) -> "asyncio.Future[Refusal | None]": ...
    def settle(self, reservation_id: str, usd: float | None) -> None: ...
    def spent(self, workspace: str) -> Spend: ...


class Budgets:
    """Stands before the ledger for whoever spends."""

    def __init__(self, purse: Purse, editor: Editor, today: Callable[[], date] = date.today) -> None:
        self._purse = purse
        self._editor = editor
        self._today = today
        self._told: set[tuple[Limit, str, bool]] = set()

    def reserve(
        self, reservation: Reservation, limits: tuple[Limit, ...]
    ) -> "asyncio.Future[Refusal | None]":
        """Set money aside, and look how much of each limit is left then."""
        answer = self._purse.reserve(reservation, limits)
        if limits:
            answer.add_done_callback(lambda done: self._look(done, limits))
        return answer

    def settle(self, reservation_id: str, usd: float | None) -> None:
        """Say what one send came to."""
        self._purse.settle(reservation_id, usd)

    def _look(self, done: "asyncio.Future[Refusal | None]", limits: tuple[Limit, ...]) -> None:
        refusal = None if done.cancelled() else done.result()
        if refusal is not None and refusal.limit is not None:
            self._tell(refusal.limit, refusal.taken_usd, over=True)
        for limit in limits:
            used_usd = _under(limit, self._purse.spent(limit.workspace or ""))
            if used_usd >= WARN_AT * limit.usd:
                self._tell(limit, used_usd, over=False)

    def _tell(self, limit: Limit, used_usd: float, *, over: bool) -> None:
        period = self._today().isoformat()[: 10 if limit.period == "day" else 7]
        if (limit, period, over) in self._told:
            return
        self._told |= {(limit, period, over), (limit, period, False)}
        then = (
            "a request that may cost more than what is left goes to a model on this machine, or is refused"
            if over
            else "when that is used up, requests go to a model on this machine, or are refused"
        )
        self._editor.say(
            f"Turnout: ${used_usd:.2f} of {limit} is spent or set aside: {then} ({limit.source}).",
            "warning",
        )


def _under(limit: Limit, spend: Spend) -> float:
    if limit.workspace is None:
        return spend.today_usd if limit.period == "day" else spend.month_usd
    return spend.workspace_today_usd if limit.period == "day" else spend.workspace_month_usd
