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
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, cast

from turnout.core.answers import Answer, Ask
from turnout.core.receipts import Receipt, SentFile
from turnout.core.requests import (
    Account,
    Api,
    Backend,
    ChatPrompt,
    Delta,
    Done,
    Elimination,
    FimPrompt,
    Kind,
    Model,
    Prompt,
    Route,
    Timings,
    Usage,
    Waiting,
)
from turnout.errors import (
    BackendError,
    ConnectionFailed,
    ConsentRefused,
    DeadlineExceeded,
    EngineMissing,
    KeyMissing,
    ModelError,
    RequestRejected,
    RouteError,
    StreamTruncated,
    TurnoutError,
    WorkerUnavailable,
)

logger = logging.getLogger(__name__)

CHARACTERS_PER_TOKEN = 3.5
"""Rough average for source code; only for estimates, which round up elsewhere."""

_UNREACHED = (ConnectionFailed, EngineMissing, KeyMissing, ModelError, WorkerUnavailable)
"""Failures that say that nothing of the prompt got to the model."""


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
class _Try:
    """One candidate that was asked: what was sent to it, and what is known of its answer."""

    model: Model
    size: int
    sent: float
    first: float | None = None
    pieces: list[str] = field(default_factory=list)
    done: Done | None = None
    account: Account | None = None
    waiting: str = ""
    reached: bool = True
    """False where the failure says that nothing got to the model."""

    def usage(self) -> Usage:
        """Tokens as counted; where nobody counted, an estimate of what was read and written until then."""
        if self.done is not None:
            return self.done.usage
        if not self.reached:
            return Usage()
        return Usage(int(self.size / CHARACTERS_PER_TOKEN), len(self.pieces), estimated=True)

    def cost_usd(self) -> float | None:
        """Dollars for `usage`; None where a price is unknown."""
        usage = self.usage()
        return self.model.cost_usd(usage.input, usage.output)

    def note(self, item: Account | Waiting) -> None:
        """Keep what is neither text nor the end."""
        if isinstance(item, Account):
            self.account = item
        else:
            self.waiting = item.reason

    def timings(self) -> Timings:
        """Times as the backend told them; where it told nothing, when the first text came."""
        if self.done is not None:
            return self.done.timings
        return Timings(first_token=None if self.first is None else (self.first - self.sent) * 1000)


