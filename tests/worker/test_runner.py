"""The engine's thread: order, interruption, resumption, and one end for every job."""

import asyncio
import queue
import threading
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from turnout.worker.engines.base import BatchEngine, Ending, Engine, EngineError, EngineLost, Sink, Work
from turnout.worker.runner import Report, Runner
from turnout.worker.schedule import GRACE_STEPS, PATIENCE, Job
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
        for text in _texts(work):
            self._permits.get(timeout=GUARD_S)
            if not sink.token(text):
                return "interrupted"
        return "stop"

    def close(self) -> None:
        self.closed.set()


def _texts(work: Work) -> list[str]:
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


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    made = Rig(SteppedEngine())
    made.runner.start()
    yield made
    made.engine.step(1000)
    assert made.runner.close(GUARD_S)
    assert made.engine.closed.is_set()


async def test_chunks_come_in_order_and_then_one_end(rig: Rig) -> None:
    """A job's text arrives step by step, before its end."""
    job = rig.submit("inline", "a|b|c")
    rig.engine.step(3)
    assert await rig.until("finished", job) == ("stop", "")
    assert rig.texts[job.id] == "abc"
    assert job.generated == 3


async def test_a_chat_yields_to_inline_within_one_step_and_goes_on_after_it(rig: Rig) -> None:
    """The interrupted chat resumes after the text that it had produced, and repeats none of it."""
    chat = rig.submit("chat", "a|b|c|d")
    rig.engine.step(2)
    assert await rig.until("chunk", chat) == "a"
    assert await rig.until("chunk", chat) == "b"
    inline = rig.submit("inline", "x")
    rig.engine.step(1 + 1)
    assert await rig.until("finished", inline) == ("stop", "")
    before = rig.texts[chat.id]
    assert before in ("ab", "abc")  # it may have been asked just before it went on to the next step
    rig.engine.step(1)
    assert await rig.until("finished", chat) == ("stop", "")
    assert rig.texts[chat.id] == "abcd"
    assert [work.already for work in rig.engine.runs] == ["", "", before]


async def test_a_newer_request_stops_the_older_one_at_its_next_step(rig: Rig) -> None:
    """Superseding reaches the request that is running."""
    older = rig.submit("inline", "a|b|c", document="d")
    rig.engine.step()
    await rig.until("chunk", older)
    newer = rig.submit("inline", "x", document="d")
    rig.engine.step(2)
    assert await rig.until("finished", older) == ("superseded", "")
    assert await rig.until("finished", newer) == ("stop", "")
    assert older.stop_s is not None
    assert older.generated == 2


async def test_a_cancel_stops_the_running_request_at_its_next_step(rig: Rig) -> None:
    """Nothing more is generated than the step under way."""
    job = rig.submit("chat", "a|b|c")
    rig.engine.step()
    await rig.until("chunk", job)
    rig.runner.cancel(1, job.id)
    rig.engine.step()
    assert await rig.until("finished", job) == ("cancelled", "")
    assert job.generated == 2


async def test_a_cancel_of_a_waiting_request_needs_no_step(rig: Rig) -> None:
    """What has not begun ends at once."""
    running = rig.submit("inline", "a")
    waiting = rig.submit("chat", "b")
    rig.runner.cancel(1, waiting.id)
    assert await rig.until("finished", waiting) == ("cancelled", "")
    rig.engine.step()
    assert await rig.until("finished", running) == ("stop", "")
    assert len(rig.engine.runs) == 1


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("broken", "The engine failed: RuntimeError: boom."),
        ("refused", "cannot do that"),
    ],
)
async def test_a_request_that_fails_leaves_the_engine_to_the_next(
    rig: Rig, document: str, message: str
) -> None:
    """An exception in the engine ends one request with its message, and no other."""
    bad = rig.submit("inline", "a", document=document)
    assert await rig.until("finished", bad) == ("error", message)
    good = rig.submit("inline", "a")
    rig.engine.step()
    assert await rig.until("finished", good) == ("stop", "")


