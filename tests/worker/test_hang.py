"""A model that never finishes loading ends its worker, whatever the driver that hangs holds on to."""

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from turnout.worker import hang
from turnout.worker.engines.base import EngineError, OnProgress
from turnout.worker.runner import Runner
from worker import kit
from worker.kit import GUARD_S

HOLDS_THE_INTERPRETER = """
import ctypes, sys
from turnout.worker import hang
hang.watch(0.1)(True)
ctypes.PyDLL(None).pause()
"""


async def test_a_load_that_hangs_ends_the_worker(socket_path: Path) -> None:
    """Whoever waits for the model loses the connection, and the next request gets a new worker."""
    async with kit.worker(socket_path, {"load_hang": True}, **{"load-hang-s": 0.1}) as process:
        client = await process.connect()
        client.send(kit.fim(1))
        assert (await client.until("progress"))["phase"] == "loading"
        assert await client.read() is None
        assert await process.ended() == 1


async def test_a_load_that_ends_leaves_the_worker_alone(socket_path: Path) -> None:
    """The limit is for loading alone: afterwards the worker rests for as long as it likes."""
    async with kit.worker(socket_path, {"token_delay_s": 0.3}, **{"load-hang-s": 1}) as process:
        client = await process.connect()
        client.send(kit.fim(1))
        assert kit.text((await client.answers(1))[1]) == "lo_from_fake(42)"
        assert (await client.status())["state"] == "idle"


@pytest.mark.skipif(sys.platform == "win32", reason="there is no pause() in C there")
def test_a_load_that_holds_the_interpreter_ends_the_process_and_says_where() -> None:
    """llama.cpp does while it loads: no thread of Python could end it then."""
    ended = subprocess.run(
        [sys.executable, "-c", HOLDS_THE_INTERPRETER],
        capture_output=True,
        text=True,
        timeout=GUARD_S,
        check=False,
    )
    assert ended.returncode == 1
    assert "Timeout" in ended.stderr
    assert 'File "<string>", line 5' in ended.stderr


def test_a_large_file_may_take_longer(tmp_path: Path) -> None:
    """As long as a slow disk needs to read it, on top of what every load has."""
    file = tmp_path / "m.gguf"
    with file.open("wb") as sparse:
        sparse.truncate(40_000_000_000)
    assert hang.limit_s(600, file) == 600 + 2000
    assert hang.limit_s(600, tmp_path / "missing.gguf") == hang.limit_s(600, None) == 600


class _Loads:
    """An engine whose load takes four seconds of the clock `ticks`, and tells each."""

    lanes = 1

    def __init__(self, ticks: list[float], failure: Exception | None) -> None:
        self._ticks = ticks
        self._failure = failure

    def load(self, on_progress: OnProgress) -> None:
        for done in range(4):
            self._ticks[0] += 1.0
            on_progress(done, 4)
        if self._failure is not None:
            raise self._failure

    def begin(self, work: Any, sink: Any) -> None:
        """Nothing is asked of it."""

    def step(self) -> list[Any]:
        return []

    def close(self) -> None:
        """Nothing to give back."""


@pytest.mark.parametrize("failure", [None, EngineError("no model"), RuntimeError("boom")])
async def test_each_word_of_a_load_is_a_sign_of_life_and_its_end_the_last(failure: Exception | None) -> None:
    """A long load that goes on is no hang, and one that failed is over."""
    ticks, loaded, heard = [0.0], asyncio.Event(), list[bool]()
    engine = _Loads(ticks, failure)
    runner = Runner(engine, lambda _: loaded.set(), asyncio.get_running_loop(), lambda: ticks[0])
    runner.on_load = heard.append
    runner.start()
    async with asyncio.timeout(GUARD_S):
        await loaded.wait()
    assert heard == [True] * 5 + [False]
    assert await asyncio.to_thread(runner.close, GUARD_S)
