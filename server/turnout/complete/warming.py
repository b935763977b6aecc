"""Getting a model on this machine ready for the place where the user is about to type, while nobody waits for it.

Invariants: only the document touched last is warmed, only after a moment of rest, only on this machine, and never
while a completion runs; at most one prompt is under way; whatever fails here, the user hears nothing of it.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from turnout.complete.prompts import ALONE, Rules, fim_prompt
from turnout.core import holes
from turnout.core.context import Surroundings
from turnout.core.documents import Position, Snapshot
from turnout.core.fim import budget
from turnout.core.fim.budget import Pace
from turnout.core.models import Model
from turnout.core.policy import is_served_here
from turnout.core.prompts import FimPrompt
from turnout.errors import TurnoutError

logger = logging.getLogger(__name__)

IDLE_S = 0.4
"""Longer than the pause between two letters, shorter than that between looking at a place and typing there."""

NEAR_LINES = 40
"""A server beside us goes on with the same text of other files so far from where it was gathered."""

LOOK_AROUND_S = 1.5
"""How long after a completion to look whether other files would help more by now: the user reads, or thinks."""


@dataclass(frozen=True, slots=True)
class Place:
    """A cursor in a version of a document."""

    uri: str
    version: int | None
    position: Position


class Rest:
    """Where the cursor rests and since when: decides what is worth warming. Knows no clock but what it is told."""

    def __init__(self, idle_s: float = IDLE_S, look_around_s: float | None = None) -> None:
        """`look_around_s` after a completion its place is due once more; never, where that is None."""
        self._idle_s = idle_s
        self._look_around_s = look_around_s
        self._place: Place | None = None
        self._ready: Place | None = None
        self._running = 0
        self.due_s: float | None = None
        """When there will be something to warm, if nothing happens until then."""

    def at(self, place: Place, now_s: float) -> None:
        """The cursor is at `place`: the moment of rest begins anew, unless the model is ready for it."""
        if place == self._place:
            return
        self._place = place
        self.due_s = None if place == self._ready else now_s + self._idle_s

    def asked(self, place: Place) -> None:
        """A completion at `place` began: it does itself what warming would."""
        self._place = self._ready = place
        self._running += 1
        self.due_s = None

    def answered(self, now_s: float) -> None:
        """A completion ended."""
        self._running -= 1
        if self._look_around_s is not None and self._place is not None and self.due_s is None:
            self.due_s = now_s + self._look_around_s

    def take(self, now_s: float) -> Place | None:
        """What to warm now; while completions run it is put off."""
        if self.due_s is None or now_s < self.due_s:
            return None
        if self._running:
            self.due_s = now_s + self._idle_s
            return None
        self.due_s = None
        self._ready = self._place
        return self._place

    def forget(self, uri: str) -> None:
        """A document was closed."""
        if self._place is not None and self._place.uri == uri:
            self._place = self._ready = self.due_s = None


class Backend(Protocol):
    """The models on this machine."""

    async def warm(self, model: Model, prompt: FimPrompt) -> object:
        """Evaluate `prompt` behind everything that somebody waits for; returns when that is done."""
        ...

    def pace(self, model: Model) -> Pace:
        """How fast the server of `model` says that it reads; nothing where nobody knows."""
        ...


class Context(Protocol):
    """What prompts show besides the text around the cursor."""

    def touch(self, uri: str, version: int | None, position: Position) -> None:
        """The user is at a place of a document."""
        ...

    def around(self, uri: str) -> Surroundings:
        """What completions in a document show now."""
        ...

    async def gather(self, snapshot: Snapshot, position: Position) -> Surroundings:
        """What completions at a place had better show."""
        ...

    def adopt(self, uri: str) -> None:
        """Have them show what was gathered last: the model has read it."""
        ...

    def forget(self, uri: str) -> None:
        """Drop what is kept for a closed document."""
        ...


class Timer(Protocol):
    """Something that was put off."""

    def cancel(self) -> None:
        """Let it not happen."""
        ...


class Warmer:
    """Watches where the cursor rests, and has the model read what is there."""

    def __init__(
        self,
        backend: Backend,
        first_choice: Callable[[str], Awaitable[Model | None]],
        rules: Callable[[str], Rules],
        relative_path: Callable[[str], str],
        snapshot: Callable[[str], Snapshot | None],
        clock: Callable[[], float] = time.monotonic,
        later: Callable[[float, Callable[[], None]], Timer] | None = None,
        context: Context | None = None,
    ) -> None:
        """`first_choice` is the model that a completion in a document would be asked of first.

        `later` calls something after so many seconds; without it, the event loop does. `context` is gathered anew
        wherever the cursor rests, whichever model completions there go to.
        """
        self._backend = backend
        self._first_choice = first_choice
        self._rules = rules
        self._relative_path = relative_path
        self._snapshot = snapshot
        self._clock = clock
        self._later = later or (lambda delay_s, call: asyncio.get_running_loop().call_later(delay_s, call))
        self._context = context
        self._rest = Rest(IDLE_S, LOOK_AROUND_S if context is not None else None)
        self._asked: Place | None = None
        self._known: dict[str, Position] = {}
        self._gathered_at: dict[str, int] = {}
        self._timer: Timer | None = None
        self._task: asyncio.Task[None] | None = None

    def touch(self, uri: str, version: int | None, position: Position | None = None) -> None:
        """The user is in this document, at `position` or where they were before."""
        position = position or self._known.get(uri, Position(0, 0))
        self._known[uri] = position
        if self._context is not None:
            self._context.touch(uri, version, position)
        self._rest.at(Place(uri, version, position), self._clock())
        self._wait()

    @contextmanager
    def completing(self, snapshot: Snapshot, position: Position) -> Iterator[None]:
        """Keep out of the way of a completion."""
        self._known[snapshot.uri] = position
        self._asked = Place(snapshot.uri, snapshot.version, position)
        self._rest.asked(self._asked)
        self._drop()
        try:
            yield
        finally:
            self._rest.answered(self._clock())
            self._wait()

    def forget(self, uri: str) -> None:
        """Drop what is kept for a closed document."""
        self._known.pop(uri, None)
        self._gathered_at.pop(uri, None)
        self._rest.forget(uri)
        if self._context is not None:
            self._context.forget(uri)

    async def close(self) -> None:
        """End what is under way."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def _wait(self) -> None:
        # One timer at a time, which looks again when it ends too early: a keystroke must not pay for new ones.
        if self._timer is None and self._rest.due_s is not None:
            delay_s = max(0.0, self._rest.due_s - self._clock())
            self._timer = self._later(delay_s, self._look)

    def _look(self) -> None:
        self._timer = None
        place = self._rest.take(self._clock())
        if place is not None:
            self._drop()
            self._task = asyncio.get_running_loop().create_task(self._warm(place), name="warm a model")
        self._wait()

    def _drop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def _warm(self, place: Place) -> None:
        snapshot = self._snapshot(place.uri)
        rules = self._rules(place.uri)
        if snapshot is None or not rules.allow(snapshot.language):
            return
        try:
            model = await self._first_choice(place.uri)
            if model is None or (around := await self._look_around(snapshot, place, model)) is None:
                return
            if model.api != "local":
                # A server goes on with the next request from where this one was stopped, if it begins alike.
                self._adopt(place, around)
            if _keeps_what_it_reads(model):
                hole = holes.cut(snapshot, place.position)
                path = self._relative_path(place.uri)
                await self._backend.warm(model, fim_prompt("inline", snapshot, path, hole, rules, around))
            if model.api == "local":
                self._adopt(place, around)
        except TurnoutError as error:
            logger.info("not warmed: %s", error)  # a completion that fails says more
        except Exception:  # a task's boundary: nobody waits for this one
            logger.exception("warming failed")

    def _adopt(self, place: Place, around: Surroundings) -> None:
        """Have completions show what was gathered last."""
        if self._context is not None:
            self._context.adopt(place.uri)
            if around.chunks:
                self._gathered_at.setdefault(place.uri, place.position.line)

    async def _look_around(self, snapshot: Snapshot, place: Place, model: Model) -> Surroundings | None:
        """What a completion at `place` had better show; None where the last one there showed that already."""
        if self._context is None:
            return ALONE
        shown = self._context.around(place.uri)
        if is_served_here(model):
            # Unlike our own process it may not have the prompt before at hand once it began to read another one, and
            # does not stop reading for whoever goes on typing.
            if place == self._asked and self._reads_slowly(model):
                return None
            if shown.chunks and self._is_near(place):
                return None if place == self._asked else shown
        self._gathered_at.pop(place.uri, None)
        around = await self._context.gather(snapshot, place.position)
        return None if place == self._asked and around == shown else around

    def _reads_slowly(self, model: Model) -> bool:
        """Whether reading a prompt anew takes longer than the rest in which its user looks at a suggestion."""
        told = self._backend.pace(model).prefill
        return 0 < told < budget.MOST_TOKENS / LOOK_AROUND_S

    def _is_near(self, place: Place) -> bool:
        """Whether text of other files was read for a place close by."""
        line = self._gathered_at.get(place.uri)
        return line is not None and abs(line - place.position.line) <= NEAR_LINES


def _keeps_what_it_reads(model: Model) -> bool:
    """Whether reading ahead helps and costs nobody anything: by our own process, or by a llama-server beside it."""
    return model.api == "local" or is_served_here(model)