@pytest.mark.parametrize(
    ("pieces", "shape", "text"),
    [
        ("a|b\n|c", "line", "ab"),
        ("a\nb", "line", "a"),
        ("\n|    |a|\n|b", "line", "\n    a"),
        ("\n    a\nb", "line", "\n    a"),
        ("a|\n|b", "block", "a\nb"),
        ("\n|\n", "line", "\n\n"),
    ],
)
async def test_a_line_ends_at_the_first_newline_after_text(
    rig: Rig, pieces: str, shape: str, text: str
) -> None:
    """`line` stops where something has been written and the line is over; `block` does not."""
    job = rig.submit("inline", pieces, shape=shape)
    rig.engine.step(10)
    assert await rig.until("finished", job) == ("stop", "")
    assert rig.texts[job.id] == text


async def test_a_chat_makes_progress_under_a_flood_of_inline_requests(rig: Rig) -> None:
    """A chat that was passed over often enough gets its steps although inline requests keep coming."""
    chat = rig.submit("chat", "|".join("c" * 3 * GRACE_STEPS))
    rig.engine.step(10_000)
    for _ in range(PATIENCE * 20):
        inline = rig.submit("inline", "x", document="d")
        while (await rig.next())[:2] != ("finished", inline):
            pass
        if chat.id in rig.ends:
            return
    pytest.fail("the chat never ended")


async def test_closing_ends_every_job_once() -> None:
    """No job is left without an answer when the worker leaves."""
    rig = Rig(SteppedEngine())
    rig.runner.start()
    running = rig.submit("chat", "a|b")
    rig.engine.step()
    await rig.until("chunk", running)
    waiting = [rig.submit("chat", "x") for _ in range(3)]
    closing = asyncio.create_task(asyncio.to_thread(rig.runner.close, GUARD_S))
    for _ in waiting:
        await rig.until("finished")
    rig.engine.step()
    await rig.until("finished", running)
    assert await closing
    assert rig.ends == {job.id: [("cancelled", "")] for job in (running, *waiting)}


@pytest.mark.parametrize(
    ("failure", "message"),
    [
        (EngineError("not a model"), "not a model"),
        (MemoryError("no room"), "MemoryError: no room"),
    ],
)
async def test_a_model_that_does_not_load_answers_with_the_reason(failure: Exception, message: str) -> None:
    """Requests before and after the failure get the same words."""

    def load() -> None:
        raise failure

    rig = Rig(SteppedEngine(load))
    early = rig.submit("inline", "a")
    rig.runner.start()
    assert await rig.until("finished", early) == ("error", message)
    late = rig.submit("inline", "a")
    assert await rig.until("finished", late) == ("error", message)
    assert rig.runner.state == "failed"
    assert await asyncio.to_thread(rig.runner.close, GUARD_S)


class SteppedBatch:
    """A batch engine that makes one step of everything for each permit."""

    lanes = 2

    def __init__(self) -> None:
        self._permits: queue.Queue[str] = queue.Queue()
        self._begun: list[tuple[Sink, list[str], Work]] = []
        self.side_by_side: list[list[str]] = []
        self.closed = threading.Event()

    def step(self) -> list[tuple[Sink, Ending]]:
        self.side_by_side.append([work.document for _, _, work in self._begun])
        if self._permits.get(timeout=GUARD_S) == "fault":
            self._begun.clear()
            raise EngineLost("CUDA error: an illegal memory access was encountered")
        ended: list[tuple[Sink, Ending]] = []
        for sink, texts, _ in self._begun:
            sink.prefill(0, 1, 1)
            if not sink.token(texts.pop(0)):
                ended.append((sink, "interrupted"))
            elif not texts:
                ended.append((sink, "stop"))
        gone = [sink for sink, _ in ended]
        self._begun = [row for row in self._begun if row[0] not in gone]
        return ended

    def permit(self, count: int = 1, what: str = "step") -> None:
        for _ in range(count):
            self._permits.put(what)

    def load(self, on_progress: Callable[[int, int], None]) -> None:
        on_progress(1, 2)

    def begin(self, work: Work, sink: Sink) -> None:
        if work.document == "refused":
            raise EngineError("cannot do that")
        self._begun.append((sink, _texts(work), work))

    def close(self) -> None:
        self.closed.set()


@pytest.fixture
async def batch() -> AsyncIterator[tuple[Rig, SteppedBatch]]:
    engine = SteppedBatch()
    rig = Rig(engine)
    rig.runner.start()
    await rig.until("loaded")
    yield rig, engine
    engine.permit(1000)
    assert await asyncio.to_thread(rig.runner.close, GUARD_S)


