"""Fetching a missing model in the background, with progress in the editor, while everything else goes on.

Invariant: a model is fetched by at most one task at a time, and a failed fetch is said once, not per keystroke.
"""

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from turnout.errors import TurnoutError
from turnout.session.editor import Editor, Progress

logger = logging.getLogger(__name__)


class Pull(Protocol):
    """Fetches a model's file; blocking; calls back with bytes done and bytes in all, and stops when told to."""

    def __call__(
        self, name: str, report: Callable[[int, int, str], None], cancelled: Callable[[], bool]
    ) -> Path: ...


class Pulls:
    """The models being fetched for this editor."""

    def __init__(self, editor: Editor, pull: Pull, on_ready: Callable[[str], None]) -> None:
        self._editor = editor
        self._pull = pull
        self._on_ready = on_ready
        self._running: dict[str, asyncio.Task[None]] = {}
        self._failed: set[str] = set()
        self._percent: dict[str, int] = {}

    def start(self, name: str) -> None:
        """Begin to fetch `name` unless that is under way or has failed already."""
        if name not in self._running and name not in self._failed:
            task = asyncio.create_task(self._run(name), name=f"pull {name}")
            self._running[name] = task
            task.add_done_callback(lambda _task: self._running.pop(name, None))

    def state(self, name: str) -> str:
        """What happens to a missing model, in words for its user."""
        if name in self._running:
            return f"the model {name} is being downloaded, {self._percent.get(name, 0)} %"
        return f"the model {name} is not on this machine; run: turnout models pull {name}"

    async def close(self) -> None:
        """Stop all downloads; what has arrived is kept for next time."""
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self, name: str) -> None:
        stop = threading.Event()
        loop = asyncio.get_running_loop()
        try:
            async with self._editor.progress(f"Downloading {name}") as progress:

                def report(done: int, of: int, phase: str) -> None:
                    with contextlib.suppress(RuntimeError):  # the loop is closed: nobody looks any more
                        loop.call_soon_threadsafe(self._report, name, progress, done, of, phase)

                await _in_thread(lambda: self._pull(name, report, stop.is_set))
        except asyncio.CancelledError:
            self._failed.add(name)
            raise
        except TurnoutError as error:
            self._failed.add(name)
            self._editor.say(f"Turnout could not get the model {name}: {error}", "error")
        else:
            self._editor.say(f"Turnout: the model {name} is ready.")
            self._on_ready(name)
        finally:
            stop.set()

    def _report(self, name: str, progress: Progress, done: int, of: int, phase: str) -> None:
        percent = int(done * 100 / of) if of else 0
        self._percent[name] = percent
        progress.report(f"{phase} {done / 1e6:,.0f} of {of / 1e6:,.0f} MB", percent)


async def _in_thread(work: Callable[[], Path]) -> Path:
    """Run `work` on a thread that the end of the process does not wait for: a network may keep it for seconds."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[Path] = loop.create_future()

    def settle(result: Path | None, error: BaseException | None) -> None:
        if done.done():
            return
        if error is not None:
            done.set_exception(error)
        elif result is not None:
            done.set_result(result)

    def run() -> None:
        result, error = None, None
        try:
            result = work()
        except BaseException as raised:
            error = raised
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(settle, result, error)

    threading.Thread(target=run, name="turnout-pull", daemon=True).start()
    return await done
