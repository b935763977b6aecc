"""The hole at the cursor: what stands before and after it, and how much the user may want there.

Invariant: `prefix + suffix` is an unbroken piece of the document around the cursor.
"""

import re
from dataclasses import dataclass
from typing import Literal

from turnout.core.documents import Position, Snapshot, line_body

Shape = Literal["line", "block"]

PREFIX_CHARACTERS = 8_000
SUFFIX_CHARACTERS = 2_000
"""About twice the window of a local model; each thousand costs a keystroke some ten microseconds on its way."""

_OPENER = re.compile(r"[:{(\[]\s*$|\b(?:then|do|else|begin)\s*$|=>\s*$|->\s*$")


@dataclass(frozen=True, slots=True)
class Hole:
    """Text around a cursor; `head` and `tail` are the cursor's own line before and after it."""

    position: Position
    prefix: str
    suffix: str
    head: str
    tail: str

    @property
    def shape(self) -> Shape:
        """A block where the cursor stands on an empty line below something that opens one, else a line."""
        if self.head.strip() or self.tail.strip():
            return "line"
        above = self.prefix[: len(self.prefix) - len(self.head)].rstrip()
        return "block" if _OPENER.search(above[-200:]) else "line"


def cut(snapshot: Snapshot, position: Position) -> Hole:
    """The hole at `position`; costs time in the window, not in the document."""
    line = snapshot.lines[position.line] if position.line < len(snapshot.lines) else ""
    body = line_body(line)
    # A minified file is one line: what is far from the cursor is cut there, too.
    head = body[max(0, position.character - 2 * PREFIX_CHARACTERS) : position.character]
    tail = body[position.character : position.character + 2 * SUFFIX_CHARACTERS]
    end = line[len(body) :] if position.character + len(tail) >= len(body) else ""
    return Hole(
        position=position,
        prefix=_before(snapshot.lines, position.line, PREFIX_CHARACTERS - len(head)) + head,
        suffix=tail
        + end
        + (_after(snapshot.lines, position.line, SUFFIX_CHARACTERS - len(tail)) if end else ""),
        head=head,
        tail=tail,
    )


def _before(lines: tuple[str, ...], index: int, budget: int) -> str:
    first = min(index, len(lines))
    last = first
    while first > 0 and budget > 0:
        first -= 1
        budget -= len(lines[first])
    # Whole lines, unless one alone is over the budget (minified files).
    return "".join(lines[first:last])[-2 * PREFIX_CHARACTERS :]


def _after(lines: tuple[str, ...], index: int, budget: int) -> str:
    last = index + 1
    while last < len(lines) and budget > 0:
        budget -= len(lines[last])
        last += 1
    return "".join(lines[index + 1 : last])[: 2 * SUFFIX_CHARACTERS]
