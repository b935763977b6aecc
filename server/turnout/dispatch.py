"""Sends a prompt along its route: consent, candidates in order, one receipt whatever happens.

Invariants: no candidate is tried that the route did not name; nothing that leaves the machine is sent before the
user agreed where the route says to ask; a request has exactly one outcome and exactly one receipt.
"""

import asyncio
import logging
import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

from turnout.core.answers import Answer, Ask
from turnout.core.receipts import Receipt, SentFile
from turnout.core.requests import (
    Api,
    Backend,
    ChatPrompt,
    Done,
    Elimination,
    FimPrompt,
    Kind,
    Model,
    Prompt,
    Route,
    Timings,
    Usage,
)
from turnout.errors import (
    BackendError,
    ConsentRefused,
    DeadlineExceeded,
    ModelError,
    RouteError,
    TurnoutError,
)

logger = logging.getLogger(__name__)

CHARACTERS_PER_TOKEN = 3.5
"""Rough average for source code; only for estimates, which round up elsewhere."""


@dataclass(frozen=True, slots=True)
class Consent:
    """What the user is asked before text leaves the machine."""

    kind: Kind
    model: Model
    files: tuple[SentFile, ...]
    bytes_sent: int
    estimate_usd: float | None


class Consents(Protocol):
    """Asks the user, and remembers the answer for as long as the user said."""

    async def may_leave(self, question: Consent) -> bool:
        """Whether this request may be sent to `question.model`."""
        ...


class Ledger(Protocol):
    """Keeps receipts."""

    def record(self, receipt: Receipt) -> None:
        """Keep a receipt; returns at once."""
        ...


class Routes(Protocol):
    """Decides where a request may go, by the settings of the workspace that holds its files."""

    def decide(self, kind: Kind, uris: tuple[str, ...], input_tokens: int) -> Route:
        """The route of a request about `uris` (the first one names the workspace)."""
        ...


@dataclass(slots=True)
class _Attempt:
    """What is known of a request so far, for its receipt."""

    ask: Ask
    route: Route
    started: float
    model: Model | None = None
    bytes_sent: int = 0
    done: Done = field(default_factory=lambda: Done("stop"))
    passed: list[str] = field(default_factory=list)


