"""A runner with an engine that makes one step for each permit, and everything that it reported."""

import asyncio
import queue
import threading
import time
from collections.abc import Callable
from typing import Any

from turnout.worker.engines.base import BatchEngine, Ending, Engine, EngineError, Sink, Work
from turnout.worker.runner import Report, Runner
from turnout.worker.schedule import Job
from worker.kit import GUARD_S


class SteppedEngine:
    """Makes one step for each permit, so that a test decides what happens between two steps."""

    def __init__(self, load: Callable[[], None] = lambda: None) -> None:
        self._load = load
        self._permits: queue.Queue[None] = queue.Queue()
        self.runs: list[Work] = []
        self.closed = threading.Event()

    def step(self, count: int = 1) -> None:
        for _ in range(count):
            self._permits.put(None)

    def load(self) -> None:
        self._load()

    def run(self, work: Work, sink: Sink) -> Ending:
        self.runs.append(work)
        if work.document == "broken":
            raise RuntimeError("boom")
        if work.document == "refused":
            raise EngineError("cannot do that")
        for text in texts_of(work):
            self._permits.get(timeout=GUARD_S)
            if not sink.token(text):
                return "interrupted"
        return "stop"

    def close(self) -> None:
        self.closed.set()


def texts_of(work: Work) -> list[str]:
    pieces = work.parts[0]["text"].split("|")
    already = work.already
    while already:
        already = already.removeprefix(pieces.pop(0))
    return pieces


class Rig:
    """A runner, its engine, and everything that it reported."""

    def __init__(self, engine: Engine | BatchEngine, clock: Callable[[], float] = time.monotonic) -> None:
        self.engine: Any = engine
        self.reports: asyncio.Queue[Report] = asyncio.Queue()
        self.runner = Runner(engine, self._take, asyncio.get_running_loop(), clock)
        self.texts: dict[int, str] = {}
        self.ends: dict[int, list[Any]] = {}
        self._ids = 0

    def _take(self, reports: list[Report]) -> None:
        for report in reports:
            self.reports.put_nowait(report)

    def submit(self, kind: str, text: str, document: str = "", shape: str = "block") -> Job:
        self._ids += 1
        work = Work(
            document or f"doc{self._ids}",
            ({"role": "user", "text": text},),
            chat=kind == "chat",
            shape="line" if shape == "line" else "block",
        )
        job = Job(1, self._ids, kind, work, arrived_s=self.runner.clock())
        self.runner.submit(job)
        return job

    async def next(self) -> Report:
        async with asyncio.timeout(GUARD_S):
            what, job, detail = await self.reports.get()
        if what == "chunk" and job is not None:
            self.texts[job.id] = self.texts.get(job.id, "") + str(detail)
        if what == "finished" and job is not None:
            self.ends.setdefault(job.id, []).append(detail)
        return what, job, detail

    async def until(self, what: str, job: Job | None = None) -> Any:
        while True:
            report = await self.next()
            if report[0] == what and job in (None, report[1]):
                return report[2]
