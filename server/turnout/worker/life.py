"""When the worker's time is over: nobody needs it, or nobody can find it, or it was asked to leave.

A worker that rests for long leaves even while editors are connected: its memory is worth more to them than the
second or two in which the next request brings it back.
Invariant: once `over` is set it stays set.
"""

import asyncio
from collections.abc import Callable

_LOOK_AGAIN_S = 5.0
_FAILED_S = 30.0
"""How long a model that did not load is left alone: what was wrong, such as too little memory, may be over then."""


class Life:
    """Decides from how many clients and requests there are; must be made on the loop."""

    def __init__(self, idle_s: float, rest_s: float, vanished: Callable[[], bool]) -> None:
        """Leave after `idle_s` without clients, or `rest_s` without requests.

        `vanished` says whether the file that leads to this worker is gone: then, without clients, nobody can
        come any more.
        """
        self._idle_s = idle_s
        self._rest_s = rest_s
        self._vanished = vanished
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._alone = False
        self._failed = False
        self.over = asyncio.Event()
        self.on_end: Callable[[], None] = lambda: None

    def end(self) -> None:
        """It is over; `on_end` is called at once, before anything else can arrive."""
        self.on_end()
        self.over.set()

    def reconsider(self, *, clients: int, busy: bool, failed: bool, leaving: bool) -> None:
        """Look again; called on every change, so cheap while nothing has changed.

        A worker whose model `failed` to load is needed by nobody but the requests that still hear it, and leaves
        however many come.
        """
        alone = clients == 0 or failed
        if failed and not self._failed:
            self._failed, self._idle_s = True, min(self._idle_s, _FAILED_S)
        if self._timer is not None and ((busy and not failed) or alone != self._alone):
            self._timer.cancel()
            self._timer = None
        if leaving and not busy:
            self.end()
        elif not busy and self._timer is None:
            self._wait(alone)

    def _wait(self, alone: bool) -> None:
        self._alone = alone
        if alone:
            self._wait_for_company(self._idle_s)
        else:
            self._timer = self._loop.call_later(self._rest_s, self.end)

    def _wait_for_company(self, left_s: float) -> None:
        if left_s <= 0 or self._vanished():
            # Not at once: a client that has just connected is heard before a timer.
            self._timer = self._loop.call_later(0, self.end)
        else:
            pause_s = min(left_s, _LOOK_AGAIN_S)
            self._timer = self._loop.call_later(pause_s, self._wait_for_company, left_s - pause_s)
