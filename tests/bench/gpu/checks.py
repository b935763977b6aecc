"""Whether the GPU's answers are right: each check gives a sentence, and whether it holds."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.gpu.holes import line, long_prefix
from bench.gpu.seat import run
from turnout.worker.engines.base import BatchEngine, OnProgress
from turnout.worker.runner import Report, Runner
from turnout.worker.schedule import Job

PROMPT_CHARACTERS = 3600
_GUARD_S = 60
_MOST_ERROR = {"cpu": 1e-5, "cuda": 4e-3}  # float32 there, 16 bits here


@dataclass(frozen=True, slots=True)
class Check:
    """A rule, whether it held, and the figures that it was judged by."""

    rule: str
    holds: bool
    found: str


def of_engine(engine: BatchEngine, expected: dict[str, Any]) -> Iterator[Check]:
    """All checks of a loaded engine; `expected` is how llama.cpp fills `holes` with the same weights."""
    if expected:
        yield parity(engine, expected["holes"])
    yield reuse(engine)
    yield from cancellation(engine)
    yield asyncio.run(supersede(engine))


def tokens(folder: Path, expected: list[dict[str, Any]]) -> Check:
    """The converted tokenizer reads each text as llama.cpp read the original."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    same = [tokenizer.encode(each["text"], add_special_tokens=False).ids == each["ids"] for each in expected]
    return Check("text is tokenized as llama.cpp does it", all(same), f"{sum(same)} of {len(same)} the same")


def attention(device: str) -> Check:
    """Attention without flash-attn against a reference in float64."""
    import torch

    from turnout.worker.engines.exllama_attention import causal_attention

    made = torch.Generator().manual_seed(1)
    q, k, v = (
        torch.randn(1, length, heads, 64, generator=made) for length, heads in ((48, 14), (700, 2), (700, 2))
    )
    mask = torch.ones(48, 700, dtype=torch.bool).tril(700 - 48)
    wide = [
        tensor.double().transpose(1, 2).repeat_interleave(14 // tensor.shape[2], 1) for tensor in (q, k, v)
    ]
    scores = (wide[0] @ wide[1].transpose(-1, -2) * 64**-0.5).masked_fill(~mask, float("-inf"))
    wanted = (scores.softmax(-1) @ wide[2]).transpose(1, 2).reshape(1, 48, -1)
    kind = torch.half if device == "cuda" else torch.float
    answered = causal_attention(*(tensor.to(device, kind) for tensor in (q, k, v)), scale=64**-0.5)
    error = float((answered.double().cpu() - wanted).abs().max())
    return Check(
        "attention without flash-attn is causal", error < _MOST_ERROR[device], f"largest error {error:.1e}"
    )


def parity(engine: BatchEngine, expected: list[dict[str, Any]]) -> Check:
    """The lines are those that llama.cpp writes; one in five may differ where two tokens are as likely."""
    different = []
    for number, hole in enumerate(expected):
        [answer] = run(engine, [line(hole["prefix"], hole["suffix"], f"hole {number}")])
        if answer.text != hole["text"]:
            different.append(f"{hole['text']!r} became {answer.text!r}")
    same = len(expected) - len(different)
    found = f"{same} of {len(expected)} the same" + (f"; {'; '.join(different)}" if different else "")
    return Check("holes are filled as llama.cpp fills them", same * 5 >= len(expected) * 4, found)


def reuse(engine: BatchEngine) -> Check:
    """Typing on evaluates a page of the cache at most."""
    prefix = long_prefix(PROMPT_CHARACTERS)
    [cold] = run(engine, [line(prefix, "\n", "reuse")])
    [typed] = run(engine, [line(prefix + "x", "\n", "reuse")])
    found = f"{cold.evaluated} tokens cold, {typed.evaluated} after a letter"
    return Check("a typed letter is evaluated, and not the file", typed.evaluated <= 260, found)


def cancellation(engine: BatchEngine) -> Iterator[Check]:
    """A stop leaves the engine free, and the next answer as it would have been."""
    prefix = long_prefix(PROMPT_CHARACTERS) + "def after("
    [wanted] = run(engine, [line(prefix, "\n", "cancel")])
    for rule, stop_after, document in (("an answer", 3, "cancel"), ("a prompt", 0, "cancel in a prompt")):
        text = prefix if stop_after else prefix[::-1]
        [stopped] = run(engine, [line(text, "\n", document, shape="block", max_tokens=200)], stop_after)
        [after] = run(engine, [line(prefix, "\n", "cancel")])
        holds = stopped.ending == "interrupted" and stopped.tokens == stop_after and after.text == wanted.text
        yield Check(
            f"{rule} can be stopped, and what follows is right", holds, f"free after {stopped.stop_ms:.1f} ms"
        )


async def supersede(engine: BatchEngine) -> Check:
    """Through the runner: a newer request of a document ends the older one and is answered."""
    reports: asyncio.Queue[Report] = asyncio.Queue()
    loaded = _Loaded(engine)
    runner = Runner(loaded, lambda batch: _put_all(reports, batch), asyncio.get_running_loop())
    older = Job(1, 1, "inline", line("def first(", "\n", "s", shape="block", max_tokens=300), runner.clock())
    newer = Job(1, 2, "inline", line("def second(", "\n", "s"), runner.clock())
    runner.submit(older)
    runner.start()
    ends: dict[Job, Any] = {}
    async with asyncio.timeout(_GUARD_S):
        while len(ends) < 2:
            what, job, detail = await reports.get()
            if what == "chunk" and job is older and not newer.order:
                runner.submit(newer)
            if what == "finished" and job is not None:
                ends[job] = detail[0]  # type: ignore[index]
    await asyncio.to_thread(runner.close, _GUARD_S)
    holds = ends[older] == "superseded" and ends[newer] in ("stop", "length")
    return Check("a newer request ends the older one", holds, f"{ends[older]}, then {ends[newer]}")


def _put_all(queue: asyncio.Queue[Report], batch: list[Report]) -> None:
    for report in batch:
        queue.put_nowait(report)


class _Loaded:
    """An engine that is in memory and stays there."""

    def __init__(self, engine: BatchEngine) -> None:
        self.lanes, self.begin, self.step = engine.lanes, engine.begin, engine.step

    def load(self, on_progress: OnProgress) -> None:
        """Nothing is left to do."""

    def close(self) -> None:
        """The checks that follow need it."""
