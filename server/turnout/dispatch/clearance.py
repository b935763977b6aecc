"""Whether one prompt may go to one model: asked for every send, right before its bytes go out.

Invariant: the first try, a retry, a fallback and a hedge all come through `Clearance.clear`, and nothing is sent but
the prompt that it returned.
"""

from dataclasses import dataclass

from turnout.core.requests import Model, Prompt, Route
from turnout.core.secrets import Redacted
from turnout.dispatch.attempt import Attempt
from turnout.dispatch.operation import Operation
from turnout.dispatch.paying import require_room
from turnout.dispatch.prompts import estimated_tokens, prompt_bytes, worst_usd
from turnout.dispatch.seams import Consent, Consents, Forbids
from turnout.dispatch.secrecy import without_secrets
from turnout.errors import ConsentRefused, RouteError


@dataclass(frozen=True, slots=True)
class Clearance:
    """What one request may do."""

    attempt: Attempt
    route: Route
    operation: Operation
    consents: Consents
    forbids: Forbids

    async def clear(self, model: Model, prompt: Prompt) -> Redacted:
        """The prompt that may be sent to `model`, and what was taken out of it.

        Raises BackendError or ConsentRefused where none may.
        May take as long as the user takes to answer; what this machine's own engine gets is cleared at once.
        """
        if model.api == "local" and not model.leaves_machine:
            self.still_allowed(model)
            return Redacted(prompt)
        redacted = await without_secrets(prompt, self.route) if model.leaves_machine else Redacted(prompt)
        size = prompt_bytes(redacted.prompt)
        # Nobody is asked about what there is no money for.
        require_room(self.attempt, self.route, model, worst_usd(model, redacted.prompt, size))
        if model.leaves_machine:
            await self._agreed(model, size, model.cost_usd(estimated_tokens(size) + 1, prompt.max_tokens))
        self.still_allowed(model)
        return redacted

    def still_allowed(self, model: Model) -> None:
        """Raise RouteError where the policy as it is now objects to `model`.

        The route was decided before a pause, a question or another model's failure.
        """
        ask = self.attempt.ask
        objection = self.forbids(ask.kind, tuple(file.uri for file in ask.files), model)
        if objection is not None:
            raise RouteError(
                f"Nothing was sent to {model.name}, because the settings changed meanwhile: {objection}.",
                advice="Ask again.",
            )

    async def _agreed(self, model: Model, size: int, estimate_usd: float | None) -> None:
        if not self.route.ask_before_leaving or self.operation.agreed(model):
            return
        ask = self.attempt.ask
        question = Consent(ask.kind, model, ask.files, size, estimate_usd)
        if not await self.consents.may_leave(question):
            raise ConsentRefused("Nothing was sent to it, because you did not agree.")
        self.operation.agree(model)
