"""What every engine offers: run prompts, one step at a time, and stop each within a step when told to.

An `Engine` runs one prompt from its beginning to its end. A `BatchEngine` runs several side by side.
Invariant: an engine is used by one thread, and knows nothing of clients, queues or sockets.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

from turnout.core.fim.layout import Window
from turnout.worker.wire import Part


@dataclass(frozen=True, slots=True)
class Work:
    """A prompt to run.

    `already` is text that earlier runs of the same work produced before they were interrupted:
    the engine goes on after it, with `max_tokens` counting from there.
    With `generate` False the prompt is only evaluated, so that a later request finds it in the cache.
    `window` is None for the engine's own measure; `plain` lays a hole out in the usual order.
    """

    document: str
    parts: tuple[Part, ...]
    chat: bool
    shape: Literal["line", "block"] = "line"
    max_tokens: int = 64
    temperature: float = 0.0
    stop: tuple[str, ...] = ()
    already: str = ""
    generate: bool = True
    window: Window | None = None
    plain: bool = False


class Sink(Protocol):
    """Where an engine reports each step; False means stop now."""

    def prefill(self, reused: int, done: int, of: int) -> bool:
        """`done` of `of` prompt tokens are in place, `reused` of them from the cache."""
        ...

    def token(self, text: str) -> bool:
        """One more token; `text` may be empty, and is exactly what to insert at the cursor."""
        ...


Ending = Literal["stop", "length", "interrupted"]


class Engine(Protocol):
    """A model in memory."""

    def load(self) -> None:
        """Bring the model into memory; raises EngineError with advice where that cannot work."""
        ...

    def run(self, work: Work, sink: Sink) -> Ending:
        """Run `work` to its end, or until `sink` says stop; raises EngineError for work that cannot be done."""
        ...

    def close(self) -> None:
        """Give the model's memory back."""
        ...


OnProgress = Callable[[int, int], None]
"""Hears how much of loading is done, and of how much."""


@runtime_checkable
class BatchEngine(Protocol):
    """A model in memory that runs several prompts at once, one step of all of them at a time."""

    @property
    def lanes(self) -> int:
        """How many prompts it runs at once; known once it is loaded."""
        ...

    def load(self, on_progress: OnProgress) -> None:
        """Bring the model into memory; raises EngineError with advice where that cannot work."""
        ...

    def begin(self, work: Work, sink: Sink) -> None:
        """Take `work` into a free lane; raises EngineError for work that cannot be done."""
        ...

    def step(self) -> list[tuple[Sink, Ending]]:
        """Make one step of everything that was begun; returns what ended.

        An exception is the end of everything that was begun, and an EngineLost that of the engine as well.
        """
        ...

    def close(self) -> None:
        """Give the model's memory back."""
        ...


class OneLane:
    """An `Engine` as a `BatchEngine` of one lane, whose step is a whole run."""

    lanes = 1

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._begun: list[tuple[Work, Sink]] = []
        self.close = engine.close

    def load(self, on_progress: OnProgress) -> None:
        """Load the engine, which says nothing meanwhile."""
        self._engine.load()

    def begin(self, work: Work, sink: Sink) -> None:
        """Keep `work` for the next step."""
        self._begun.append((work, sink))

    def step(self) -> list[tuple[Sink, Ending]]:
        """Run what was begun to its end."""
        work, sink = self._begun.pop()
        return [(sink, self._engine.run(work, sink))]


def in_lanes(engine: Engine | BatchEngine) -> BatchEngine:
    """Any engine as a `BatchEngine`."""
    return engine if isinstance(engine, BatchEngine) else OneLane(engine)


class EngineError(Exception):
    """A load or a request that failed; the message says what to do, and the engine itself lives on."""


class EngineLost(EngineError):
    """The engine can do nothing more, as after a fault of the GPU: its process has to end."""
