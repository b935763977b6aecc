"""Whether what a request may still cost has room for one more send.

Invariant: all sends of one request together never come to more than it may cost: each is held to what the others leave.
"""

from turnout.core.limits import dollars
from turnout.core.models import Model
from turnout.core.requests import Route
from turnout.dispatch.attempt import Attempt, Try
from turnout.errors import BudgetExceeded


def require_room(
    attempt: Attempt, route: Route, model: Model, usd: float | None, *, own: Try | None = None
) -> None:
    """Raise BudgetExceeded where a send to `model` that may cost `usd` does not fit beside the others of `attempt`.

    `own` is that send, where `attempt` counts it already.
    """
    if usd is None and (route.limits or route.limit_usd is not None):
        raise BudgetExceeded(
            "Its price is unknown, and there is a budget.",
            advice=f"Set `input_usd` and `output_usd` of [models.{model.name}].",
        )
    if not usd or route.limit_usd is None:
        return
    left_usd = max(0.0, route.limit_usd - attempt.taken_usd(without=own))
    if usd > left_usd:
        raise BudgetExceeded(
            f"It may cost {dollars(usd, 4)}, and {dollars(left_usd, 4)} is left for it.",
            advice="Raise budget.request_usd or budget.day_usd in your config.toml.",
        )
