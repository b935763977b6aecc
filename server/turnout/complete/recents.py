"""Where the user was and what they changed just now, in the documents that their editor has open.

Invariant: places only, and a bounded number of them; the text is read when somebody asks, from what is open then.
"""

from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from turnout.core import context
from turnout.core.context import Chunk
from turnout.core.documents import Snapshot

MAX_PLACES = 24
LINES_AROUND = 6
"""Lines before and after a place that are shown of it."""

_SAME_PLACE_LINES = 12
_FADING = 0.85
_EDITED, _VISITED = 0.3, 0.1
"""Worth of the newest place that was changed, and of one that was only looked at."""


@dataclass(frozen=True, slots=True)
class Trace:
    """A line of a document where the user was, and whether they changed something there."""

    uri: str
    line: int
    edited: bool


@dataclass(frozen=True, slots=True)
class Recent:
    """A place with its document as it is now; `path` is the document's in its folder."""

    trace: Trace
    path: str
    document: Snapshot


class Recents:
    """The latest places, newest last."""

    def __init__(self) -> None:
        self._places: OrderedDict[tuple[str, int], Trace] = OrderedDict()
        self._versions: dict[str, int | None] = {}

    def touch(self, uri: str, version: int | None, line: int) -> None:
        """The user is at `line`; another version of the document than last time means that they changed it there."""
        edited = version != self._versions.setdefault(uri, version)
        self._versions[uri] = version
        key = uri, line // _SAME_PLACE_LINES
        before = self._places.pop(key, None)
        self._places[key] = Trace(uri, line, edited or (before is not None and before.edited))
        if len(self._places) > MAX_PLACES:
            self._places.popitem(last=False)

    def forget(self, uri: str) -> None:
        """Drop the places of a document that was closed."""
        self._versions.pop(uri, None)
        for key in [key for key in self._places if key[0] == uri]:
            del self._places[key]

    def traces(self, but: str) -> tuple[Trace, ...]:
        """Places in other documents than `but`, newest first."""
        return tuple(trace for trace in reversed(self._places.values()) if trace.uri != but)


def recent_chunks(places: Sequence[Recent], weights: Mapping[str, float]) -> Iterator[Chunk]:
    """The lines around each place, newest first; the newer and the more of `weights` they hold, the better."""
    for age, place in enumerate(places):
        line = place.trace.line
        text = "".join(place.document.lines[max(0, line - LINES_AROUND) : line + LINES_AROUND + 1])
        worth = (_EDITED if place.trace.edited else _VISITED) * _FADING**age + context.likeness(weights, text)
        # The line it began at moves with every edit; its block of lines does not.
        yield Chunk(place.path, text, "recent", worth, line // _SAME_PLACE_LINES)
