"""What the loop does at any moment between two steps of the engine's thread: every job still ends exactly once."""

import asyncio
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any

import pytest

from turnout.worker.engines.base import Ending, Sink, Work
from turnout.worker.runner import Report, Runner
from turnout.worker.schedule import Job
from worker.kit import GUARD_S

MOMENTS = 18
"""More than the engine's thread has in these two runs, which each test asserts."""


class Moments(threading.Condition):
    """The runner's lock; once the engine's thread has let go of it for the `chosen` time, `act` is called."""

    def __init__(self, chosen: int, act: Callable[[], None]) -> None:
        super().__init__()
        self._chosen = chosen
        self._act = act
        self.passed = 0

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, trace)
        held = self._is_owned()  # type: ignore[attr-defined]  # not in the stubs; true within an outer `with`
        if threading.current_thread().name == "engine" and not held:
            self.passed += 1
            if self.passed == self._chosen:
                other = threading.Thread(
                    target=self._act
                )  # as the loop does it: never on the engine's thread
                other.start()
                other.join(GUARD_S)


class Yielding:
    """Its first chat has to make room for a completion that comes meanwhile."""

    def __init__(self) -> None:
        self.completion: Callable[[], None] = lambda: None

    def load(self) -> None:
        """Nothing to load."""

    def run(self, work: Work, sink: Sink) -> Ending:
        if work.chat and not work.already:
            self.completion()
            sink.prefill(0, 1, 1)
        return "stop" if sink.token("x") else "interrupted"

    def close(self) -> None:
        """Nothing to give back."""


class Scene:
    """A chat, interrupted once by a completion, and what the loop does `at` a moment of it."""

    def __init__(self, at: int, act: Callable[[Runner], Any]) -> None:
        self.ends: dict[str, list[str]] = {}
        self.over = asyncio.Event()
        self.runs_then = 0
        engine = Yielding()
        self.runner = Runner(engine, self._take, asyncio.get_running_loop())
        self.chat, self.completion = _job(1, "chat"), _job(2, "inline")
        engine.completion = lambda: self.runner.submit(self.completion)
        self.moments = Moments(at, lambda: self._act(act))
        self.runner._wake = self.moments
        self.runner.submit(self.chat)
        self.runner.start()

    def _act(self, act: Callable[[Runner], Any]) -> None:
        self.runs_then = self.chat.runs
        act(self.runner)

    def _take(self, reports: list[Report]) -> None:
        for what, job, detail in reports:
            if what == "finished" and job is not None and isinstance(detail, tuple):
                self.ends.setdefault(job.kind, []).append(detail[0])
        if "chat" in self.ends:
            self.over.set()

    async def play(self) -> None:
        """Wait for the chat's end, then close."""
        async with asyncio.timeout(GUARD_S):
            await self.over.wait()
        assert await asyncio.to_thread(self.runner.close, GUARD_S)
        await asyncio.sleep(0)  # the last reports are handed over


def _job(number: int, kind: str) -> Job:
    work = Work(f"document {number}", (), chat=kind == "chat", shape="block")
    return Job(1, number, kind, work, arrived_s=0.0)


@pytest.mark.parametrize("at", range(1, MOMENTS))
async def test_a_chat_that_is_cancelled_at_any_moment_is_cancelled(at: int) -> None:
    """Whether it runs, waits, or is on its way from one to the other; only one that had ended is not."""
    scene = Scene(at, lambda runner: runner.cancel(1, 1))
    await scene.play()
    assert scene.moments.passed < MOMENTS
    ended_before = scene.chat.runs == 2 and scene.runs_then in (0, 2)  # 0: the moment came after the scene
    assert scene.ends["chat"] == (["stop"] if ended_before else ["cancelled"])


@pytest.mark.parametrize("at", range(1, MOMENTS))
async def test_a_runner_that_is_closed_at_any_moment_ends_every_job_once(at: int) -> None:
    """Nobody is left without an answer, and nobody gets two."""
    scene = Scene(at, lambda runner: runner.close(0))
    await scene.play()
    assert {len(ends) for ends in scene.ends.values()} == {1}


async def test_a_job_that_comes_after_the_end_is_cancelled() -> None:
    """The runner will never take it."""
    scene = Scene(0, lambda runner: None)
    await scene.play()
    late = _job(3, "popup")
    scene.runner.submit(late)
    await asyncio.sleep(0)
    assert scene.ends["popup"] == ["cancelled"]
