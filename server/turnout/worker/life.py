"""When the worker's time is over: nobody needs it, or nobody can find it, or it was asked to leave.

Invariant: once `over` is set it stays set.
"""

import asyncio
from collections.abc import Callable


class Life:
    """Decides from how many clients and requests there are; must be made on the loop."""

    def __init__(self, idle_s: float, vanished: Callable[[], bool]) -> None:
        """`vanished` says whether the file that leads to this worker is gone."""
        self._idle_s = idle_s
        self._vanished = vanished
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self.over = asyncio.Event()

    def reconsider(self, *, clients: int, busy: bool, failed: bool, leaving: bool) -> None:
        """Look again; called on every change, so cheap while nothing has changed.

        A worker whose model `failed` to load is needed by nobody but the requests that still hear it.
        """
        needed = busy or (clients > 0 and not failed)
        if needed and self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if leaving and not busy:
            self.over.set()
        elif not needed and self._timer is None:
            self._wait_for_company()

    def _wait_for_company(self) -> None:
        if self._vanished():
            self.over.set()
        else:
            self._timer = self._loop.call_later(self._idle_s, self.over.set)
