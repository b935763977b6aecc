"""Not insisting: where a suggestion was turned down again and again, nothing more is shown until the text changes.

Invariant: a place is a line and its text, so that one more letter is another place; what is kept is bounded.
"""

from collections import OrderedDict
from dataclasses import dataclass

from turnout.core.holes import Hole

STRIKES = 3
REASON = "it was turned down here several times; it comes back when the text changes, or by its key"
PASSED_OVER = (
    "it was shown here several times and not taken; it comes back when the text changes, or by its key"
)

_KEPT = 256
_LETTERS = 200

Key = tuple[str, int, str, str]


@dataclass(slots=True)
class _Place:
    """Where something was shown: how often that was turned down or passed over."""

    rejected: int = 0
    passed_over: int = 0


class Patience:
    """Counts what was turned down where."""

    def __init__(self) -> None:
        self._places: OrderedDict[Key, _Place] = OrderedDict()
        self._shown_at: OrderedDict[str, Key] = OrderedDict()
        self._last_line: dict[str, int] = {}

    def silence(self, uri: str, hole: Hole) -> str:
        """Why nothing more is shown at a place; empty where something may be."""
        place = self._places.get(_key(uri, hole))
        if place is None or place.rejected + place.passed_over < STRIKES:
            return ""
        return REASON if place.rejected >= STRIKES else PASSED_OVER

    def offered(self, uri: str, hole: Hole, completion_id: str) -> None:
        """Something is shown at a place; whoever came back to its line has passed it over before."""
        key = _key(uri, hole)
        line = hole.position.line
        place = self._places.get(key)
        if place is None:
            place = self._places[key] = _Place()
        elif self._last_line.get(uri) != line:
            place.passed_over += 1
        self._places.move_to_end(key)
        self._last_line[uri] = line
        self._shown_at[completion_id] = key
        self._shown_at.move_to_end(completion_id)
        if len(self._places) > _KEPT:
            self._places.popitem(last=False)
        if len(self._shown_at) > _KEPT:
            self._shown_at.popitem(last=False)

    def rejected(self, completion_id: str) -> None:
        """What was shown last under this id was turned down."""
        place = self._places.get(self._shown_at.get(completion_id, ("", 0, "", "")))
        if place is not None:
            place.rejected += 1

    def accepted(self, completion_id: str) -> None:
        """Something was taken after all."""
        key = self._shown_at.get(completion_id)
        if key is not None:
            self._places.pop(key, None)

    def forget(self, uri: str) -> None:
        """Drop what is kept for a closed document."""
        for key in [key for key in self._places if key[0] == uri]:
            del self._places[key]
        self._last_line.pop(uri, None)


def _key(uri: str, hole: Hole) -> Key:
    return uri, hole.position.line, hole.prefix[-_LETTERS:], hole.tail[:_LETTERS]
