"""Several requests in one step: who shares it, who yields, and what a fault of the engine does to all."""

import asyncio
import queue
import threading
from collections.abc import AsyncIterator, Callable

import pytest

from turnout.worker.engines.base import Ending, EngineError, EngineLost, Sink, Work
from worker.kit import GUARD_S
from worker.runner_kit import Rig, texts_of


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
        self._begun.append((sink, texts_of(work), work))

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
    """Progress of a long load goes to every request that waits for it, and so does its end."""

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
    assert await rig.until("prefill", job) == (0, 0)
    engine.permit(5)
    await rig.until("finished", job)
    assert await asyncio.to_thread(rig.runner.close, GUARD_S)
