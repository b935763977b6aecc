"""The hole at the cursor: what stands before and after it, and how much the user may want there.

Invariant: `prefix + suffix` is an unbroken piece of the document around the cursor.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

from turnout.core import lexing
from turnout.core.documents import Position, Snapshot, line_body
from turnout.core.lexing import Spot
from turnout.core.marks import Ground

Shape = Literal["line", "block"]

PREFIX_CHARACTERS = 8_000
SUFFIX_CHARACTERS = 2_000
"""About twice the window of a local model; each thousand costs a keystroke some ten microseconds on its way."""

_AT_ONCE = 64
"""Lines that are taken out of a document to look at them one by one."""

_OPENER = re.compile(r"[:{(\[]\s*$|\b(?:then|do|else|begin)\s*$|=>\s*$|->\s*$")
_HEADER = re.compile(
    r"\s*(?:async\s+)?(?:def|class|if|elif|else|for|while|with|try|except|finally|match|case)\b.*:\s*$"
    r"|.*(?:[)\w>\]]\s*|=>\s*)\{\s*$|.*\b(?:then|do)\s*$"
)
"""A line behind which a block begins, also with the cursor at its end."""
_ANNOUNCES = re.compile(r"\s*(?:#(?=[\s\[]|$)|//|--\s|.*\*/\s*$|@\w)")
"""A comment or a decorator: what it is about comes next."""
_CLOSERS_ONLY = re.compile(r"[\s)\]};,]*$")
_IN_SYNC = re.compile(
    r"^(?:[ \t]*(?:async[ ]+def|def|class)[ ]+\w+[ ]*[(:\[]"
    r"|(?:import|from|@|async|func|fn|pub|export|const|var|package|use)\b)",
    re.MULTILINE,
)
"""What begins a line in code and seldom in a string, where nobody had the time to look at what is before it."""


@dataclass(frozen=True, slots=True)
class Hole:
    """Text around a cursor; `head` and `tail` are the cursor's own line before and after it.

    `whole` is whether `prefix` reaches back to the beginning of the document.
    """

    position: Position
    prefix: str
    suffix: str
    head: str
    tail: str
    language: str = ""
    whole: bool = False
    ground: Ground | None = field(default=None, compare=False, repr=False)
    """The text before the cursor from a place on where code is for certain; None where that is not known."""

    @property
    def above(self) -> str:
        """The line above the cursor's that is not blank."""
        before = self.prefix[: len(self.prefix) - len(self.head)].rstrip()
        return before[max(0, before.rfind("\n") + 1) :]

    @property
    def below(self) -> str:
        """The line below the cursor's that is not blank."""
        after = self.suffix[len(self.tail) :].lstrip("\r\n")
        for line in after.split("\n"):
            if line.strip():
                return line.rstrip("\r")
        return ""

    @property
    def is_opened(self) -> bool:
        """Whether the cursor stands behind what opens a block, on the same line or the one above."""
        if self.head.strip():
            return _begins_block(self.head[-200:])
        return bool(_OPENER.search(self.above[-200:]))

    @property
    def shape(self) -> Shape:
        """A block where one is to begin or where something announces what comes next, else a line."""
        return "block" if self._wants_block() and self.spot().kind == "code" else "line"

    def spot(self) -> Spot:
        """What the cursor stands in; takes a tenth of a millisecond at most. Positions in it are those of `code`."""
        if self.ground is not None:
            return _spot_at_end(*self.ground, self.language)
        return _spot_at_end(self.code, 0, self.language)

    @property
    def code(self) -> str:
        """The text before the cursor from the beginning of a line on, with all of a comment or string around it."""
        return self.ground.text if self.ground is not None else _from_code(self.prefix, whole=self.whole)

    def _wants_block(self) -> bool:
        if self.head.strip():
            ends_line = _CLOSERS_ONLY.match(self.tail[:50]) is not None
            return ends_line and self.is_opened and not self._has_body()
        if self.tail.strip():
            return False
        if self.is_opened:
            return not self._has_body()
        announced = _ANNOUNCES.match(self.above) and indent_of(self.above) == indent_of(self.head)
        return bool(announced) and not self._next_line().strip()

    def _next_line(self) -> str:
        """The line below the cursor's, blank or not."""
        return self.suffix[len(self.tail) :].lstrip("\r").removeprefix("\n").split("\n", 1)[0]

    def _has_body(self) -> bool:
        """Whether the block is there already, so that only a line of it may be missing."""
        opener = self.head if self.head.strip() else self.above
        below = self.below
        return bool(below) and indent_of(below) > indent_of(opener)


@lru_cache(maxsize=4)
def _begins_block(head: str) -> bool:
    """Whether a block begins behind a line; asked several times for each request."""
    return _HEADER.match(head) is not None


@lru_cache(maxsize=4)
def _spot_at_end(text: str, start: int, language: str) -> Spot:
    """What the end of a text is; asked several times for each request."""
    return lexing.spot_at_end(text, language, start)


def _from_code(prefix: str, *, whole: bool) -> str:
    """A prefix from where there is code, so far as its looks tell."""
    found = None if whole else _IN_SYNC.search(prefix)
    return prefix[found.start() :] if found else prefix


def indent_of(line: str) -> int:
    """Columns of white space that a line begins with, a tab up to the next multiple of four."""
    blank = line[: len(line) - len(line.lstrip())]
    return len(blank.expandtabs(4)) if "\t" in blank else len(blank)


def cut(snapshot: Snapshot, position: Position) -> Hole:
    """The hole at `position`; costs time in the window, not in the document."""
    line = snapshot.rows[position.line] if position.line < len(snapshot.rows) else ""
    body = line_body(line)
    # A minified file is one line: what is far from the cursor is cut there, too.
    head = body[max(0, position.character - 2 * PREFIX_CHARACTERS) : position.character]
    tail = body[position.character : position.character + 2 * SUFFIX_CHARACTERS]
    end = line[len(body) :] if position.character + len(tail) >= len(body) else ""
    before, first = _before(snapshot.rows, position.line, PREFIX_CHARACTERS - len(head))
    return Hole(
        position=position,
        prefix=before + head,
        suffix=tail
        + end
        + (_after(snapshot.rows, position.line, SUFFIX_CHARACTERS - len(tail)) if end else ""),
        head=head,
        tail=tail,
        language=snapshot.language,
        whole=first == 0 and len(head) == min(position.character, len(body)),
        ground=snapshot.marks.ground(snapshot.rows, position.line, position.character, snapshot.language),
    )


def _before(lines: Sequence[str], index: int, budget: int) -> tuple[str, int]:
    """The lines above, and the number of the first of them."""
    first = last = min(index, len(lines))
    while first > 0 and budget > 0:
        for line in reversed(lines[max(0, first - _AT_ONCE) : first]):
            first -= 1
            budget -= len(line)
            if budget <= 0:
                break
    # Whole lines, unless one alone is over the budget (minified files).
    text = "".join(lines[first:last])
    return text[-2 * PREFIX_CHARACTERS :], first if len(text) <= 2 * PREFIX_CHARACTERS else 1


def _after(lines: Sequence[str], index: int, budget: int) -> str:
    last = index + 1
    while last < len(lines) and budget > 0:
        for line in lines[last : last + _AT_ONCE]:
            last += 1
            budget -= len(line)
            if budget <= 0:
                break
    return "".join(lines[index + 1 : last])[: 2 * SUFFIX_CHARACTERS]
