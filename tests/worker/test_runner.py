"""The engine's thread: order, interruption, resumption, and one end for every job."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from turnout.worker.engines.base import EngineError
from turnout.worker.schedule import GRACE_STEPS, PATIENCE
from worker.kit import GUARD_S
from worker.runner_kit import Rig, SteppedEngine


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
    assert older.generated <= 2  # it may have been stopped just before it went on to the next step


async def test_a_cancel_stops_the_running_request_at_its_next_step(rig: Rig) -> None:
    """Nothing more is generated than the step under way."""
    job = rig.submit("chat", "a|b|c")
    rig.engine.step()
    await rig.until("chunk", job)
    rig.runner.cancel(1, job.id)
    rig.engine.step()
    assert await rig.until("finished", job) == ("cancelled", "")
    assert job.generated <= 2


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
