"""Typing one line with the real model: our prompt layout against plain prefix, suffix, middle.

Both are whole workers that differ in nothing else, and they answer the same letters in turn.
"""

import asyncio
import inspect
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from bench.report import Judged, Row, percentile
from bench.session import HERE, entered, fresh_environment
from turnout import models
from turnout.core import routing
from turnout.core.requests import Delta, Done, FimPrompt, Model
from turnout.local import LocalBackend

NAME = "qwen2.5-coder-0.5b"
POSITIONS = 12
_LINE = "    named = {model.name for model in models} | {elimination.model for elimination in eliminated}\n"


@dataclass(frozen=True, slots=True)
class _Figures:
    evaluated: int
    first_ms: float
    line_ms: float


def measure(weights: Path | None) -> list[Row]:
    """Ask for the rest of a line at some places along it, as they are typed; `weights` is a GGUF of NAME."""
    path = weights or models.locate(NAME)
    with fresh_environment() as environment, entered({**environment, "TURNOUT_ENGINE": "llamacpp"}):
        ours, plain = asyncio.run(_measure(path))
    return [
        _row("tokens evaluated, most", "", ours, plain, lambda f: float(f.evaluated), 1.0, 5.0, "value"),
        _row("first text, p50", "ms", ours, plain, lambda f: f.first_ms, 0.5, 1 / 20, "ratio"),
        _row("whole line, p50", "ms", ours, plain, lambda f: f.line_ms, 0.5, 1 / 10, "ratio"),
    ]


def _row(
    name: str,
    unit: str,
    ours: list[_Figures],
    plain: list[_Figures],
    figure: Callable[[_Figures], float],
    share: float,
    limit: float,
    judged: Judged,
) -> Row:
    values = [percentile([figure(one) for one in some], share) for some in (ours, plain)]
    return Row(f"typed letter, {name}", unit, values[0], values[1], "plain PSM", limit, judged, limit * 10)


async def _measure(path: Path) -> tuple[list[_Figures], list[_Figures]]:
    ours, plain = LocalBackend(models.locate), LocalBackend(models.locate, spawn=_spawn_plain)
    model = Model("near", "local", NAME, path=str(path))
    other = Model("plain", "local", f"{NAME}-plain", path=str(path))
    found: tuple[list[_Figures], list[_Figures]] = ([], [])
    try:
        for column in [0, *range(4, len(_LINE) - 4, len(_LINE) // POSITIONS)][: POSITIONS + 1]:
            prompt = _prompt(column)
            found[0].append(await _ask(ours, model, prompt))
            found[1].append(await _ask(plain, other, prompt))
    finally:
        await ours.close()
        await plain.close()
    return found[0][1:], found[1][1:]  # the first request of each finds an empty cache


def _prompt(column: int) -> FimPrompt:
    """The file as it is while the line is being typed."""
    before, line, after = inspect.getsource(routing).partition(_LINE)
    assert line, "the line to type is no longer in its file"
    return FimPrompt("file:///routing.py", "routing.py", before + line[:column], "\n" + after)


async def _ask(backend: LocalBackend, model: Model, prompt: FimPrompt) -> _Figures:
    first_ms: float | None = None
    evaluated = 0
    began = time.perf_counter()
    async with aclosing(cast("Any", backend.stream(model, prompt))) as stream:
        async for item in stream:
            if isinstance(item, Delta) and first_ms is None:
                first_ms = (time.perf_counter() - began) * 1000
            elif isinstance(item, Done):
                evaluated = item.usage.input - item.usage.cached
    line_ms = (time.perf_counter() - began) * 1000
    return _Figures(evaluated, line_ms if first_ms is None else first_ms, line_ms)


async def _spawn_plain(spec: Any, address: Path, transport: str) -> None:
    command = [sys.executable, str(HERE / "plain_worker.py"), "--model", spec.model, "--engine", spec.engine]
    command += ["--path", str(spec.path), "--socket", str(address), "--transport", transport, "--detach"]
    await asyncio.to_thread(
        subprocess.run, command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
