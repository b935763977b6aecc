"""Why nothing was shown, by document, in words for its user."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from turnout.core.documents import Position

ASKED = "the model was asked"


@dataclass(slots=True, eq=False)
class _UnderWay:
    """A request that is not answered yet."""

    position: Position
    waits_for: str = ASKED

    def wait(self, reason: str) -> None:
        self.waits_for = reason or self.waits_for


class Reasons:
    """The last word about each document."""

    def __init__(self) -> None:
        self._reasons: dict[str, tuple[Position, str]] = {}
        self._under_way: dict[str, _UnderWay] = {}

    def why(self, uri: str, position: Position | None = None) -> str:
        """Why the last request in a document showed nothing; `position` is where its user is."""
        asked, reason = self._reasons.get(uri, (None, "no completion was asked for in this file yet"))
        if under_way := self._under_way.get(uri):
            asked, reason = under_way.position, f"a completion is under way: {under_way.waits_for}"
        if position is None or asked is None or asked == position:
            return reason
        return f"no completion was asked for here; for the last one, in line {asked.line + 1}: {reason}"

    def note(self, uri: str, position: Position, reason: str) -> None:
        """Keep what came of a request."""
        self._reasons[uri] = (position, reason)

    @contextmanager
    def under_way(self, uri: str, position: Position) -> Iterator[Callable[[str], None]]:
        """A request is under way for as long as this lasts; gives whom to tell what it waits for."""
        mine = self._under_way[uri] = _UnderWay(position)
        try:
            yield mine.wait
        finally:
            if self._under_way.get(uri) is mine:  # not a newer one
                del self._under_way[uri]

    def forget(self, uri: str) -> None:
        """Drop what is kept for a closed document."""
        self._reasons.pop(uri, None)
        self._under_way.pop(uri, None)
