"""What the way to the worker and back costs: from `LocalBackend` to the first text of a model that takes no time.

The baseline is an asyncio process that reads the same frame from a Unix socket and answers with one small frame.
"""

import asyncio
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any, cast

from bench.report import Row, percentile
from bench.session import HERE, entered, fresh_environment
from turnout.core.backends import Delta
from turnout.core.models import Model
from turnout.core.prompts import FimPrompt
from turnout.local import LocalBackend
from turnout.worker import wire

WARM_UP = 50
_MODEL = Model("near", "local", "qwen2.5-coder-0.5b")
_LINE = "    value = compute_something(alpha, beta)  # comment\n"
_PREFIX = _LINE * 110
_SUFFIX = _LINE * 35


def measure(count: int) -> list[Row]:
    """Ask `count` times each way, in turn."""
    with fresh_environment() as environment, entered(environment):
        ours, echo = asyncio.run(_measure(count))
    name = "worker, request to first text"
    return [
        Row(f"{name}, p50", "ms", percentile(ours, 0.5), percentile(echo, 0.5), "echo process", 0.5),
        Row(f"{name}, p99", "ms", percentile(ours, 0.99), percentile(echo, 0.99), "echo process", 3.0),
    ]


async def _measure(count: int) -> tuple[list[float], list[float]]:
    ours: list[float] = []
    echoed: list[float] = []
    backend = LocalBackend(Path)
    async with _echo_process() as (reader, writer):
        try:
            for number in range(WARM_UP + count):
                prompt = FimPrompt("file:///typed.py", "typed.py", _PREFIX + f"    x{number}", "\n" + _SUFFIX)
                echo_ms, our_ms = await _echo(reader, writer, prompt), await _first_text(backend, prompt)
                if number >= WARM_UP:
                    ours.append(our_ms)
                    echoed.append(echo_ms)
        finally:
            await backend.close()
            writer.close()
    return ours, echoed


async def _first_text(backend: LocalBackend, prompt: FimPrompt) -> float:
    first_ms: float | None = None
    began = time.perf_counter()
    async with aclosing(cast("Any", backend.stream(_MODEL, prompt))) as stream:
        async for item in stream:
            if isinstance(item, Delta) and first_ms is None:
                first_ms = (time.perf_counter() - began) * 1000
    assert first_ms is not None, "the worker sent no text"
    return first_ms


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, prompt: FimPrompt) -> float:
    began = time.perf_counter()
    writer.write(wire.encode({"t": "complete", "prefix": prompt.prefix, "suffix": prompt.suffix}))
    (length,) = wire.HEADER.unpack(await reader.readexactly(wire.HEADER.size))
    await reader.readexactly(length)
    return (time.perf_counter() - began) * 1000


@asynccontextmanager
async def _echo_process() -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    with tempfile.TemporaryDirectory(prefix="turnout-bench-") as directory:
        path = Path(directory) / "echo.sock"
        process = await asyncio.create_subprocess_exec(
            sys.executable, HERE / "echo_server.py", path, stdout=asyncio.subprocess.PIPE
        )
        assert process.stdout is not None
        await process.stdout.readline()
        yield await asyncio.open_unix_connection(path)
        await process.wait()