async def test_editors_share_the_steps_of_an_engine_with_lanes(batch: tuple[Rig, SteppedBatch]) -> None:
    """Two documents are completed in the steps that one would take; the third waits for a lane."""
    rig, engine = batch
    jobs = [
        rig.submit("inline", text, document=document) for text, document in (("a|b|b", "1"), ("c|d|d", "2"))
    ]
    while len(rig.runner.running) < 2:
        engine.permit()
        await rig.until("chunk")
    third = rig.submit("inline", "e", document="3")
    engine.permit(20)
    for job in (*jobs, third):
        while job.id not in rig.ends:
            await rig.next()
    assert [rig.texts[job.id] for job in (*jobs, third)] == ["abb", "cdd", "e"]
    assert {"1", "2"} in map(set, engine.side_by_side)
    assert max(map(len, engine.side_by_side)) == 2


async def test_only_the_superseded_one_of_a_batch_stops(batch: tuple[Rig, SteppedBatch]) -> None:
    """Its neighbour in the other lane goes on undisturbed."""
    rig, engine = batch
    older = rig.submit("inline", "a|b|c|d", document="d")
    other = rig.submit("inline", "x|y|z|w", document="e")
    engine.permit()
    while not (older.emitted and other.emitted):
        engine.permit()
        await rig.until("chunk")
    newer = rig.submit("inline", "n", document="d")
    engine.permit(20)
    for job in (older, other, newer):
        while job.id not in rig.ends:
            await rig.next()
    assert rig.ends == {older.id: [("superseded", "")], other.id: [("stop", "")], newer.id: [("stop", "")]}
    assert rig.texts[other.id] == "xyzw"


async def test_a_batch_without_room_has_its_last_job_yield(batch: tuple[Rig, SteppedBatch]) -> None:
    """Of two chats one makes room for who types, and later goes on where it was."""
    rig, engine = batch
    chats = [rig.submit("chat", "a|b|c|d") for _ in range(2)]
    while not all(chat.emitted for chat in chats):
        engine.permit()
        await rig.until("chunk")
    inline = rig.submit("inline", "x")
    engine.permit(30)
    for job in (inline, *chats):
        while job.id not in rig.ends:
            await rig.next()
    assert [rig.texts[chat.id] for chat in chats] == ["abcd", "abcd"]
    assert sorted(chat.runs for chat in chats) == [1, 2]


async def test_a_fault_of_the_gpu_ends_the_engine_and_answers_everybody(
    batch: tuple[Rig, SteppedBatch],
) -> None:
    """What ran and what waits get the reason, and the runner says that its process has to end."""
    rig, engine = batch
    jobs = [rig.submit("inline", "a|b", document=str(number)) for number in range(3)]
    engine.permit(what="fault")
    await rig.until("lost")
    for job in jobs:
        while job.id not in rig.ends:
            await rig.next()
    late = rig.submit("inline", "a")
    await rig.until("finished", late)
    reasons = {reason for ends in rig.ends.values() for reason in ends}
    assert reasons == {("error", "CUDA error: an illegal memory access was encountered")}
    assert rig.runner.state == "failed"
    assert not engine.closed.is_set()


async def test_work_that_cannot_begin_leaves_the_other_lane_alone(batch: tuple[Rig, SteppedBatch]) -> None:
    """A prompt that is refused ends one request."""
    rig, engine = batch
    good = rig.submit("inline", "a|b", document="good")
    bad = rig.submit("inline", "a", document="refused")
    engine.permit(5)
    await rig.until("finished", bad)
    while good.id not in rig.ends:
        await rig.next()
    assert rig.ends == {bad.id: [("error", "cannot do that")], good.id: [("stop", "")]}


async def test_who_waits_hears_how_far_loading_is() -> None:
    """Progress of a long load goes to every request that waits for it."""

    class Slow(SteppedBatch):
        def load(self, on_progress: Callable[[int, int], None]) -> None:
            assert begun.wait(GUARD_S)
            for done in range(4):
                ticks[0] += 1.0
                on_progress(done, 4)

    ticks, begun, engine = [0.0], threading.Event(), Slow()
    rig = Rig(engine, clock=lambda: ticks[0])
    rig.runner.start()
    job = rig.submit("inline", "a")
    begun.set()
    assert [await rig.until("loading", job) for _ in range(4)] == [(done, 4) for done in range(4)]
    engine.permit(5)
    await rig.until("finished", job)
    assert await asyncio.to_thread(rig.runner.close, GUARD_S)
