"""Whether one prompt may go to one model: asked for every send, right before its bytes go out.

Invariant: the first try, a retry, a fallback and a hedge all come through `Clearance.clear`, nothing is sent but the
prompt that it returned, and not before `Clearance.renewed` has found the same decision once more.
"""

from dataclasses import dataclass, replace

from turnout.core.limits import stricter_when_spent
from turnout.core.models import Model
from turnout.core.objections import withdrawn
from turnout.core.prompts import ChatPrompt, Prompt
from turnout.core.requests import COMPLETION_KINDS, Route
from turnout.core.secrets import Redacted
from turnout.core.spending import Refusal
from turnout.dispatch.attempt import Attempt
from turnout.dispatch.operation import Operation
from turnout.dispatch.prompts import estimated_tokens, prompt_bytes, worst_usd
from turnout.dispatch.room import require_room
from turnout.dispatch.seams import Consent, Consents, Overspend, Permits, Ready
from turnout.dispatch.secrecy import without_secrets
from turnout.errors import ConsentRefused, RouteError


@dataclass(frozen=True, slots=True)
class Clearance:
    """What one request may do."""

    attempt: Attempt
    route: Route
    operation: Operation
    consents: Consents
    permits: Permits | None
    ready: Ready | None = None
    beside: bool = False
    """Whether it is about a model that is asked beside another one, about which nobody is asked."""

    async def clear(self, model: Model, prompt: Prompt) -> Redacted:
        """The prompt that may be sent to `model`, and what was taken out of it.

        Raises BackendError or ConsentRefused where none may.
        May take as long as the user takes to answer; what this machine's own engine gets is cleared at once.
        """
        redacted = await self.fit(model, prompt)
        if model.leaves_machine:
            ask, size = self.attempt.ask, prompt_bytes(redacted.prompt)
            estimate_usd = model.cost_usd(estimated_tokens(size) + 1, prompt.max_tokens)
            await self._agreed(Consent(ask.kind, model, ask.files, size, estimate_usd, redacted.counts))
        return redacted

    async def fit(self, model: Model, prompt: Prompt) -> Redacted:
        """The prompt that may be sent to `model` if its user agrees; raises BackendError where none may."""
        if model.api == "local" and not model.leaves_machine:
            return Redacted(prompt)
        redacted = await without_secrets(prompt, self.route) if model.leaves_machine else Redacted(prompt)
        # Nobody is asked about what there is no money for.
        worst = worst_usd(model, redacted.prompt, prompt_bytes(redacted.prompt))
        require_room(self.attempt, self.route, model, worst)
        return redacted

    async def renewed(self, model: Model, prompt: Prompt) -> Route:
        """The route with the limits on money as they are now; raises RouteError where `model` lost its place in it.

        It was decided before a pause, a question or another model's failure, so it is decided anew, on files as they
        are now, and so is whether `model` may have what `prompt` quotes of others.
        """
        may_have = prompt.may_have if isinstance(prompt, ChatPrompt) else None
        if self.permits is None and may_have is None:
            return self.route
        ask = self.attempt.ask
        uris = tuple(file.uri for file in ask.files)
        if self.ready is not None:
            await self.ready(ask.kind, uris)
        if may_have is not None and not await may_have(model):
            raise _changed(model, f"it may quote files that are kept from {model.name}")
        if self.permits is None:
            return self.route
        now = self.permits(ask.kind, uris, ask.input_tokens, ask.instruction)
        objection = withdrawn(model, self.route, now)
        if objection is not None:
            raise _changed(model, objection)
        limits_usd = [limit for limit in (self.route.limit_usd, now.limit_usd) if limit is not None]
        return replace(
            self.route,
            limits=now.limits,
            limit_usd=min(limits_usd, default=None),
            when_spent=stricter_when_spent(self.route.when_spent, now.when_spent),
        )

    async def may_overspend(self, model: Model, refusal: Refusal, worst_usd: float) -> bool:
        """Whether a send to `model` may go over the limit that refused it, asking about each limit once."""
        limit = refusal.limit
        if limit is None or self.beside or self.attempt.ask.kind in COMPLETION_KINDS:
            return False
        async with self.operation.asking:
            said = self.operation.may_overspend(limit)
            if said is None:
                question = Overspend(self.attempt.ask.kind, model, worst_usd, limit, refusal.taken_usd)
                said = await self.consents.may_overspend(question)
                self.operation.overspend(limit, allowed=said)
        return said

    async def _agreed(self, question: Consent) -> None:
        uris = [file.uri for file in question.files]
        if not self.route.ask_before_leaving or self.operation.agreed(question.model, uris):
            return
        if self.operation.agreed_once(question.model):
            # A model that works on by itself may come to ask for many: the second question is for them all.
            question = replace(question, folder=self.route.workspace or "/")
        if not await self.consents.may_leave(question):
            raise ConsentRefused("Nothing was sent to it, because you did not agree.")
        self.operation.agree(question.model, uris)


def _changed(model: Model, objection: str) -> RouteError:
    return RouteError(
        f"Nothing was sent to {model.name}, because the settings changed meanwhile: {objection}.",
        advice="Ask again.",
    )
