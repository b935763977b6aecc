"""How long a provider may take to get any further.

Invariant: only output of the model gives new time. Bytes do not, so comments and pings cannot keep a request alive,
and the time that the consumer takes between two reads is not held against the provider.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from turnout.errors import DeadlineExceeded
from turnout.remote.failures import Peer

T = TypeVar("T")


class Watchdog:
    """Watches one request; `limit_s` seconds of waiting without progress end it."""

    def __init__(self, peer: Peer, limit_s: float, clock: Callable[[], float]) -> None:
        self._peer = peer
        self._limit_s = limit_s
        self._left_s = limit_s
        self._clock = clock

    def progress(self) -> None:
        """The model got further: the wait starts again."""
        self._left_s = self._limit_s

    def shorten(self, limit_s: float) -> None:
        """Allow at most `limit_s` from here on, because nothing that matters is still to come."""
        self._limit_s = min(self._limit_s, limit_s)
        self._left_s = min(self._left_s, limit_s)

    async def wait(self, step: Callable[[], Awaitable[T]]) -> T:
        """Await what `step` starts; raises DeadlineExceeded once the waits since the last progress reach the limit."""
        # A server that always has bytes ready never lets a timeout run, so the account is looked at as well.
        if self._left_s <= 0:
            raise self._stalled()
        started = self._clock()
        try:
            async with asyncio.timeout(self._left_s) as scope:
                return await step()
        except TimeoutError as exc:
            if not scope.expired():
                raise
            raise self._stalled() from exc
        finally:
            self._left_s -= self._clock() - started

    def _stalled(self) -> DeadlineExceeded:
        return DeadlineExceeded(
            f"{self._peer} sent no output for {self._limit_s:g} s.",
            advice="Try again later, or choose another model for this kind of request.",
        )
