"""What a request would send if it were made now: the checks of a send, in their order, and then no send.

Invariant: no backend is reached from here, nothing is set aside or recorded, and nobody is asked anything.
"""

from collections.abc import Callable
from dataclasses import dataclass

from turnout.core.answers import Ask, tagged
from turnout.core.models import Model
from turnout.core.prompts import Prompt
from turnout.core.requests import Route
from turnout.core.secrets import Redacted
from turnout.dispatch.chain import PASSED_OVER, nobody, stops
from turnout.dispatch.clearance import Clearance
from turnout.errors import ConsentRefused, RouteError, TurnoutError

Write = Callable[[Model, Prompt], tuple[str, bytes]]
"""The address and the body that a prompt for a model elsewhere would be sent with; raises RequestRejected."""


@dataclass(frozen=True, slots=True)
class Foreseen:
    """The model that `ask` would be sent to first along `route`, and its prompt without what may not leave.

    `body` is that prompt as it would go to `url`; both are empty for the model process here, which is handed the prompt
    itself. `passed` says of the models before it why they would not be asked, `asks_first` whether the user would be
    asked about this one.
    """

    ask: Ask
    route: Route
    model: Model
    prompt: Redacted
    passed: tuple[str, ...]
    asks_first: bool = False
    url: str = ""
    body: bytes = b""


async def foresee(clearance: Clearance, write: Write, only: str | None) -> Foreseen:
    """The first send that `clearance` allows, to the model `only` if one is named.

    Raises what the request itself would, and RouteError where `only` is not in its route.
    """
    ask, route, passed = clearance.attempt.ask, clearance.route, list[str]()
    candidates = [model for model in route.candidates if only in (None, model.name)]
    if only is not None and not candidates:
        raise RouteError(f"{only} may not serve this request.")
    last: TurnoutError | None = None
    for model in candidates:
        try:
            prompt = tagged(ask.prompt(model), ask.kind)
            fitting = await clearance.fit(model, prompt)
            asks_first = _asks_first(clearance, model)
            await clearance.renewed(model, prompt)
            url, body = ("", b"") if model.api == "local" else write(model, fitting.prompt)
            return Foreseen(ask, route, model, fitting, tuple(passed), asks_first, url, body)
        except PASSED_OVER as error:
            if only is not None or stops(error, ask.kind):
                raise
            passed.append(f"{model.name}: {error.message}")
            last = error
    raise nobody(route, passed, last)


def _asks_first(clearance: Clearance, model: Model) -> bool:
    """Whether the user would be asked before text goes to `model`; raises ConsentRefused where they said no."""
    if not (model.leaves_machine and clearance.route.ask_before_leaving):
        return False
    said = clearance.consents.remembered(model, clearance.attempt.ask.kind)
    if said is False:
        raise ConsentRefused("Nothing is sent to it, because you did not agree.")
    return said is None
