"""How fast a loaded engine is: the figures of one model, medians of typing."""

import statistics
from dataclasses import asdict, dataclass
from typing import Any

from bench.gpu.holes import line, long_prefix
from bench.gpu.seat import run
from turnout.worker.engines.base import BatchEngine

_CHARACTERS = 3900  # as much as a window shows of a file, and again of another: about 2,000 tokens together
_LINE_TOKENS = 32


@dataclass(frozen=True, slots=True)
class Timing:
    """One model. `warm_ms`: 32 tokens after a letter typed behind a 2k-token prefix; `share` of the bandwidth limit."""

    model: str
    weights_gb: float
    lanes: int
    load_s: float
    cold_ms: float
    first_ms: float
    warm_ms: float
    step_ms: float
    batch_step_ms: float
    stop_ms: float
    stop_prompt_ms: float
    share: float

    def row(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)


def measure(
    engine: BatchEngine, model: str, weights_bytes: int, load_s: float, bandwidth: float, times: int
) -> Timing:
    """Type `times` letters, stop `times` answers and prompts; `bandwidth` in bytes per second, 0 where unknown."""
    prefix = long_prefix(_CHARACTERS)
    beside = long_prefix(_CHARACTERS)
    answer: dict[str, Any] = {"shape": "block", "max_tokens": _LINE_TOKENS, "beside": beside}
    [cold] = run(engine, [line(prefix, "\n", "time", **answer)])
    typed = [run(engine, [line(prefix + "x" * n, "\n", "time", **answer)])[0] for n in range(1, times + 1)]
    steps = [step for each in typed for step in each.steps_ms[1:]]
    together = [line(prefix + f"{n}", "\n", f"lane {n}", **answer) for n in range(engine.lanes)]
    batch = run(engine, together)[0].steps_ms[1:]
    stopped = [run(engine, [line(prefix, "\n", "time", **answer)], 4)[0].stop_ms for _ in range(times)]
    unread = [
        run(engine, [line(prefix, "\n", f"new {n}", beside=f"# {n}\n{beside[20:]}")], 0)[0].stop_ms
        for n in range(times)
    ]
    step_ms = statistics.median(steps) if steps else 0.0
    limit_ms = weights_bytes / bandwidth * 1000 if bandwidth else 0.0
    return Timing(
        model=model,
        weights_gb=weights_bytes / 1e9,
        lanes=engine.lanes,
        load_s=load_s,
        cold_ms=cold.first_ms,
        first_ms=statistics.median(each.first_ms for each in typed),
        warm_ms=statistics.median(each.total_ms for each in typed),
        step_ms=step_ms,
        batch_step_ms=statistics.median(batch) if batch else 0.0,
        stop_ms=statistics.median(stopped),
        stop_prompt_ms=statistics.median(unread),
        share=limit_ms / step_ms if step_ms else 0.0,
    )


def bandwidth() -> float:
    """Bytes per second that the card's memory is read at, by copying within it: each byte is read and written."""
    import torch

    source = torch.empty(1 << 30, dtype=torch.uint8, device="cuda")
    target = torch.empty_like(source)
    begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    target.copy_(source)
    begin.record()
    for _ in range(10):
        target.copy_(source)
    end.record()
    torch.cuda.synchronize()
    return float(10 * 2 * source.numel() / (begin.elapsed_time(end) / 1000))