class Dispatcher:
    """Runs requests on backends by their routes."""

    def __init__(
        self,
        routes: Routes,
        backends: Mapping[Api, Backend],
        consents: Consents,
        ledger: Ledger,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._routes = routes
        self._backends = backends
        self._consents = consents
        self._ledger = ledger
        self._clock = clock

    async def ask(
        self,
        kind: Kind,
        prompt: Callable[[Model], ChatPrompt],
        files: tuple[SentFile, ...],
        on_text: Callable[[str], None],
    ) -> Answer:
        """Run a chat prompt: the `Asker` of the use cases."""
        tokens = int(sum(file.bytes for file in files) / CHARACTERS_PER_TOKEN)
        return await self.run(Ask(kind, files, prompt, on_text, input_tokens=tokens))

    async def run(self, ask: Ask) -> Answer:
        """Run `ask` on the first candidate that answers; raises TurnoutError when none did."""
        started = ask.received if ask.received is not None else self._clock()
        route = self._routes.decide(ask.kind, tuple(f.uri for f in ask.files), ask.input_tokens)
        attempt = _Attempt(ask, route, started)
        outcome = "cancelled"
        try:
            text = await self._within_deadline(attempt)
            outcome = ask.outcome(text) if attempt.done.finish != "superseded" else "superseded"
        except TurnoutError as error:
            outcome = f"{'late' if isinstance(error, DeadlineExceeded) else 'failed'}: {error.message}"
            raise
        finally:
            receipt = self._receipt(attempt, outcome)
            self._ledger.record(receipt)
        assert attempt.model is not None
        return Answer(text, attempt.done.finish, receipt, attempt.model)

    async def _within_deadline(self, attempt: _Attempt) -> str:
        limit_ms = attempt.route.deadline_ms
        try:
            async with asyncio.timeout(None if limit_ms is None else limit_ms / 1000):
                return await self._first_answer(attempt)
        except TimeoutError:
            raise DeadlineExceeded(
                f"No answer within {limit_ms} ms.",
                advice=f"Raise routes.{attempt.ask.kind}.deadline_ms, or put a faster model first.",
            ) from None

    async def _first_answer(self, attempt: _Attempt) -> str:
        last: TurnoutError | None = None
        for model in attempt.route.candidates:
            try:
                return await self._try(attempt, model)
            except (BackendError, ModelError, ConsentRefused) as error:
                logger.info("%s passed over for %s: %s", model.name, attempt.ask.kind, error)
                attempt.passed.append(f"{model.name}: {error.message}")
                last = error
        if last is not None and len(attempt.route.candidates) == 1:
            raise last
        raise RouteError(
            f"No model could answer this {attempt.ask.kind} request: "
            + ("; ".join(attempt.passed) or _why_none(attempt.route.eliminated)),
            advice=last.advice if last else "Run `turnout route explain` to see each setting that decided.",
        ) from last

    async def _try(self, attempt: _Attempt, model: Model) -> str:
        prompt = attempt.ask.prompt(model)
        size = prompt_bytes(prompt)
        if model.leaves_machine and attempt.route.ask_before_leaving:
            await self._clear_to_leave(attempt, model, prompt, size)
        attempt.model, attempt.bytes_sent = model, size
        # A Protocol cannot say "async generator"; closing it is what stops the model.
        stream = cast("Any", self._backends[model.api].stream(model, prompt))
        sent, first = self._clock(), None
        pieces: list[str] = []
        async with aclosing(stream):
            async for item in stream:
                if isinstance(item, Done):
                    attempt.done = item
                    break
                first = first if first is not None else self._clock()
                pieces.append(item.text)
                if attempt.ask.on_text(item.text):
                    attempt.done = self._stopped_early(size, pieces, sent, first)
                    break
        return "".join(pieces)

    def _stopped_early(self, size: int, pieces: list[str], sent: float, first: float) -> Done:
        """The end of a stream that the use case had seen enough of: nobody counted, so the tokens are estimates."""
        usage = Usage(int(size / CHARACTERS_PER_TOKEN), len(pieces), estimated=True)
        return Done("stop", usage, Timings(None, (first - sent) * 1000, (self._clock() - sent) * 1000))

    async def _clear_to_leave(self, attempt: _Attempt, model: Model, prompt: Prompt, size: int) -> None:
        estimate = model.cost_usd(int(size / CHARACTERS_PER_TOKEN) + 1, prompt.max_tokens)
        question = Consent(attempt.ask.kind, model, attempt.ask.files, size, estimate)
        if not await self._consents.may_leave(question):
            raise ConsentRefused(f"Nothing was sent to {model.name}, because you did not agree to it.")

    def _receipt(self, attempt: _Attempt, outcome: str) -> Receipt:
        usage, timings, model = attempt.done.usage, attempt.done.timings, attempt.model
        reason = attempt.route.reason
        if attempt.passed:
            reason += "; passed over " + "; ".join(attempt.passed)
        return Receipt(
            id=uuid.uuid4().hex,
            kind=attempt.ask.kind,
            model=model.name if model else None,
            route=tuple(candidate.name for candidate in attempt.route.candidates),
            reason=reason,
            leaves_machine=bool(model and model.leaves_machine),
            files=attempt.ask.files if model else (),
            bytes_sent=attempt.bytes_sent,
            tokens_in=usage.input,
            tokens_out=usage.output,
            tokens_cached=usage.cached,
            cost_usd=model.cost_usd(usage.input, usage.output) if model else 0.0,
            queue_ms=timings.queue,
            context_ms=attempt.ask.context_ms,
            first_token_ms=timings.first_token,
            total_ms=(self._clock() - attempt.started) * 1000,
            outcome=outcome,
        )


def prompt_bytes(prompt: Prompt) -> int:
    """UTF-8 bytes of the text in a prompt."""
    if isinstance(prompt, FimPrompt):
        texts = [prompt.prefix, prompt.suffix, *(chunk.text for chunk in prompt.context)]
    else:
        texts = [message.content for message in prompt.messages]
    return sum(len(text.encode("utf-8", "surrogatepass")) for text in texts)


def _why_none(eliminated: tuple[Elimination, ...]) -> str:
    if not eliminated:
        return "its route names no model."
    return "; ".join(f"{e.model}: {e.reason} ({e.source})" for e in eliminated)