@dataclass(slots=True)
class _Attempt:
    """What is known of a request so far, for its receipt."""

    ask: Ask
    started: float
    route: Route | None = None
    tries: list[_Try] = field(default_factory=list)
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

    def operation(self) -> "Operation":
        """A piece of the user's work that may take several requests, with one memory for all of them."""
        return Operation(self)

    async def run(self, ask: Ask) -> Answer:
        """Run `ask` on the first candidate that answers; raises TurnoutError when none did."""
        return await self.run_within(ask, Operation(self))

    async def run_within(self, ask: Ask, operation: "Operation") -> Answer:
        """Run `ask` as a part of `operation`."""
        attempt = _Attempt(ask, ask.received if ask.received is not None else self._clock())
        outcome = "failed: internal error"
        try:
            attempt.route = self._routes.decide(ask.kind, tuple(f.uri for f in ask.files), ask.input_tokens)
            answered = await self._within_deadline(attempt, attempt.route, operation)
            finish = answered.done.finish if answered.done else "stop"
            text = "".join(answered.pieces)
            outcome = ask.outcome(text) if finish != "superseded" else "superseded"
        except TurnoutError as error:
            outcome = f"{'late' if isinstance(error, DeadlineExceeded) else 'failed'}: {error.message}"
            raise
        except asyncio.CancelledError:
            outcome = "cancelled"
            raise
        finally:
            receipt = self._receipt(attempt, outcome)
            self._keep(attempt, receipt)
        return Answer(text, finish, receipt, answered.model)

    async def _within_deadline(self, attempt: _Attempt, route: Route, operation: "Operation") -> _Try:
        limit_ms = route.deadline_ms
        try:
            async with asyncio.timeout(None if limit_ms is None else limit_ms / 1000):
                return await self._first_answer(attempt, route, operation)
        except TimeoutError:
            waiting = attempt.tries[-1].waiting if attempt.tries else ""
            raise DeadlineExceeded(
                f"No answer within {limit_ms} ms{waiting and f': {waiting}'}.",
                advice=f"Raise routes.{attempt.ask.kind}.deadline_ms, or put a faster model first.",
            ) from None

    async def _first_answer(self, attempt: _Attempt, route: Route, operation: "Operation") -> _Try:
        last: TurnoutError | None = None
        for model in route.candidates:
            try:
                return await self._try(attempt, route, model, operation)
            except (BackendError, ModelError, ConsentRefused) as error:
                logger.info("%s passed over for %s: %s", model.name, attempt.ask.kind, type(error).__name__)
                operation.give_up(model, error)
                attempt.passed.append(f"{model.name}: {error.message}")
                last = error
        if last is not None and len(route.candidates) == 1:
            raise last
        raise RouteError(
            f"No model could answer this {attempt.ask.kind} request: "
            + ("; ".join(attempt.passed) or _why_none(route.eliminated)),
            advice=last.advice
            if last
            else f"`turnout route explain {attempt.ask.kind} FILE` shows each setting that decided.",
        ) from last

    async def _try(self, attempt: _Attempt, route: Route, model: Model, operation: "Operation") -> _Try:
        operation.check(model)
        prompt = attempt.ask.prompt(model)
        size = prompt_bytes(prompt)
        if model.leaves_machine:
            await self._clear_to_leave(attempt.ask, route, model, prompt, operation)
        tried = _Try(model, size, self._clock())
        attempt.tries.append(tried)
        try:
            await self._stream(attempt.ask, tried, prompt)
        except _UNREACHED:
            tried.reached = False
            raise
        return tried

    async def _stream(self, ask: Ask, tried: _Try, prompt: Prompt) -> None:
        # A Protocol cannot say "async generator"; closing it is what stops the model.
        stream = cast("Any", self._backends[tried.model.api].stream(tried.model, prompt))
        async with aclosing(stream):
            async for item in stream:
                if isinstance(item, Done):
                    tried.done = item
                    return
                if not isinstance(item, Delta):
                    tried.note(item)
                    ask.on_waiting(tried.waiting)
                    continue
                tried.waiting = ""
                tried.first = tried.first if tried.first is not None else self._clock()
                tried.pieces.append(item.text)
                if ask.on_text(item.text):
                    return
        raise StreamTruncated(f"The answer of {tried.model.name} ended without its end.")

    async def _clear_to_leave(
        self, ask: Ask, route: Route, model: Model, prompt: Prompt, operation: "Operation"
    ) -> None:
        size = prompt_bytes(prompt)
        estimate = model.cost_usd(int(size / CHARACTERS_PER_TOKEN) + 1, prompt.max_tokens)
        if route.limit_usd is not None and (estimate is None or estimate > route.limit_usd):
            price = "an unknown price" if estimate is None else f"${estimate:.4f}"
            raise BackendError(
                f"It may cost {price}, and ${route.limit_usd:.4f} is left for it.",
                advice="Raise budget.request_usd or budget.day_usd in your config.toml.",
            )
        if not route.ask_before_leaving or operation.agreed(model):
            return
        if not await self._consents.may_leave(Consent(ask.kind, model, ask.files, size, estimate)):
            raise ConsentRefused("Nothing was sent to it, because you did not agree.")
        operation.agree(model)

    def _keep(self, attempt: _Attempt, receipt: Receipt) -> None:
        """Record `receipt`; where its stream was closed early, once it is known what the request came to.

        What cost money does not wait: the next request has to find it spent.
        """
        last = attempt.tries[-1] if attempt.tries else None
        if last is None or last.done is not None or last.account is None or receipt.cost_usd != 0:
            self._ledger.record(receipt)
            return

        def complete(settled: "asyncio.Future[Done | None]") -> None:
            last.done = settled.result()
            whole = self._receipt(attempt, receipt.outcome)
            self._ledger.record(replace(whole, id=receipt.id, total_ms=receipt.total_ms))

        last.account.settled.add_done_callback(complete)

    def _receipt(self, attempt: _Attempt, outcome: str) -> Receipt:
        """One receipt for all candidates that were asked: sums, and the times of the last."""
        route, tries = attempt.route, attempt.tries
        reached = [tried for tried in tries if tried.reached]
        usages = [tried.usage() for tried in reached]
        costs = [tried.cost_usd() for tried in reached]
        last = tries[-1] if tries else None
        timings = last.timings() if last else Timings()
        reason = "; passed over ".join([route.reason if route else "no decision", *attempt.passed])
        return Receipt(
            id=uuid.uuid4().hex,
            kind=attempt.ask.kind,
            model=last.model.name if last else None,
            route=tuple(candidate.name for candidate in route.candidates) if route else (),
            reason=reason,
            leaves_machine=any(tried.model.leaves_machine for tried in reached),
            files=attempt.ask.files if reached else (),
            bytes_sent=sum(tried.size for tried in reached),
            tokens_in=sum(usage.input for usage in usages),
            tokens_out=sum(usage.output for usage in usages),
            tokens_cached=sum(usage.cached for usage in usages),
            cost_usd=None if None in costs else sum(cost for cost in costs if cost is not None),
            queue_ms=timings.queue,
            context_ms=attempt.ask.context_ms,
            first_token_ms=timings.first_token,
            total_ms=(self._clock() - attempt.started) * 1000,
            outcome=outcome,
            tokens_evaluated=_evaluated(usages),
            prefill_ms=timings.prefill,
            model_ms=timings.model,
            stop_ms=timings.stop,
        )


