"""What every engine offers: run one prompt, one step at a time, and stop within a step when told to.

Invariant: an engine is used by one thread, and knows nothing of clients, queues or sockets.
"""

from dataclasses import dataclass
from typing import Literal, Protocol

from turnout.worker.wire import Part


@dataclass(frozen=True, slots=True)
class Work:
    """A prompt to run.

    `already` is text that earlier runs of the same work produced before they were interrupted:
    the engine goes on after it, with `max_tokens` counting from there.
    With `generate` False the prompt is only evaluated, so that a later request finds it in the cache.
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


class EngineError(Exception):
    """A load or a request that failed; the message says what to do, and the engine itself lives on."""
