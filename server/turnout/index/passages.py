"""Cuts a file into passages: whole lines, about a screen of them, parted where a definition begins.

Invariant: passages do not overlap, and every line that says something is in one, unless it is so long that nobody
wrote it by hand.
"""

from collections.abc import Iterable, Iterator, Sequence

MAX_LINES = 40
MAX_CHARACTERS = 2_000
MAX_LINE = 1_000
"""Longest line that is shown to anybody; a minified file has no passage."""
MAX_PASSAGES = 1_000
_MIN_LINES = 8

Range = tuple[int, int]
"""First and last line, from 0."""


def cut(lines: Sequence[str], starts: Iterable[int] = ()) -> list[Range]:
    """The passages of a file; `starts` are lines that a passage had better begin at."""
    wanted = frozenset(starts)
    found = []
    for first, after in _stretches(lines):
        for passage in _cut(lines, first, after, wanted):
            found.append(passage)
            if len(found) == MAX_PASSAGES:
                return found
    return found


def _stretches(lines: Sequence[str]) -> Iterator[Range]:
    """The runs of lines between those that are too long, as first line and the one after the last."""
    first = 0
    for number, line in enumerate(lines):
        if len(line) > MAX_LINE:
            yield first, number
            first = number + 1
    yield first, len(lines)


def _cut(lines: Sequence[str], first: int, after: int, wanted: frozenset[int]) -> Iterator[Range]:
    while first < after:
        if not lines[first].strip():
            first += 1
            continue
        full = _fill(lines, first, after)
        end = full if full == after else _best_end(lines, first, full, wanted)
        last = end - 1
        while not lines[last].strip():
            last -= 1
        yield first, last
        first = end


def _fill(lines: Sequence[str], first: int, after: int) -> int:
    """The line after the most that a passage can hold."""
    left = MAX_CHARACTERS
    for number in range(first, min(after, first + MAX_LINES)):
        left -= len(lines[number])
        if left < 0 and number > first:
            return number
    return min(after, first + MAX_LINES)


def _best_end(lines: Sequence[str], first: int, full: int, wanted: frozenset[int]) -> int:
    """The last line to end before: a definition, else what follows an empty line, else where it is full."""
    least = min(first + _MIN_LINES, full)
    for number in range(full, least, -1):
        if number in wanted:
            return number
    for number in range(full, least, -1):
        if not lines[number - 1].strip():
            return number
    return full
