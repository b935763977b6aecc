"""Sets money aside before a send, and gives back what it did not take.

Invariants: under a limit nothing is sent whose worst case is not on record; without one nobody waits for the record.
Over a limit nothing is sent that its user did not allow, and what is allowed is on record like all else.
"""

from turnout.core.limits import dollars
from turnout.core.prompts import Prompt
from turnout.core.providers import provider
from turnout.core.requests import Route
from turnout.core.spending import Refusal, Reservation
from turnout.dispatch.attempt import Try
from turnout.dispatch.clearance import Clearance
from turnout.dispatch.floor import NotBeside
from turnout.dispatch.prompts import worst_usd
from turnout.dispatch.room import require_room
from turnout.dispatch.seams import Purse
from turnout.errors import BudgetExceeded

_LONGEST_S = 3600.0
"""A request without a deadline is taken for lost after this."""

_GRACE_S = 30.0
"""What may pass between the end of a request and its receipt."""


class Payer:
    """Pays for all sends; without a purse nothing is set aside."""

    def __init__(self, purse: Purse | None) -> None:
        self._purse = purse

    async def set_aside(self, clearance: Clearance, route: Route, tried: Try, prompt: Prompt) -> bool:
        """Reserve the worst case of `tried`; raises BudgetExceeded where a limit has no room for it.

        Where the user is asked about such a limit, this may take as long as they take to answer.
        True where it took its time, so that what was found right before may not be right any more.
        """
        attempt = clearance.attempt
        usd = worst_usd(tried.model, prompt, tried.size)
        require_room(attempt, route, tried.model, usd)
        tried.worst_usd = usd
        attempt.paid.append(tried)
        if self._purse is None or not usd:
            return False
        reservation = _reservation(clearance, route, tried, usd)
        answer = self._purse.reserve(reservation, route.limits)
        tried.reservation = reservation.id
        if not route.limits:
            return False
        while (refusal := await answer) is not None:
            await self._ask(clearance, reservation, refusal, tried)
            # The question may have stood open for long: what it was about is looked at as it is now.
            route = await clearance.renewed(tried.model, prompt)
            require_room(attempt, route, tried.model, usd, own=tried)
            reservation = _reservation(clearance, route, tried, usd)
            answer = self._purse.reserve(reservation, route.limits)
        attempt.overspent += (limit for limit in reservation.allowed if limit not in attempt.overspent)
        return True

    async def _ask(
        self, clearance: Clearance, reservation: Reservation, refusal: Refusal, tried: Try
    ) -> None:
        """Have the user allow what `refusal` is about; raises BudgetExceeded where nobody does."""
        known = (None, *reservation.allowed)  # with None the ledger is broken, which nobody can allow
        asks = reservation.when_spent == "ask" and refusal.limit not in known
        if asks and clearance.beside:
            raise NotBeside
        if not (asks and await clearance.may_overspend(tried.model, refusal, reservation.usd)):
            raise _exceeded(refusal, reservation.usd, asks=asks)

    def settle(self, tried: Try) -> None:
        """Free what a send that came to nothing did not take, for the rest of its request and for others."""
        if self._purse is not None and tried.reservation:
            self._purse.settle(tried.reservation, tried.cost_usd())


def _reservation(clearance: Clearance, route: Route, tried: Try, usd: float) -> Reservation:
    attempt, limit_ms = clearance.attempt, route.deadline_ms
    allowed = clearance.operation.overspending if route.when_spent == "ask" else ()
    return Reservation(
        id=f"{attempt.id}.{len(attempt.tries)}.{tried.model.name}",
        receipt_id=attempt.id,
        usd=usd,
        seconds=(_LONGEST_S if limit_ms is None else limit_ms / 1000) + _GRACE_S,
        workspace=route.workspace,
        kind=attempt.ask.kind,
        model=tried.model.name,
        provider=provider(tried.model),
        leaves_machine=tried.model.leaves_machine,
        bytes_sent=tried.size,
        when_spent=route.when_spent,
        allowed=tuple(limit for limit in allowed if limit in route.limits),
    )


def _exceeded(refusal: Refusal, usd: float, *, asks: bool) -> BudgetExceeded:
    if refusal.limit is None:
        return BudgetExceeded(
            "There is a budget, and what is spent cannot be recorded.",
            advice="Run `turnout doctor`: the ledger in the state directory cannot be written.",
        )
    unasked = ", and you did not allow it to go over that, or could not be asked" if asks else ""
    return BudgetExceeded(
        f"It may cost {dollars(usd, 4)}, and {dollars(refusal.taken_usd, 4)} of {refusal.limit} is spent or set "
        f"aside{unasked}.",
        advice=f"Raise the limit ({refusal.limit.source}), or use a local model.",
    )
