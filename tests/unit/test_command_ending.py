"""How commands end when they are told to stop."""

import asyncio
import os
import signal
import sys
from collections.abc import Iterator

import pytest

from turnout.commands.ending import carried_out, run_to_end

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows ends a process without asking it")


NUMBERS = [getattr(signal, name, signal.SIGINT) for name in ("SIGINT", "SIGTERM", "SIGHUP")]


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """A command ends its process, and leaves signals as they are."""
    before = {number: signal.getsignal(number) for number in NUMBERS}
    for number in before:  # a run in the background may ignore some
        signal.signal(number, signal.default_int_handler)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", NUMBERS)
def test_what_is_carried_out_is_not_stopped(number: int) -> None:
    """However often one tries, also right behind it, it ends with its own status; that it goes on is said once."""
    said: list[str] = []
    answered = asyncio.Event()

    def say(text: str) -> None:
        said.append(text)
        answered.set()

    async def change() -> int:
        os.kill(os.getpid(), number)
        async with asyncio.timeout(30):
            await answered.wait()
        os.kill(os.getpid(), number)
        return 7

    async def command() -> int:
        status = await carried_out(change(), say)
        os.kill(os.getpid(), number)
        await asyncio.sleep(0)
        return status

    assert run_to_end(command()) == 7
    assert [text.split(":")[0] for text in said] == ["Too late to stop"]


def test_a_signal_right_before_comes_too_late() -> None:
    """Who was cancelled as the change begins carries it out."""

    async def change() -> int:
        await asyncio.sleep(0)
        return 7

    async def command() -> int:
        task = asyncio.current_task()
        assert task
        task.cancel()
        status = await carried_out(change(), lambda _: None)
        await asyncio.sleep(0)
        return status

    assert run_to_end(command()) == 7


def test_what_fails_says_so() -> None:
    """An error comes out of it as of anything else."""

    async def change() -> int:
        raise OSError("no space")

    with pytest.raises(OSError, match="no space"):
        run_to_end(carried_out(change(), lambda _: None))
