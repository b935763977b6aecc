"""Why text of a file is not shown to a model: what it would have done to the route of the request.

Invariant: text is let in only where the models of the route and its terms stay the very same; a refusal has a reason.
"""

from collections.abc import Callable
from dataclasses import dataclass

from turnout.core.requests import Elimination, Route


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A file whose text is not in a prompt, and why."""

    path: str
    reason: str


Hear = Callable[[tuple[LeftOut, ...]], None]
"""Hears what was left out of a request before it is asked."""


def why_apart(alone: Route, together: Route) -> str:
    """What text that makes `together` of the route `alone` would change about it; empty where that is nothing."""
    if not alone.candidates:
        return "no model may be asked here at all"
    lost = {model.name for model in alone.candidates} - {model.name for model in together.candidates}
    if lost:
        named = (out for out in together.eliminated if out.model in lost)
        return next(map(_said, named), f"{min(lost)} may not be sent it")
    if _names(alone) != _names(together):
        return "with it other models would be asked, or in another order"
    if alone.ask_before_leaving != together.ask_before_leaving:
        return "with it you would be asked first"
    if alone.secrets != together.secrets:
        return "with it secrets would be treated otherwise"
    return ""


def _said(out: Elimination) -> str:
    return f"{out.model}: {out.reason} ({out.source})" if out.source else f"{out.model}: {out.reason}"


def _names(route: Route) -> tuple[str, ...]:
    return tuple(model.name for model in route.candidates)
