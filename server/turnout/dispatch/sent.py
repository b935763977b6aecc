"""The last prompts that were sent, for the user to see.

Invariants: they are in the memory of this process and nowhere else, a bounded number of them and of bytes; what is sent
while somebody types takes no room from the rest.
"""

import heapq
import itertools
from collections import deque
from collections.abc import Iterator

from turnout.core.requests import COMPLETION_KINDS
from turnout.core.sent import Hop

MOST_COMPLETIONS = 20
MOST_OTHERS = 100
MOST_BYTES = 16 * 1024 * 1024
"""Of each of both sorts."""


class SentPrompts:
    """Keeps what was sent, the newest of it."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._completions = _Shelf(MOST_COMPLETIONS, most_bytes)
        self._others = _Shelf(MOST_OTHERS, most_bytes)
        self._numbers = itertools.count()

    def keep(self, hop: Hop) -> None:
        """Keep what is sent right after."""
        shelf = self._completions if hop.kind in COMPLETION_KINDS else self._others
        shelf.add(next(self._numbers), hop)

    def last(self, count: int) -> list[Hop]:
        """What was kept last, last first, whatever the clock said."""
        every = heapq.merge(self._completions, self._others, key=lambda kept: kept[0], reverse=True)
        return [hop for _, hop in itertools.islice(every, count)]


class _Shelf:
    """The newest of one sort."""

    def __init__(self, most: int, most_bytes: int) -> None:
        self._hops: deque[tuple[int, Hop]] = deque()
        self._most = most
        self._most_bytes = most_bytes
        self._bytes = 0

    def __iter__(self) -> Iterator[tuple[int, Hop]]:
        return reversed(self._hops)

    def add(self, number: int, hop: Hop) -> None:
        self._hops.append((number, hop))
        self._bytes += hop.bytes_kept
        while len(self._hops) > self._most or self._bytes > self._most_bytes:
            self._bytes -= self._hops.popleft()[1].bytes_kept
