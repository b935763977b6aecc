"""Sets money aside before a send, and gives back what it did not take.

Invariants: under a limit nothing is sent whose worst case is not on record; without one nobody waits for the record.
All sends of one request together never come to more than it may cost: each is held to what the others leave.
"""

from turnout.core.requests import Model, Prompt, Route
from turnout.core.spending import Refusal, Reservation
from turnout.dispatch.attempt import Attempt, Try
from turnout.dispatch.prompts import worst_usd
from turnout.dispatch.providers import provider
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

    async def set_aside(self, attempt: Attempt, route: Route, tried: Try, prompt: Prompt) -> bool:
        """Reserve the worst case of `tried`; raises BudgetExceeded where a limit has no room for it.

        True where that took its time, so that what was found right before may not be right any more.
        """
        usd = worst_usd(tried.model, prompt, tried.size)
        require_room(attempt, route, tried.model, usd)
        tried.worst_usd = usd
        attempt.paid.append(tried)
        if self._purse is None or not usd:
            return False
        reservation = _reservation(attempt, route, tried, usd)
        answer = self._purse.reserve(reservation, route.limits)
        tried.reservation = reservation.id
        if not route.limits:
            return False
        refusal = await answer
        if refusal is not None:
            raise _exceeded(refusal, usd)
        return True

    def settle(self, tried: Try) -> None:
        """Free what a send that came to nothing did not take, for the rest of its request and for others."""
        if self._purse is not None and tried.reservation:
            self._purse.settle(tried.reservation, tried.cost_usd())


def require_room(attempt: Attempt, route: Route, model: Model, usd: float | None) -> None:
    """Raise BudgetExceeded where a send to `model` that may cost `usd` does not fit beside the others of `attempt`."""
    if usd is None and (route.limits or route.limit_usd is not None):
        raise BudgetExceeded(
            "Its price is unknown, and there is a budget.",
            advice=f"Set `input_usd` and `output_usd` of [models.{model.name}].",
        )
    if not usd or route.limit_usd is None:
        return
    left_usd = max(0.0, route.limit_usd - attempt.taken_usd)
    if usd > left_usd:
        raise BudgetExceeded(
            f"It may cost ${usd:.4f}, and ${left_usd:.4f} is left for it.",
            advice="Raise budget.request_usd or budget.day_usd in your config.toml.",
        )


def _reservation(attempt: Attempt, route: Route, tried: Try, usd: float) -> Reservation:
    limit_ms = route.deadline_ms
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
    )


def _exceeded(refusal: Refusal, usd: float) -> BudgetExceeded:
    if refusal.limit is None:
        return BudgetExceeded(
            "There is a budget, and what is spent cannot be recorded.",
            advice="Run `turnout doctor`: the ledger in the state directory cannot be written.",
        )
    return BudgetExceeded(
        f"It may cost ${usd:.4f}, and ${refusal.taken_usd:.4f} of {refusal.limit} is spent or set aside.",
        advice=f"Raise the limit ({refusal.limit.source}), or use a local model.",
    )
