"""Where in a document lexing may begin: at marks every few lines, instead of at its beginning each time.

Invariant: what is found from a mark on is what is found from the beginning of the document on, up to any place behind
the mark; a mark depends on nothing behind its line.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

EVERY_LINES = 32
MOST_CHARACTERS = 60_000
"""So many are looked through at a time, which takes about half a millisecond."""


class Mark(NamedTuple):
    """A line and a code point in it, both from 0, at which no comment or string goes on."""

    line: int
    character: int


class Ground(NamedTuple):
    """Text that ends at some place and begins with a line, and where in it lexing may begin."""

    text: str
    start: int


class Marks:
    """The marks of one version of a document, of which the others are made; found when they are needed."""

    __slots__ = ("_found",)

    def __init__(self, found: tuple[Mark, ...] = (Mark(0, 0),)) -> None:
        self._found = found

    def before(self, line: int) -> "Marks":
        """Those that hold on where nothing before `line` changes."""
        return Marks(self._found[: line // EVERY_LINES + 1])

    def ground(self, lines: Sequence[str], line: int, character: int, language: str) -> Ground | None:
        """What to lex in order to know what a place is in; None where that takes too long now, or always."""
        line = min(line, len(lines))
        mark = self._mark(lines, line, language)
        own = lines[line][:character] if line < len(lines) else ""
        if mark is None or len(own) + _length(lines, mark, line) > MOST_CHARACTERS:
            return None
        lead = _lead(lines, mark)
        return Ground(lead + "".join(lines[mark.line : line]) + own, len(lead) + mark.character)

    def _mark(self, lines: Sequence[str], line: int, language: str) -> Mark | None:
        """The last mark before `line`; None where it was not got to, but to a nearer one for the next time."""
        wanted, found = line // EVERY_LINES, list(self._found)
        left, stride = MOST_CHARACTERS, 1
        while len(found) <= wanted:
            number = min(wanted, len(found) - 1 + stride)
            left -= _length(lines, found[-1], number * EVERY_LINES)
            if left < 0:
                break
            mark = _next(lines, found[-1], number * EVERY_LINES, language)
            goes_on = (
                mark == found[-1]
            )  # what is open so far down is open all the way, so that strides may be longer
            if goes_on or number == len(found):
                found += [mark] * (number + 1 - len(found))
            stride = 2 * stride if goes_on else max(1, stride // 2)
        # Put there as a whole: another thread may be at the same.
        self._found = tuple(found)
        return found[wanted] if wanted < len(found) else None


def _next(lines: Sequence[str], mark: Mark, until: int, language: str) -> Mark:
    """The mark for line `until`: where the comment or string began that goes on there, else right before it."""
    lead = _lead(lines, mark)
    text = lead + "".join(lines[mark.line : until])
    token = _last_token(text, len(lead) + mark.character, language)
    if token is None or token.end() < len(text):
        # Not behind the line break: one language's comments begin with it.
        return Mark(until - 1, len(lines[until - 1]) - 1)
    line, offset = mark.line, token.start() - len(lead)
    while offset >= len(lines[line]):
        offset -= len(lines[line])
        line += 1
    return Mark(line, offset)


def _last_token(text: str, start: int, language: str) -> "re.Match[str] | None":
    from turnout.core import lexing  # documents are there before anything is lexed

    return lexing.last_token(text, language, start)


def _lead(lines: Sequence[str], mark: Mark) -> str:
    """The character before the mark's line, which some tokens look back at."""
    return lines[mark.line - 1][-1:] if mark.line else ""


def _length(lines: Sequence[str], mark: Mark, until: int) -> int:
    return sum(map(len, lines[mark.line : until]))
