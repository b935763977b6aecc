"""The model process with the real model: how soon a cancel frees it, how ten editors share it, what it holds in memory.

Invariant: all requests go the way that a server's do, through `LocalBackend` and the worker's socket.
"""

import argparse
import ast
import asyncio
import dataclasses
import difflib
import inspect
import optparse
import shutil
import subprocess
import sys
import tarfile
import textwrap
import time
import typing
import zipfile
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

from bench.report import Row, percentile
from bench.session import entered, fresh_environment, resident_mb
from bench.watch import workers_of
from support.processes import processes_of
from turnout import models
from turnout.core.backends import Account, Delta
from turnout.core.models import Model
from turnout.core.prompts import ChatPrompt, FimPrompt, Message, Prompt
from turnout.local import LocalBackend

NAME = "qwen2.5-coder-0.5b"
EDITORS = 10
LETTERS = 8
CANCELS = 6

DECODE_LIMIT_MS = 60.0
PREFILL_LIMIT_MS = 1200.0
SHARE_LIMIT = 3.0
MEMORY_LIMIT_MB = 700.0
IDLE_LIMIT_MB = 150.0

_SOURCES = (ast, argparse, dataclasses, difflib, inspect, optparse, shutil, tarfile, textwrap, zipfile)
_REST_S = 1.0
_LEAVES_WITHIN_S = 20.0
_COUNTING = ChatPrompt(
    (Message("user", "Write the numbers from 1 to 500, one on each line."),), max_tokens=600
)


def measure(weights: Path | None) -> list[Row]:
    """Measure everything; `weights` is a GGUF of NAME."""
    path = weights or models.locate(NAME)
    with fresh_environment() as environment, entered({**environment, "TURNOUT_ENGINE": "llamacpp"}):
        root = Path(environment["TURNOUT_RUNTIME_DIR"]).parent
        return asyncio.run(_measure(Model("near", "local", NAME, path=str(path), context_tokens=4096), root))


async def _measure(model: Model, root: Path) -> list[Row]:
    editors = [LocalBackend(models.locate) for _ in range(EDITORS)]
    async with _closing(editors):
        lone = await _type(editors[:1], model)
        used_mb = (await editors[0].status(model))["rss_bytes"] / 1e6
        together = await _type(editors, model)
        shared_mb = (await editors[0].status(model))["rss_bytes"] / 1e6
        processes = len(workers_of(root))
        stops = await _stops(model)
    idle_mb, back_ms = await _rest(model, root)
    worst = max(percentile(first_ms, 0.9) for first_ms in together)
    alone = percentile(lone[0], 0.9)
    in_turn = f"{EDITORS} editors in turn"
    return [
        *stops,
        Row(
            f"{in_turn}, first text, p90 of the worst",
            "ms",
            worst,
            alone,
            "a lone editor",
            SHARE_LIMIT,
            "ratio",
            10,
        ),
        Row(f"{in_turn}, model processes", "", float(processes), limit=1.0, fails_over=1.0),
        Row(
            "worker's memory, one editor",
            "MB",
            used_mb,
            limit=MEMORY_LIMIT_MB,
            fails_over=MEMORY_LIMIT_MB * 1.2,
        ),
        Row(f"worker's memory, {in_turn}", "MB", shared_mb),
        Row("worker's memory, after its rest", "MB", idle_mb, limit=IDLE_LIMIT_MB, fails_over=IDLE_LIMIT_MB),
        Row("first text after its rest", "ms", back_ms),
    ]


async def _type(editors: Sequence[LocalBackend], model: Model) -> list[list[float]]:
    """Milliseconds to the first text at each letter but the first, by editor; they type letter by letter in turn."""
    found: list[list[float]] = [[] for _ in editors]
    for letter in range(LETTERS + 1):
        for number, editor in enumerate(editors):
            first_ms = await _first_text(editor, model, _letter(number, letter))
            if letter:
                found[number].append(first_ms)
    return found


