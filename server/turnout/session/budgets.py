"""Tells the user of a budget that is nearly used up, and of one that has no room for a request.

Invariant: of each limit once in its day or month for either; what is recorded and set aside is passed on as it is.
"""

import asyncio
from collections.abc import Callable
from datetime import date
from typing import Protocol

from turnout.core.budget import WARN_AT
from turnout.core.health import Spend
from turnout.core.limits import Limit
from turnout.core.receipts import Receipt
from turnout.core.requests import Kind, Route
from turnout.core.spending import Refusal, Reservation
from turnout.dispatch import Routes
from turnout.session.editor import Editor


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
        self._limits: dict[str, tuple[Limit, ...]] = {}
        """What the last request of a workspace was held to."""
        self._told: set[tuple[Limit, str, bool]] = set()

    def decide(self, kind: Kind, uris: tuple[str, ...], input_tokens: int) -> Route:
        """Pass the decision on, and tell of a model that it left out since money was spent."""
        route = self._routes.decide(kind, uris, input_tokens)
        for limit in route.limits:
            short = next((e for e in route.eliminated if e.source == limit.source), None)
            if short is not None and self._used_usd(limit) > 0:
                self._tell(limit, f"{short.model} is passed over, because {short.reason}", over=True)
        return route

    def record(self, receipt: Receipt) -> None:
        """Keep a receipt, and look how much of each limit is left after it."""
        self._ledger.record(receipt)
        for limit in self._limits.get(receipt.workspace, ()) if receipt.cost_usd else ():
            used_usd = self._used_usd(limit)
            if used_usd >= WARN_AT * limit.usd:
                self._tell(limit, f"${used_usd:.2f} of {limit} is spent", over=False)

    def reserve(
        self, reservation: Reservation, limits: tuple[Limit, ...]
    ) -> "asyncio.Future[Refusal | None]":
        """Set money aside, and tell where there is none left."""
        self._limits[reservation.workspace] = limits
        answer = self._ledger.reserve(reservation, limits)
        if limits:
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
                f"{reservation.model} is passed over, because it may cost ${reservation.usd:.2f}, and "
                f"${refusal.taken_usd:.2f} of {refusal.limit} is spent or set aside"
            )
            self._tell(refusal.limit, what, over=True)

    def _tell(self, limit: Limit, what: str, *, over: bool) -> None:
        period = self._today().isoformat()[: 10 if limit.period == "day" else 7]
        if (limit, period, over) in self._told:
            return
        self._told |= {(limit, period, over), (limit, period, False)}
        then = (
            ""
            if over
            else " When it is used up, other models of the route are asked, such as one on this machine."
        )
        self._editor.say(f"Turnout: {what} ({limit.source}).{then}", "warning")
