"""The watchdog counts the time spent waiting for output, and nothing else."""

import asyncio

import pytest

from support.streams import PEER
from turnout.errors import DeadlineExceeded
from turnout.remote.watchdog import Watchdog


class Clock:
    """A clock that tests move."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s

    async def passing(self, seconds: float) -> str:
        """A step that takes that long by this clock."""
        self.now_s += seconds
        return "bytes"


async def test_bytes_give_no_new_time() -> None:
    """Waits add up over steps that brought nothing, and the step after the limit is not begun."""
    clock = Clock()
    watchdog = Watchdog(PEER, 30.0, clock)
    for _ in range(3):
        assert await watchdog.wait(lambda: clock.passing(10.0)) == "bytes"
    begun = False

    async def step() -> None:
        nonlocal begun
        begun = True

    with pytest.raises(DeadlineExceeded, match="30 s"):
        await watchdog.wait(step)
    assert not begun


async def test_progress_gives_new_time() -> None:
    """Output starts the wait again, however long the answer takes in all."""
    clock = Clock()
    watchdog = Watchdog(PEER, 30.0, clock)
    for _ in range(10):
        await watchdog.wait(lambda: clock.passing(29.0))
        watchdog.progress()


async def test_the_consumer_may_take_its_time() -> None:
    """Time between two waits is not the provider's."""
    clock = Clock()
    watchdog = Watchdog(PEER, 30.0, clock)
    await watchdog.wait(lambda: clock.passing(29.0))
    clock.now_s += 3600.0
    assert await watchdog.wait(lambda: clock.passing(0.5)) == "bytes"


async def test_shortened() -> None:
    """Once nothing that matters is to come, the wait is short, and stays so."""
    clock = Clock()
    watchdog = Watchdog(PEER, 30.0, clock)
    watchdog.shorten(2.0)
    await watchdog.wait(lambda: clock.passing(1.5))
    watchdog.progress()
    await watchdog.wait(lambda: clock.passing(2.0))
    with pytest.raises(DeadlineExceeded, match="2 s"):
        await watchdog.wait(lambda: clock.passing(0.0))


async def test_silence() -> None:
    """A step that never ends is cancelled at the limit."""
    watchdog = Watchdog(PEER, 0.01, asyncio.get_running_loop().time)
    with pytest.raises(DeadlineExceeded, match="sent no output"):
        await watchdog.wait(asyncio.Event().wait)


async def test_other_timeouts() -> None:
    """A TimeoutError of the step itself is not mistaken for the watchdog's."""

    async def step() -> None:
        raise TimeoutError("of the operating system")

    with pytest.raises(TimeoutError, match="operating system"):
        await Watchdog(PEER, 30.0, Clock()).wait(step)