def _letter(document: int, letter: int) -> FimPrompt:
    """The `letter`th letter of a line in the middle of one of the documents."""
    text = inspect.getsource(_SOURCES[document])
    lines = text.split("\n")
    line = next(n for n in range(len(lines) // 2, len(lines)) if len(lines[n].strip()) > LETTERS + 10)
    start = len(lines[line]) - LETTERS - 5
    before = "\n".join([*lines[:line], lines[line][: start + letter]])
    uri = f"file:///{document}.py"
    return FimPrompt(uri, f"{document}.py", before, "\n" + "\n".join(lines[line + 1 :]))


async def _stops(model: Model) -> list[Row]:
    """From a cancel until the engine was free, as the worker tells it; beside the steps that it cannot interrupt."""
    reading = asyncio.Event()
    steps: list[float] = []

    def note(_model: str, phase: str, _done: int, _of: int) -> None:
        if phase == "prefill":
            reading.set()
            steps.append(time.perf_counter() * 1000)

    editor = LocalBackend(models.locate, on_progress=note)
    async with _closing([editor]):
        decode = [await _stop(editor, model, _COUNTING, None) for _ in range(CANCELS)]
        token_ms = await _token_ms(editor, model)
        prefill = [await _stop(editor, model, _cold(number), reading) for number in range(CANCELS)]
        steps.clear()
        await _first_text(editor, model, _cold(CANCELS))
    batch_ms = max(after - before for before, after in pairwise(steps))
    limit = max(PREFILL_LIMIT_MS, batch_ms)
    name, batch = "cancel to idle while", "a batch of 64 tokens"
    return [
        Row(f"{name} writing, most", "ms", max(decode), token_ms, "a token", DECODE_LIMIT_MS),
        Row(f"{name} reading, most", "ms", max(prefill), batch_ms, batch, limit),
    ]


async def _stop(editor: LocalBackend, model: Model, prompt: Prompt, when: asyncio.Event | None) -> float:
    """Cancel `prompt` at `when`, or once it has written something; milliseconds until the engine was free."""
    account: list[Account] = []
    begun = when or asyncio.Event()
    begun.clear()

    async def listen() -> None:
        async with aclosing(cast("Any", editor.stream(model, prompt))) as stream:
            async for item in stream:
                if isinstance(item, Account):
                    account.append(item)
                elif isinstance(item, Delta) and when is None:
                    begun.set()

    listening, beginning = asyncio.create_task(listen()), asyncio.create_task(begun.wait())
    await asyncio.wait([listening, beginning], return_when=asyncio.FIRST_COMPLETED)
    for task in (listening, beginning):
        task.cancel()
    await asyncio.wait([listening, beginning])
    done = await account[0].settled
    assert done is not None, "the worker did not say what became of a cancelled request"
    assert done.timings.stop is not None, "the request had ended before it was cancelled"
    return done.timings.stop


def _cold(number: int) -> FimPrompt:
    """A hole in text that was never read before."""
    text = inspect.getsource(typing)[number * 6000 :]
    return FimPrompt(f"file:///cold{number}.py", "cold.py", text[:4000], text[4000:5000])


async def _token_ms(editor: LocalBackend, model: Model) -> float:
    """What writing one token takes."""
    short = replace(_COUNTING, max_tokens=32)
    came = [
        time.perf_counter() * 1000 async for item in editor.stream(model, short) if isinstance(item, Delta)
    ]
    return (came[-1] - came[0]) / (len(came) - 1)


async def _rest(model: Model, root: Path) -> tuple[float, float]:
    """Memory in MB of a model process that was not asked anything for a while, and milliseconds to its next text."""
    editor = LocalBackend(models.locate, spawn=_spawn_early_rest)
    resting = Model("rest", "local", f"{NAME}-rest", path=model.path)
    async with _closing([editor]):
        await _first_text(editor, resting, _letter(0, 0))
        last_s = time.monotonic() + _REST_S + _LEAVES_WITHIN_S
        while left := _early_resting(root):
            if time.monotonic() > last_s:
                break
            await asyncio.sleep(0.1)
        return sum(map(resident_mb, left)), await _first_text(editor, resting, _letter(0, 1))


def _early_resting(root: Path) -> list[int]:
    return [pid for pid, command in processes_of(root).items() if "--rest-s" in command]


async def _spawn_early_rest(spec: Any, address: Path, transport: str) -> None:
    command = [sys.executable, "-m", "turnout.worker", "--model", NAME, "--engine", spec.engine, "--detach"]
    command += ["--path", str(spec.path), "--socket", str(address), "--transport", transport]
    command += ["--rest-s", str(_REST_S)]
    quiet = subprocess.DEVNULL
    await asyncio.to_thread(subprocess.run, command, check=True, stdout=quiet, stderr=quiet)


async def _first_text(editor: LocalBackend, model: Model, prompt: Prompt) -> float:
    """Milliseconds to the first text, or to the end where nothing is to be written."""
    first_ms: float | None = None
    began = time.perf_counter()
    async with aclosing(cast("Any", editor.stream(model, prompt))) as stream:
        async for item in stream:
            if isinstance(item, Delta) and first_ms is None:
                first_ms = (time.perf_counter() - began) * 1000
    return first_ms if first_ms is not None else (time.perf_counter() - began) * 1000


@asynccontextmanager
async def _closing(editors: Sequence[LocalBackend]) -> AsyncIterator[None]:
    try:
        yield
    finally:
        for editor in editors:
            await editor.close()
