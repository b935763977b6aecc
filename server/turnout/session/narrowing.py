"""One route held to another: what a request over several folders may do.

Invariant: the result allows nothing that one of the two forbids.
"""

from dataclasses import replace
from typing import get_args

from turnout.core.limits import stricter_when_spent
from turnout.core.requests import Elimination, Route, SecretsMode


def within(route: Route, other: Route) -> Route:
    """`route` without the candidates that the settings of another folder do not allow."""
    allowed = {model.name: model for model in other.candidates}
    kept = tuple(model for model in route.candidates if allowed.get(model.name) == model)
    lost = tuple(
        Elimination(model.name, "not allowed for a file of another folder", other.reason)
        for model in route.candidates
        if model not in kept
    )
    deadlines = [limit for limit in (route.deadline_ms, other.deadline_ms) if limit is not None]
    limits_usd = [limit for limit in (route.limit_usd, other.limit_usd) if limit is not None]
    strictest = min(route, other, key=lambda one: get_args(SecretsMode).index(one.secrets))
    return replace(
        route,
        candidates=kept,
        eliminated=(*route.eliminated, *lost),
        deadline_ms=min(deadlines, default=None),
        limit_usd=min(limits_usd, default=None),
        limits=tuple(dict.fromkeys((*route.limits, *other.limits))),
        when_spent=stricter_when_spent(route.when_spent, other.when_spent),
        secrets=strictest.secrets,
        secrets_source=strictest.secrets_source,
        notes=tuple(note for note in route.notes if note.model in {model.name for model in kept}),
        ask_before_leaving=route.ask_before_leaving or other.ask_before_leaving,
    )