class Operation:
    """The memory of one piece of work: who was agreed to, and who need not be asked again.

    A refactor asks for file after file, and again to have an answer mended; one "no" and one refused key are enough.
    """

    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher
        self._agreed: set[Model] = set()
        self._given_up: dict[Model, TurnoutError] = {}

    @property
    def passed_over(self) -> tuple[str, ...]:
        """The models that were given up, each with the reason."""
        return tuple(f"{model.name}: {error.message}" for model, error in self._given_up.items())

    async def ask(
        self,
        kind: Kind,
        prompt: Callable[[Model], ChatPrompt],
        files: tuple[SentFile, ...],
        on_text: Callable[[str], None],
    ) -> Answer:
        """Run a chat prompt: the `Asker` of the use cases."""
        tokens = int(sum(file.bytes for file in files) / CHARACTERS_PER_TOKEN)
        return await self._dispatcher.run_within(Ask(kind, files, prompt, on_text, input_tokens=tokens), self)

    def agreed(self, model: Model) -> bool:
        """Whether the user agreed to `model` for this operation."""
        return model in self._agreed

    def agree(self, model: Model) -> None:
        """Remember the user's yes."""
        self._agreed.add(model)

    def check(self, model: Model) -> None:
        """Raise what `model` failed with before, where it would again."""
        error = self._given_up.get(model)
        if error is not None:
            raise error

    def give_up(self, model: Model, error: TurnoutError) -> None:
        """Remember a failure that has nothing to do with the prompt."""
        if not isinstance(error, RequestRejected):
            self._given_up.setdefault(model, error)


def _evaluated(usages: list[Usage]) -> int | None:
    """Tokens of the prompts that were read; None where that was not counted."""
    if not usages or any(usage.estimated for usage in usages):
        return None
    return sum(usage.input - usage.cached for usage in usages)


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
