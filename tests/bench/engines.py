"""The real model in this process, with one prompt layout or another, one request at a time.

Invariant: engines of one run differ in nothing but the layout of their prompts.
"""

import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from turnout.core.fim.families import Family, recognize
from turnout.core.fim.layout import Window
from turnout.core.holes import Hole
from turnout.worker.engines.base import Work
from turnout.worker.engines.llamacpp import LlamaEngine
from turnout.worker.wire import Part

CONTEXT_TOKENS = 4096


@dataclass(slots=True)
class Answer:
    """What came of a request, as its sink saw it; times since it was made."""

    text: str = ""
    evaluated: int = 0
    prompt: int = 0
    first_ms: float | None = None
    whole_ms: float = 0.0
    _began: float = 0.0

    def __post_init__(self) -> None:
        self._began = time.perf_counter()

    def prefill(self, reused: int, done: int, of: int) -> bool:
        self.evaluated, self.prompt = done - reused, of
        return True

    def token(self, text: str) -> bool:
        if text and self.first_ms is None:
            self.first_ms = self._now_ms()
        self.text += text
        return "\n" not in self.text.lstrip("\n")

    def end(self) -> "Answer":
        """This answer, with its line whole."""
        self.whole_ms = self._now_ms()
        self.first_ms = self.whole_ms if self.first_ms is None else self.first_ms
        return self

    def _now_ms(self) -> float:
        return (time.perf_counter() - self._began) * 1000


class Asker:
    """A loaded model that fills holes of documents."""

    def __init__(self, engine: LlamaEngine) -> None:
        self._engine = engine

    def fill(self, document: str, hole: Hole, max_tokens: int = 40) -> Answer:
        """The rest of the line."""
        work = Work(document, _parts(hole), chat=False, max_tokens=max_tokens)
        answer = Answer()
        self._engine.run(work, answer)
        return answer.end()

    def warm(self, document: str, hole: Hole) -> None:
        """Evaluate a prompt ahead."""
        self._engine.run(Work(document, _parts(hole), chat=False, generate=False), Answer())


@contextmanager
def loaded(weights: Path, window: Window, *, plain: bool) -> Iterator[Asker]:
    """The model of a file, in its family's layout or in the plain one."""

    def find(model: str, token_id: Any) -> tuple[Family, Mapping[str, int]] | None:
        found = recognize(model, token_id)
        if found is None or not plain:
            return found
        return replace(found[0], tail_lines=0, heal="nothing"), found[1]

    engine = LlamaEngine(weights, weights.stem, CONTEXT_TOKENS, None, window, find)
    interrupt = signal.getsignal(signal.SIGINT)
    engine.load()
    signal.signal(signal.SIGINT, interrupt)  # llama.cpp puts its own in place
    try:
        yield Asker(engine)
    finally:
        engine.close()


def _parts(hole: Hole) -> tuple[Part, ...]:
    return (
        {"role": "prefix", "text": hole.prefix, "path": "file"},
        {"role": "suffix", "text": hole.suffix},
    )
