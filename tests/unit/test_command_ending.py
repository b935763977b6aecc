"""How commands end when they are told to stop."""

import asyncio
import os
import signal
import sys

import pytest

from turnout.commands.ending import carried_out, run_to_end

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="Windows ends a process without asking it"),
    pytest.mark.usefixtures("signals"),
]


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_what_is_carried_out_is_not_stopped(name: str) -> None:
    """However often one tries, also right behind it, it ends with its own status; that it goes on is said once."""
    number = getattr(signal, name)
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


@pytest.mark.parametrize(("name", "status"), [("SIGTERM", 143), ("SIGHUP", 129)])
def test_what_a_command_began_is_cleared_up(name: str, status: int) -> None:
    """Also where its terminal is closed; the status tells how it was ended."""
    cleared = []

    async def command() -> int:
        os.kill(os.getpid(), getattr(signal, name))
        try:
            await asyncio.Event().wait()
        finally:
            cleared.append(name)
        return 0

    assert (run_to_end(command()), cleared) == (status, [name])


def test_a_terminal_that_closes_ends_nothing_under_nohup() -> None:
    """Whoever had it ignored wants the command to go on."""
    signal.signal(getattr(signal, "SIGHUP", signal.SIGINT), signal.SIG_IGN)

    async def command() -> int:
        os.kill(os.getpid(), getattr(signal, "SIGHUP", signal.SIGINT))
        await asyncio.sleep(0)
        return 7

    assert run_to_end(command()) == 7
