"""Ends a command on SIGTERM and SIGHUP as Ctrl-C does: what it runs ends with it, and its temporary files are removed.

Invariants: whoever stops a command, a user, a terminal that closes or a machine that shuts down, finds no process and
no copy of source left, and no change of files half made: what is `carried_out` ends, with its exit status, as if nobody
had stopped it; a script that asked for JSON gets an object also from a command that fails.
"""

import asyncio
import json
import signal
from collections.abc import Callable, Coroutine
from contextlib import suppress
from types import FrameType
from typing import Any, TypeVar

from turnout.errors import TurnoutError

Result = TypeVar("Result")


def failing_in_json(work: Callable[[], int], known: dict[str, Any]) -> int:
    """The exit status of `work`; where it raises, `known` is printed with the error, which is raised on."""
    try:
        return work()
    except BrokenPipeError:
        raise  # nobody reads any more
    except (TurnoutError, OSError) as error:
        advice = {"advice": error.advice} if isinstance(error, TurnoutError) and error.advice else {}
        message = error.message if isinstance(error, TurnoutError) else str(error)
        print(json.dumps({**known, "error": message, **advice}, indent=2))
        raise


def run_to_end(work: Coroutine[None, None, int]) -> int:
    """The exit status of `work`, or 128 and the number of the signal that ended it. Ctrl-C raises KeyboardInterrupt."""
    return asyncio.run(_until_stopped(work))


async def carried_out(work: Coroutine[None, None, Result], say: Callable[[str], None]) -> Result:
    """The result of `work`, which no signal cuts off, nor what little the command does after it; `say` tells so, once.

    For what must not be left half done and takes moments. Only a kill ends it, which the journal is for.
    """
    answered = False

    def answer() -> None:
        nonlocal answered
        if not answered:
            answered = True
            say("Too late to stop: a change of files is carried to its end.")

    _heed_no_signal(answer)
    task = asyncio.ensure_future(work)
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError:  # of a signal that came right before
            current = asyncio.current_task()
            assert current is not None
            current.uncancel()
            answer()
    return task.result()


def _heed_no_signal(answer: Callable[[], None]) -> None:
    """From now on Ctrl-C, SIGTERM and a terminal that closes are only answered."""
    loop = asyncio.get_running_loop()

    def hear(number: int, frame: FrameType | None) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(answer)

    for number in _heeded("SIGINT", "SIGTERM", "SIGHUP"):
        with suppress(NotImplementedError):
            loop.remove_signal_handler(number)
        signal.signal(number, hear)


async def _until_stopped(work: Coroutine[None, None, int]) -> int:
    task = asyncio.ensure_future(work)
    stopped_by = 0

    def stop(number: int) -> None:
        nonlocal stopped_by
        stopped_by = number
        task.cancel()

    for number in _heeded("SIGTERM", "SIGHUP"):
        with suppress(NotImplementedError):  # Windows ends a process without asking it
            asyncio.get_running_loop().add_signal_handler(number, stop, number)
    try:
        return await task
    except asyncio.CancelledError:
        if stopped_by:
            return 128 + stopped_by
        raise


def _heeded(*names: str) -> list[int]:
    """The signals of those names that this system has, and that are not ignored already, as under nohup."""
    numbers = [int(getattr(signal, name)) for name in names if hasattr(signal, name)]
    return [number for number in numbers if signal.getsignal(number) != signal.SIG_IGN]
