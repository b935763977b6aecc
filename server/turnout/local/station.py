"""The way to one worker: connects, starts it where nobody answers, and backs off when it keeps dying.

Invariant: at most one connection and one attempt to make it exist at a time, however many requests wait.
"""

import asyncio
import contextlib
import math
from collections.abc import Awaitable, Callable
from pathlib import Path

from turnout import __version__
from turnout.errors import TurnoutError, WorkerUnavailable
from turnout.local.address import Transport, WorkerSpec, socket_path, superseded, transport
from turnout.local.link import Link, LinkLostError, connect
from turnout.local.spawn import WorkerKilledError, log_path, log_size, log_tail

_ATTEMPTS = 4
_FIRST_PAUSE_S = 1.0
_LONGEST_PAUSE_S = 30.0


class Station:
    """See the module's docstring."""

    def __init__(
        self,
        spec: WorkerSpec,
        spawn: Callable[[WorkerSpec, Path, Transport], Awaitable[None]],
        clock: Callable[[], float],
    ) -> None:
        self.spec = spec
        self._spawn = spawn
        self._clock = clock
        self._link: Link | None = None
        self._connecting: asyncio.Task[Link] | None = None
        self._crashes = 0
        self._blocked_until_s = 0.0
        self._refusal: TurnoutError | None = None
        """Why the last attempt to reach a worker failed, unless it is sound or died since."""
        self._logged = 0
        """Size of the log before the worker was connected to or started: what is older is no word of its end."""
        self._closed = False
        self._retiring: asyncio.Task[None] | None = None

    async def link(self, patience_s: float | None = None) -> Link | None:
        """A connection that is alive, or None where that takes longer; raises WorkerUnavailable."""
        self.check_open()
        if self._link is not None and self._link.alive:
            return self._link
        if self._connecting is None:
            self._check_pause()
            self._connecting = asyncio.create_task(self._connect())
            self._connecting.add_done_callback(self._connected)
        connecting = self._connecting
        # Not awaited itself: a cancelled request must not end the start that others, or the next keystroke, wait for.
        await asyncio.wait([connecting], timeout=patience_s)
        if connecting.cancelled():
            self.check_open()
        return connecting.result() if connecting.done() else None

    def check_open(self) -> None:
        """Raise WorkerUnavailable once this server is leaving: nothing is connected or started any more."""
        if self._closed:
            raise WorkerUnavailable("Turnout is leaving.")

    def answered(self) -> None:
        """A request was answered: the worker is sound."""
        self._crashes = 0
        self._refusal = None

    def lost(self, link: Link | None) -> None:
        """`link` ended between requests: the worker was leaving, which is no fault."""
        if self._link is link:
            self._link = None

    def crashed(self, link: Link | None) -> None:
        """`link` ended within an answer; the first time is forgiven, then pauses grow."""
        self.lost(link)
        self._refusal = None
        self._crashes += 1
        if self._crashes > 1:
            pause_s = min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2 ** (self._crashes - 2))
            self._blocked_until_s = self._clock() + pause_s

    def log_advice(self) -> str:
        """What the worker said at last and where its log is, or that it said nothing."""
        tail = log_tail(self.spec, self._logged)
        if not tail:
            return "It was killed, or died without a word: too little free memory is one reason for that."
        return f"The end of {log_path(self.spec)} says:\n{tail}"

    async def close(self) -> None:
        """Give up the attempt under way and the connection, for good."""
        self._closed = True
        for task in (self._connecting, self._retiring):
            if task is not None:
                task.cancel()
                await asyncio.wait([task])
        if self._link is not None:
            await self._link.close()
            self._link = None

    def _check_pause(self) -> None:
        left_s = self._blocked_until_s - self._clock()
        if left_s <= 0:
            return
        again = f"it is tried again in {math.ceil(left_s)} s."
        if self._refusal is not None:
            message = self._refusal.message.rstrip(".")
            raise WorkerUnavailable(f"{message}; {again}", advice=self._refusal.advice)
        raise WorkerUnavailable(
            f"The model process of {self.spec.model} died {self._crashes} times in a row; {again}",
            advice=self.log_advice(),
        )

    def _connected(self, task: asyncio.Task[Link]) -> None:
        self._connecting = None
        if task.cancelled():
            return
        failure = task.exception()
        if failure is None:
            self._link = task.result()
            if self._retiring is None:
                self._retiring = asyncio.create_task(self._retire())
        elif isinstance(failure, TurnoutError):
            self._refusal = failure
            self._crashes += 1
            self._blocked_until_s = self._clock() + min(_LONGEST_PAUSE_S, 2.0 ** (self._crashes - 1))

    async def _retire(self) -> None:
        """Ask the workers that this model had before an upgrade to leave with their last editor.

        One of this version runs the same file otherwise, for another entry of the settings, and is in use.
        """
        for address in superseded(socket_path(self.spec)):
            # Most have left long ago, and one of another protocol leaves when it is idle.
            with contextlib.suppress(OSError, ValueError, LinkLostError, WorkerUnavailable):
                link = await connect(address, transport())
                if link.hello.result()["version"] != __version__:
                    link.send({"t": "unload", "id": 0, "when_alone": True})
                await link.close()

    async def _connect(self) -> Link:
        try:
            address, kind = socket_path(self.spec), transport()
        except OSError as exc:
            raise WorkerUnavailable(f"The worker for {self.spec.model} cannot be found: {exc}.") from exc
        for _ in range(_ATTEMPTS):
            self._logged = log_size(self.spec)
            try:
                return await connect(address, kind)
            except LinkLostError:
                continue  # it was about to leave: whoever comes next starts a new one
            except (OSError, ValueError):
                with contextlib.suppress(WorkerKilledError):
                    await self._spawn(self.spec, address, kind)
        raise WorkerUnavailable(
            f"No worker for {self.spec.model} can be reached at {address}.", advice=self.log_advice()
        )
