"""Things kept under their ids for a while."""

import time
from collections.abc import Callable
from typing import Generic, TypeVar

KEPT_ITEMS = 50
KEPT_S = 24 * 3600.0

Item = TypeVar("Item")


class Shelf(Generic[Item]):
    """What was kept within the last day; the oldest of too many is forgotten."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kept: dict[str, tuple[float, Item]] = {}

    def keep(self, item_id: str, item: Item) -> None:
        """Remember `item`."""
        self._kept[item_id] = (self._clock() + KEPT_S, item)
        while len(self._kept) > KEPT_ITEMS:
            del self._kept[next(iter(self._kept))]

    def find(self, item_id: str) -> Item | None:
        """The item of that id; None where it was never kept, discarded or has expired."""
        expires, item = self._kept.get(item_id, (float("-inf"), None))
        if expires < self._clock():
            self._kept.pop(item_id, None)
            return None
        return item

    def discard(self, item_id: str) -> None:
        """Forget an item; one that is unknown is forgotten already."""
        self._kept.pop(item_id, None)
