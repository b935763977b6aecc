"""One engine and a stopwatch: runs prompts on it and says what each step cost."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from turnout.worker.engines.base import BatchEngine, Ending, Sink, Work


@dataclass
class Run:
    """What one prompt cost; `steps_ms` are the steps of its answer.

    `stop_ms` is what a stop costs at worst: the whole step in which it was heard, and the end of the prompt after it.
    """

    one_line: bool = True
    stop_after: int | None = None
    text: str = ""
    tokens: int = 0
    reused: int = 0
    prompt_tokens: int = 0
    first_ms: float = 0.0
    total_ms: float = 0.0
    stop_ms: float = 0.0
    steps_ms: list[float] = field(default_factory=list)
    ending: Ending | None = None
    began_s: float = 0.0
    stopped: bool = False
    cut: bool = False

    @property
    def evaluated(self) -> int:
        return self.prompt_tokens - self.reused

    def prefill(self, reused: int, done: int, of: int) -> bool:
        self.reused, self.prompt_tokens = reused, of
        return self._goes_on(self.stop_after != 0)

    def token(self, text: str) -> bool:
        if not self.tokens:
            self.first_ms = (time.perf_counter() - self.began_s) * 1000
        self.tokens += 1
        line, newline, _ = text.partition("\n")
        self.cut = self.one_line and bool(newline) and bool((self.text + line).strip())
        self.text += line if self.cut else text
        return self._goes_on(self.stop_after is None or self.tokens < self.stop_after) and not self.cut

    def _goes_on(self, going: bool) -> bool:
        self.stopped = self.stopped or not going
        return going


def run(engine: BatchEngine, works: Sequence[Work], stop_after: int | None = None) -> list[Run]:
    """Run `works` side by side to their ends; all of them fit the engine's lanes."""
    runs: list[Run] = []
    for work in works:
        runs.append(Run(work.shape == "line", stop_after, began_s=time.perf_counter()))
        engine.begin(work, runs[-1])
    while any(each.ending is None for each in runs):
        before_s, tokens = time.perf_counter(), sum(each.tokens for each in runs)
        ended = engine.step()
        now_s = time.perf_counter()
        if sum(each.tokens for each in runs) > tokens:
            runs[0].steps_ms.append((now_s - before_s) * 1000)
        for sink, ending in ended:
            _close(sink, ending, before_s, time.perf_counter())
    return runs


def _close(sink: Sink, ending: Ending, before_s: float, now_s: float) -> None:
    assert isinstance(sink, Run)
    sink.ending = ending
    sink.total_ms = (now_s - sink.began_s) * 1000
    if sink.stopped:
        sink.stop_ms = (now_s - before_s) * 1000
