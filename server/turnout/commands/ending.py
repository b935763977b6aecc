"""Ends a command on SIGTERM as Ctrl-C does: what it runs ends with it, and its temporary files are removed.

Invariants: whoever stops a command, a user or a machine that shuts down, finds no process and no copy of source left;
a script that asked for JSON gets an object also from a command that fails.
"""

import asyncio
import json
import signal
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

from turnout.errors import TurnoutError

TERMINATED = 128 + signal.SIGTERM


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
    """The exit status of `work`, TERMINATED where it was ended by SIGTERM. Raises KeyboardInterrupt on Ctrl-C."""
    return asyncio.run(_until_terminated(work))


async def _until_terminated(work: Coroutine[None, None, int]) -> int:
    task = asyncio.ensure_future(work)
    terminated = False

    def terminate() -> None:
        nonlocal terminated
        terminated = True
        task.cancel()

    with suppress(NotImplementedError):  # Windows ends a process without asking it
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, terminate)
    try:
        return await task
    except asyncio.CancelledError:
        if terminated:
            return TERMINATED
        raise
