"""`kill -9` of the worker in each state: what had no text yet is asked again, and the next request is answered."""

import asyncio
import os
import signal
from typing import Any

import pytest

from turnout.errors import WorkerCrashed, WorkerUnavailable
from worker.backend_kit import ENDLESS, ENDLESS_RULE, MODEL, Make, Workers, collect, read_all


async def test_after_a_kill_the_next_request_starts_a_new_worker(make: Make, workers: Workers) -> None:
    """kill -9 between requests is not even noticed."""
    backend = make()
    await collect(backend)
    await workers.started[0].kill()
    assert (await collect(backend))[0] == "lo_from_fake(42)"
    assert len(workers.started) == 2


@pytest.mark.parametrize(
    ("state", "script"),
    [
        ("loading", {"load_s": 3600}),
        ("busy", {"prefill_delay_s": 3600}),
        ("busy", {"chat": [{**ENDLESS_RULE, "token_delay_s": 3600}]}),
    ],
    ids=["loading", "prefill", "decode"],
)
async def test_kill_before_any_text(make: Make, workers: Workers, state: str, script: dict[str, Any]) -> None:
    """A request that had got nothing yet is asked once more, of a new worker."""
    workers.script = script
    backend = make()
    task = asyncio.create_task(collect(backend, ENDLESS))
    while (status := await backend.status(MODEL))["state"] != state or status["queued"] != (
        state == "loading"
    ):
        pass
    workers.script = {}
    os.kill(workers.started[0].process.pid, signal.SIGKILL)
    assert (await task)[0] == "fake reply to: endless"


async def test_kill_within_the_text(make: Make, workers: Workers) -> None:
    """Half an answer is an error, and the request after it is answered."""
    workers.script = {"chat": [ENDLESS_RULE]}
    heard = asyncio.Event()
    backend = make()
    task = asyncio.create_task(read_all(backend, ENDLESS, heard))
    await heard.wait()
    workers.script = {}
    os.kill(workers.started[0].process.pid, signal.SIGKILL)
    with pytest.raises(WorkerCrashed):
        await task
    assert (await collect(backend))[0] == "lo_from_fake(42)"


async def test_kill_while_it_leaves(make: Make, workers: Workers) -> None:
    """A worker that was told to go and is killed on its way has answered nothing, so the next one does."""
    workers.script = {"fim": [{"text": "a b", "hang_after": 0}]}
    backend = make()
    task = asyncio.create_task(collect(backend))
    while (await backend.status(MODEL))["state"] != "busy":
        pass
    workers.script = {}
    leaving = await workers.started[0].connect()
    leaving.send({"t": "unload", "id": 1})
    os.kill(workers.started[0].process.pid, signal.SIGKILL)
    assert (await task)[0] == "lo_from_fake(42)"


async def test_a_worker_that_keeps_dying_is_left_alone_for_a_while(make: Make, workers: Workers) -> None:
    """Pauses grow, requests meanwhile fail at once, and a success ends it."""
    now_s = 0.0
    workers.script = {"fim": [{"text": "a b", "crash_after": 1}]}
    backend = make(clock=lambda: now_s)
    for pause_s in (0.0, 1.0, 2.0):
        with pytest.raises(WorkerCrashed):
            await collect(backend)
        if pause_s:
            with pytest.raises(WorkerUnavailable, match="times in a row"):
                await collect(backend)
        now_s += pause_s
    started = len(workers.started)
    workers.script = {}
    now_s += 30
    assert (await collect(backend))[0] == "lo_from_fake(42)"
    assert len(workers.started) == started + 1
