"""When a worker leaves, and when it stays."""

import asyncio
from typing import Any

import pytest

from turnout.worker.life import Life

NOBODY: dict[str, Any] = {"clients": 0, "busy": False, "failed": False, "leaving": False}


@pytest.mark.parametrize(
    ("changes", "over"),
    [
        ([{}], True),
        ([{"clients": 1}], False),
        ([{"busy": True}], False),
        ([{}, {"clients": 1}], False),
        ([{"clients": 1}, {}], True),
        ([{"clients": 1, "failed": True}], True),
        ([{"clients": 1, "failed": True, "busy": True}], False),
        ([{"clients": 1, "leaving": True}], True),
        ([{"clients": 1, "leaving": True, "busy": True}], False),
        ([{"leaving": True, "busy": True}, {"leaving": True}], True),
    ],
)
async def test_a_worker_leaves_when_nobody_needs_it(changes: list[dict[str, Any]], over: bool) -> None:
    """Clients and requests keep it, even where the idle time is none at all."""
    life = Life(0.0, 3600.0, lambda: False)
    for change in changes:
        life.reconsider(**{**NOBODY, **change})
    for _ in range(5):
        await asyncio.sleep(0)
    assert life.over.is_set() is over


@pytest.mark.parametrize(("busy", "over"), [(False, True), (True, False)])
async def test_a_worker_that_is_asked_nothing_leaves_in_spite_of_its_clients(busy: bool, over: bool) -> None:
    """Editors that stand open for days hold no model in memory."""
    life = Life(3600.0, 0.0, lambda: False)
    life.reconsider(**{**NOBODY, "clients": 2, "busy": busy})
    for _ in range(5):
        await asyncio.sleep(0)
    assert life.over.is_set() is over


async def test_the_idle_time_is_waited_for() -> None:
    """An editor that restarts finds its worker again."""
    life = Life(3600.0, 3600.0, lambda: False)
    life.reconsider(**NOBODY)
    await asyncio.sleep(0)
    assert not life.over.is_set()
    life.reconsider(**{**NOBODY, "clients": 1})
    assert not life.over.is_set()


async def test_a_worker_that_nobody_can_find_does_not_wait() -> None:
    """Without its socket file no new client can come."""
    life = Life(3600.0, 3600.0, lambda: True)
    life.reconsider(**NOBODY)
    async with asyncio.timeout(30):
        await life.over.wait()


async def test_the_end_is_announced_before_it_comes() -> None:
    """Whoever reads for the worker can stop at once."""
    life = Life(0.0, 0.0, lambda: False)
    told = []
    life.on_end = lambda: told.append(life.over.is_set())
    life.end()
    assert told == [False]
    assert life.over.is_set()


async def test_a_model_that_failed_to_load_is_left_alone_for_a_while_only() -> None:
    """However fast its editors type on, it leaves in the end, and the next worker tries again."""
    life = Life(0.01, 3600.0, lambda: False)
    async with asyncio.timeout(30):
        while not life.over.is_set():
            for busy in (True, False):
                life.reconsider(clients=2, busy=busy, failed=True, leaving=False)
            await asyncio.sleep(0)
