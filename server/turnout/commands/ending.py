"""Ends a command on SIGTERM as Ctrl-C does: what it runs ends with it, and its temporary files are removed.

Invariant: whoever stops a command, a user or a machine that shuts down, finds no process and no copy of source left.
"""

import asyncio
import signal
from collections.abc import Coroutine
from contextlib import suppress

TERMINATED = 128 + signal.SIGTERM


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
