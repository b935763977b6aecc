"""Completions that were computed already, found again while the user types the very letters they propose.

Invariant: a hit is exactly what is left of an earlier completion at this place, to its last character.
"""

from collections import OrderedDict
from dataclasses import dataclass

from turnout.core.holes import Hole

CAPACITY = 64
ANCHOR_CHARACTERS = 400


@dataclass(frozen=True, slots=True)
class Entry:
    """A completion and the text around the cursor that it was made for.

    `whole` is whether `before` reaches back to the beginning of the document.
    """

    id: str
    before: str
    whole: bool
    after: str
    text: str


class CompletionCache:
    """The latest completions of all open documents, newest first."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._entries: OrderedDict[tuple[str, str], Entry] = OrderedDict()
        self._capacity = capacity

    def add(self, uri: str, hole: Hole, completion_id: str, text: str) -> None:
        """Remember `text` for this hole."""
        self._entries[uri, completion_id] = Entry(
            completion_id,
            hole.prefix[-ANCHOR_CHARACTERS:],
            len(hole.prefix) <= ANCHOR_CHARACTERS,
            hole.suffix[:ANCHOR_CHARACTERS],
            text,
        )
        if len(self._entries) > self._capacity:
            self._entries.popitem(last=False)

    def find(self, uri: str, hole: Hole) -> tuple[str, str] | None:
        """Id and remaining text of the newest completion that this hole continues."""
        after = hole.suffix[:ANCHOR_CHARACTERS]
        before = hole.prefix[-2 * ANCHOR_CHARACTERS :]
        for (owner, _), entry in reversed(self._entries.items()):
            if owner == uri and entry.after == after:
                rest = _remaining(entry, before)
                if rest:
                    return entry.id, rest
        return None

    def forget(self, uri: str) -> None:
        """Drop the completions of a document that was closed."""
        for key in [key for key in self._entries if key[0] == uri]:
            del self._entries[key]


def _remaining(entry: Entry, before: str) -> str:
    """What is left to propose when `before` is the entry's own text plus the beginning of its completion."""
    text = entry.text
    if _continues(entry, before, ""):
        return text
    # What was typed ends with the last letter: only those beginnings need comparing, and there are few.
    last = before[-1:] or "\0"
    typed = text.find(last) + 1
    while 0 < typed < len(text):
        if _continues(entry, before, text[:typed]):
            return text[typed:]
        typed = text.find(last, typed) + 1
    return ""


def _continues(entry: Entry, before: str, typed: str) -> bool:
    if not before.endswith(typed):
        return False
    return before == entry.before + typed if entry.whole else before.endswith(entry.before + typed)
