"""One request to a worker: sent once more where the worker was lost before any text came.

Invariant: whoever released a call hears once what became of it.
"""

from typing import Any

from turnout.errors import WorkerCrashed
from turnout.local.link import Exchange, Link, LinkLostError, OnLastWord
from turnout.local.station import Station
from turnout.worker import wire

SILENCE_S = 0.5
"""After so long without a word from a worker that has no model yet, it is loading it: it cannot say so meanwhile."""

_LOADING: wire.Frame = {"t": "progress", "phase": "loading", "done": 0, "of": 0}


class Call:
    """One request and its answers."""

    def __init__(self, station: Station, frame: dict[str, Any], silence_s: float = SILENCE_S) -> None:
        self._station = station
        self._frame = frame
        self._patience_s: float | None = silence_s
        self._link: Link | None = None
        self._exchange: Exchange | None = None
        self._losses = 0

    async def next(self) -> wire.Frame:
        """The next answer; raises WorkerUnavailable or WorkerCrashed."""
        while True:
            try:
                answer = await self._next()
            except LinkLostError as lost:
                self._recover(lost)
                continue
            if answer is None:
                self._patience_s = None
                return _LOADING
            if self._exchange is not None and self._exchange.finished:
                self._station.answered()
            return answer

    def release(self, on_last_word: OnLastWord = lambda _frame: None) -> None:
        """Cancel what is still under way; `on_last_word` is called once, with the frame that ended it or None."""
        if self._exchange is None:
            on_last_word(None)
        else:
            self._exchange.release(on_last_word)

    async def _next(self) -> wire.Frame | None:
        """The next answer, or None where the worker has been silent for so long that it must be loading its model."""
        if self._exchange is None:
            self._link = await self._station.link(self._patience_s)
            if self._link is None:
                return None
            self._exchange = self._link.open(self._frame)
        assert self._link is not None
        answer = await self._exchange.next(self._patience_s if self._link.loading else None)
        if answer is None and not self._link.loading:  # another request has heard meanwhile that it is loaded
            return await self._exchange.next()
        return answer

    def _recover(self, lost: LinkLostError) -> None:
        self._station.check_open()
        self._losses += 1
        self._exchange = None
        if self._losses == 1 and not lost.heard:
            self._station.lost(self._link)
            return
        self._station.crashed(self._link)
        raise WorkerCrashed(
            f"The model process of {self._station.spec.model} died while it answered.",
            advice=self._station.log_advice(),
        ) from lost
