"""Completions that were computed already, found again while the user types the very letters they propose.

Invariant: a hit is exactly what is left of an earlier completion at this place, to its last character, whichever
brackets the editor puts behind the cursor by itself meanwhile.
"""

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count
from operator import attrgetter

from turnout.core import lexing
from turnout.core.holes import Hole

CAPACITY = 128
ANCHOR_CHARACTERS = 400

_CLOSED_BY_EDITORS = frozenset(")]}\"'`>")
_MOST_CLOSERS = 4


@dataclass(frozen=True, slots=True)
class Hit:
    """What is left of a completion, and how much behind the cursor it takes the place of.

    `reason` says why there is nothing at this very place, where that is known already.
    """

    id: str
    text: str
    replaces: int = 0
    reason: str = ""
    model: str = ""
    """Who said it, by the name in the settings, and whether that is on this machine."""
    local: bool = False
    weights: str = ""
    """The model that this name stands for."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A completion and the text around the cursor that it was made for.

    `whole` is whether `before` reaches back to the beginning of the document; `own` is its part of the cursor's line,
    None where the beginning of a long line was not kept.
    """

    uri: str
    before: str
    whole: bool
    own: str | None
    after: str
    found: Hit
    is_block: bool
    number: int
    """Entries are numbered in the order in which they came."""

    @property
    def shelf(self) -> str | None:
        """What a cursor's line has to begin with to continue this; None where that may be another line, or too long."""
        return None if self.is_block else self.own


class CompletionCache:
    """The latest completions of all open documents, newest first."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._entries: OrderedDict[tuple[str, str, str], Entry] = OrderedDict()
        self._shelves: dict[str | None, dict[int, Entry]] = {}
        """The same by what they begin the cursor's line with, None where that does not tell; each by its number."""
        self._numbers = count()
        self._capacity = capacity

    def add(self, uri: str, hole: Hole, found: Hit) -> None:
        """Remember what was found for this hole."""
        before, after = _unified(hole.prefix[-ANCHOR_CHARACTERS:]), _after(hole)
        whole, start = len(hole.prefix) <= ANCHOR_CHARACTERS, before.rfind("\n") + 1
        own = before[start:] if start or whole else None
        key = uri, before, after
        if key in self._entries:
            self._drop(key)
        number, is_block = next(self._numbers), "\n" in found.text
        entry = self._entries[key] = Entry(uri, before, whole, own, after, found, is_block, number)
        self._shelves.setdefault(entry.shelf, {})[number] = entry
        if len(self._entries) > self._capacity:
            self._drop(next(iter(self._entries)))

    def find(self, uri: str, hole: Hole) -> Hit | None:
        """What is left of the newest completion that this hole continues."""
        after, head = _after(hole), hole.head
        below = "\n" + head
        for entry in self._in_question(head):
            own, text = entry.own, entry.found.text
            here = own is None or (head[: len(own)] == own and text.startswith(head[len(own) :]))
            if not (here or (entry.is_block and below in text)) or entry.uri != uri:
                continue
            shift = _shift(entry, after)
            if shift is not None and (hit := _hit(entry, hole, after, shift)) is not None:
                return hit
        return None

    def forget(self, uri: str) -> None:
        """Drop the completions of a document that was closed."""
        for key in [key for key in self._entries if key[0] == uri]:
            self._drop(key)

    def _in_question(self, head: str) -> list[Entry]:
        """The entries that a cursor behind `head` may continue, newest first: every letter asks, and most it cannot."""
        found = [
            entry
            for own, shelf in self._shelves.items()
            if own is None or head.startswith(own)
            for entry in shelf.values()
        ]
        found.sort(key=attrgetter("number"), reverse=True)
        return found

    def _drop(self, key: tuple[str, str, str]) -> None:
        entry = self._entries.pop(key)
        del self._shelves[entry.shelf][entry.number]
        if not self._shelves[entry.shelf]:
            del self._shelves[entry.shelf]


def _hit(entry: Entry, hole: Hole, after: str, shift: int) -> Hit | None:
    found, typed = entry.found, _typed(entry, hole)
    if typed is None or (shift and not typed):
        return None
    if found.reason:
        return found if not typed else None
    text = found.text[len(typed) :]
    replaces = found.replaces + shift
    if shift > 0:
        spare = _spare_closers(text, hole)
        if not spare and not found.replaces:
            replaces = 0  # it does not close what was opened, so that the editor's closer has to stay
        elif not spare.startswith(after[:shift]):
            return None
    return replace(found, text=text, replaces=replaces) if text else None


def _shift(entry: Entry, after: str) -> int | None:
    """How many more closers than before stand behind the cursor; None where the text there is another."""
    if after == entry.after:
        return 0
    for closers in range(1, entry.found.replaces + 1):  # closers of the completion were typed over
        if _same(entry.after[closers:], after):
            return -closers
    for closers in range(1, _MOST_CLOSERS + 1):
        if not set(after[:closers]) <= _CLOSED_BY_EDITORS:
            return None
        if _same(after[closers:], entry.after):
            return closers
    return None


def _same(one: str, other: str) -> bool:
    """Whether two texts are the same as far as both were kept."""
    length = ANCHOR_CHARACTERS - _MOST_CLOSERS
    return one[:length] == other[:length]


def _spare_closers(text: str, hole: Hole) -> str:
    """What `text` closes that stands open before the cursor, in its order."""
    return "".join(closer for _, closer in lexing.scan(text, hole.language, hole.spot()).spare)


def _typed(entry: Entry, hole: Hole) -> str | None:
    """How much of the completion stands before the cursor; None where something else does."""
    before = ""
    for typed in _beginnings(entry, hole.head):
        before = before or _unified(hole.prefix[-(len(entry.before) + 2 * len(entry.found.text) + 1) :])
        if _continues(entry, before, typed):
            return typed
    return None


def _beginnings(entry: Entry, head: str) -> Iterator[str]:
    """The beginnings of a completion that may stand before a cursor with `head` on its line: there are few."""
    text, own = entry.found.text, entry.own
    if own is not None:
        if head.startswith(own) and text.startswith(head[len(own) :]):
            yield head[len(own) :]
    else:  # a long line, whose beginning was not kept
        yield from (text[:end] for end in range(len(text) + 1) if head.endswith(text[:end]))
    line = text.find("\n") + 1
    while line > 0:
        if text.startswith(head, line):
            yield text[: line + len(head)]
        line = text.find("\n", line) + 1


def _continues(entry: Entry, before: str, typed: str) -> bool:
    if not before.endswith(typed):
        return False
    return before == entry.before + typed if entry.whole else before.endswith(entry.before + typed)


def _after(hole: Hole) -> str:
    return _unified(hole.suffix[: ANCHOR_CHARACTERS + _MOST_CLOSERS])[:ANCHOR_CHARACTERS]


def _unified(text: str) -> str:
    """Editors put in line feeds as their file's own endings."""
    return text.replace("\r\n", "\n") if "\r" in text else text
