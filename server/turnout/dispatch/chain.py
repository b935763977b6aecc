"""The candidates of a route, one after the other, until one answers.

Invariants: a candidate is asked only after those before it failed, or beside one that is silent for too long where the
route wants that; text never travels further for the sake of speed; when this ends, nothing of it is still running.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, replace

from turnout.core.models import Model
from turnout.core.policy import reach
from turnout.core.requests import COMPLETION_KINDS, Elimination, Kind, Route
from turnout.dispatch.attempt import Attempt, Try
from turnout.dispatch.backoff import pause_s
from turnout.dispatch.clearance import Clearance
from turnout.dispatch.floor import Floor, Outrun
from turnout.dispatch.operation import Operation
from turnout.dispatch.sending import Sender
from turnout.errors import BackendError, ConsentRefused, ModelError, RouteError, TurnoutError

logger = logging.getLogger(__name__)

PASSED_OVER = (BackendError, ModelError, ConsentRefused)
"""Failures of one candidate, after which the next one may be asked."""

_NEVER_HEDGED = frozenset({"refactor"})
"""Its answers are long and dear, and nobody waits for the first word of them."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How pauses are made: `sleep` in seconds, and `chance` from 0 to 1 for what spreads them."""

    sleep: Callable[[float], Awaitable[None]]
    chance: Callable[[], float]


class Chain:
    """The candidates of one request; `until` is its deadline on the event loop's clock, None without one."""

    def __init__(
        self,
        attempt: Attempt,
        route: Route,
        operation: Operation,
        clearance: Clearance,
        sender: Sender,
        patience: Patience,
        until: float | None,
    ) -> None:
        self._attempt = attempt
        self._route = route
        self._operation = operation
        self._clearance = clearance
        self._sender = sender
        self._patience = patience
        self._until = until
        self._floor = Floor(attempt.ask)
        self._left = deque(route.candidates)
        self._running: dict[asyncio.Task[Try], Model] = {}
        """Those that are asked at once, where a silent model is hedged."""
        self._last: TurnoutError | None = None

    async def answer(self) -> Try:
        """The first answer; raises TurnoutError where there is none."""
        hedges = self._route.hedge_ms is not None and self._route.kind not in _NEVER_HEDGED
        while self._left:
            model = self._left.popleft()
            answered = await (self._race(model) if hedges else self._one(model))
            if answered is not None:
                return answered
        raise nobody(self._route, self._attempt.passed, self._last)

    async def _one(self, model: Model) -> Try | None:
        """The answer of one candidate, None where it was passed over."""
        try:
            return await self._persist(model, self._clearance)
        except PASSED_OVER as error:
            self._pass_over(model, error)
            return None

    async def _persist(self, model: Model, clearance: Clearance) -> Try:
        """The answer of one candidate, which is asked again where that may help."""
        failures = 0
        while True:
            self._operation.check(model)
            try:
                return await self._sender.send(self._attempt, clearance, model, self._floor)
            except BackendError as error:
                failures += 1
                pause = self._pause_s(error, failures)
                if pause is None:
                    raise
                logger.info("%s is asked again in %.2f s: %s", model.name, pause, type(error).__name__)
                await self._patience.sleep(pause)

    def _pause_s(self, error: BackendError, failures: int) -> float | None:
        if self._floor.lost or self._route.kind in COMPLETION_KINDS:
            return None  # the next keystroke asks again anyway
        left_s = None if self._until is None else self._until - asyncio.get_running_loop().time()
        chance = self._patience.chance()
        others = bool(self._left) or len(self._running) > 1
        return pause_s(error, failures, others=others, left_s=left_s, chance=chance)

    async def _race(self, first: Model) -> Try | None:
        """The first answer of `first` and, should it be silent for too long, of one that is asked beside it."""
        running = self._running
        running[asyncio.create_task(self._persist(first, self._clearance))] = first
        self._floor.on_taken = self._cancel_others
        try:
            done, _ = await asyncio.wait(running, timeout=(self._route.hedge_ms or 0) / 1000)
            if not done and self._floor.holder is None and (second := self._second(first)) is not None:
                self._left.remove(second)
                beside = replace(self._clearance, beside=True)
                running[asyncio.create_task(self._persist(second, beside))] = second
            while running:
                done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    answered = self._finished(task, running.pop(task))
                    if answered is not None:
                        return answered
            return None
        finally:
            await _end(running)
            running.clear()

    def _cancel_others(self) -> None:
        """End those who are silent still; called by the one who speaks."""
        for task in self._running:
            if task is not asyncio.current_task():
                task.cancel()

    def _finished(self, task: "asyncio.Task[Try]", model: Model) -> Try | None:
        """The answer of a racer, None where it has none; one that was only slower may be asked again."""
        if task.cancelled():
            self._left.appendleft(model)
            return None
        try:
            return task.result()
        except Outrun:
            self._left.appendleft(model)
        except PASSED_OVER as error:
            self._pass_over(model, error)
        return None

    def _second(self, first: Model) -> Model | None:
        """Who may be asked beside `first`: to whom text travels no further, and about whom nobody has to be asked."""
        uris = [file.uri for file in self._attempt.ask.files]
        for model in self._left:
            consent = model.leaves_machine and self._route.ask_before_leaving
            if reach(model) <= reach(first) and (not consent or self._operation.agreed(model, uris)):
                return model
        return None

    def _pass_over(self, model: Model, error: TurnoutError) -> None:
        """Go on without `model`; raises where that would not help, or hide what the user has to mend."""
        kind = self._attempt.ask.kind
        logger.info("%s passed over for %s: %s", model.name, kind, type(error).__name__)
        self._operation.give_up(model, error)
        self._attempt.passed.append(f"{model.name}: {error.message}")
        self._last = error
        if stops(error, kind) or (self._floor.lost and self._left):
            raise error


def stops(error: TurnoutError, kind: Kind) -> bool:
    """Whether no other candidate is asked after `error`, since its user has to mend something."""
    return getattr(error, "remedy", "") == "stop" and kind not in COMPLETION_KINDS


def nobody(route: Route, passed: Sequence[str], last: TurnoutError | None) -> TurnoutError:
    """The error of a request that no candidate answered; `passed` says of each why, `last` is the last of these."""
    if last is not None and len(route.candidates) == 1:
        return last
    error = RouteError(
        f"No model could answer this {route.kind} request: "
        + ("; ".join(passed) or _why_none(route.eliminated)),
        advice=last.advice
        if last
        else f"`turnout route explain {route.kind} FILE` shows each setting that decided.",
    )
    error.__cause__ = last
    return error


async def _end(tasks: Collection["asyncio.Task[Try]"]) -> None:
    """Cancel `tasks` and see them end, also where whoever waits for that is cancelled again."""
    again: asyncio.CancelledError | None = None
    for task in tasks:
        task.cancel()
    while pending := [task for task in tasks if not task.done()]:
        try:
            await asyncio.wait(pending)
        except asyncio.CancelledError as error:
            again = error
    for task in tasks:
        if not task.cancelled():
            task.exception()  # or it would be reported as one that nobody looked at
    if again is not None:
        raise again


def _why_none(eliminated: tuple[Elimination, ...]) -> str:
    if not eliminated:
        return "its route names no model."
    return "; ".join(f"{e.model}: {e.reason} ({e.source})" for e in eliminated)
