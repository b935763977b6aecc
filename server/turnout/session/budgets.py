"""Tells the user of a budget that is nearly used up, and of one that has no room for a request.

Invariant: of each limit once in its day or month for either; what is recorded and set aside is passed on as it is.
"""

import asyncio
from collections.abc import Callable, Mapping
from datetime import date
from typing import Protocol

from turnout.core.budget import WARN_AT
from turnout.core.health import Spend
from turnout.core.limits import Limit, WhenSpent, dollars
from turnout.core.receipts import Receipt
from turnout.core.requests import Kind, Route
from turnout.core.spending import Refusal, Reservation
from turnout.dispatch import Routes
from turnout.session.editor import Editor

_THEN: Mapping[WhenSpent, str] = {
    "degrade": " When it is used up, other models of the route are asked, such as one on this machine.",
    "ask": " When it is used up, you are asked before a request goes over it; completions stay within it.",
}


class Ledger(Protocol):
    """Where money is set aside and receipts are kept; see `store.Ledger`."""

    def record(self, receipt: Receipt) -> None: ...
    def reserve(
        self, reservation: Reservation, limits: tuple[Limit, ...]
    ) -> "asyncio.Future[Refusal | None]": ...
    def settle(self, reservation_id: str, usd: float | None) -> None: ...
    def settled(self, workspace: str) -> Spend: ...
    def spent_today_usd(self) -> float: ...


class Budgets:
    """Stands before the routes and the ledger for whoever spends."""

    def __init__(
        self, routes: Routes, ledger: Ledger, editor: Editor, today: Callable[[], date] = date.today
    ) -> None:
        self._routes = routes
        self._ledger = ledger
        self._editor = editor
        self._today = today
        self._held: dict[str, tuple[tuple[Limit, ...], WhenSpent]] = {}
        """What the last request of a workspace was held to, and how."""
        self._told: set[tuple[Limit, str, bool]] = set()

    def decide(self, kind: Kind, uris: tuple[str, ...], input_tokens: int, instruction: str = "") -> Route:
        """Pass the decision on, and tell of a model that it left out since money was spent."""
        route = self._routes.decide(kind, uris, input_tokens, instruction)
        for limit in route.limits:
            short = next((e for e in route.eliminated if e.source == limit.source), None)
            if short is not None and self._used_usd(limit) > 0:
                self._tell(limit, f"{short.model} is passed over, because {short.reason}", over=True)
        return route

    def record(self, receipt: Receipt) -> None:
        """Keep a receipt, and look how much of each limit is left after it."""
        self._ledger.record(receipt)
        limits, when_spent = self._held.get(receipt.workspace, ((), "degrade"))
        for limit in limits if receipt.cost_usd else ():
            used_usd = self._used_usd(limit)
            if used_usd >= WARN_AT * limit.usd:
                what = f"{dollars(used_usd)} of {limit} is spent"
                self._tell(limit, what, over=False, then=_THEN[when_spent])

    def reserve(
        self, reservation: Reservation, limits: tuple[Limit, ...]
    ) -> "asyncio.Future[Refusal | None]":
        """Set money aside, and tell where there is none left."""
        self._held[reservation.workspace] = limits, reservation.when_spent
        answer = self._ledger.reserve(reservation, limits)
        if limits and reservation.when_spent == "degrade":  # who is asked has been told
            answer.add_done_callback(lambda done: self._heard(done, reservation))
        return answer

    def settle(self, reservation_id: str, usd: float | None) -> None:
        """Say what one send came to."""
        self._ledger.settle(reservation_id, usd)

    def spent_today_usd(self) -> float:
        """Dollars spent since local midnight."""
        return self._ledger.spent_today_usd()

    def _used_usd(self, limit: Limit) -> float:
        spend = self._ledger.settled(limit.workspace or "")
        if limit.workspace is None:
            return spend.today_usd if limit.period == "day" else spend.month_usd
        return spend.workspace_today_usd if limit.period == "day" else spend.workspace_month_usd

    def _heard(self, done: "asyncio.Future[Refusal | None]", reservation: Reservation) -> None:
        refusal = None if done.cancelled() else done.result()
        if refusal is not None and refusal.limit is not None:
            what = (
                f"{reservation.model} is passed over, because it may cost {dollars(reservation.usd)}, and "
                f"{dollars(refusal.taken_usd)} of {refusal.limit} is spent or set aside"
            )
            self._tell(refusal.limit, what, over=True)

    def _tell(self, limit: Limit, what: str, *, over: bool, then: str = "") -> None:
        period = self._today().isoformat()[: 10 if limit.period == "day" else 7]
        if (limit, period, over) in self._told:
            return
        self._told |= {(limit, period, over), (limit, period, False)}
        self._editor.say(f"Turnout: {what} ({limit.source}).{then}", "warning")
