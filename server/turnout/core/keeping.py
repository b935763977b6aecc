"""Where text is after edits around it, and how much of it is still what it was: pure arithmetic."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from difflib import SequenceMatcher

from turnout.core.documents import Position, Span, end_of

_TOKEN = re.compile(r"\w+|[^\w\s]")
_MOST_TOKENS = 600
"""More than a suggestion has: comparing them takes well under a hundredth of a second."""


@dataclass(frozen=True, slots=True)
class Region:
    """A stretch of a document, followed through its edits."""

    start: Position
    end: Position

    def after(self, span: Span, text: str) -> "Region":
        """Where it is once `text` stands in place of `span`; what is typed at its very edges stays outside."""
        end = end_of(span.start, text)
        start = _moved(self.start, span, end, inside=end)
        return Region(start, max(start, _moved(self.end, span, end, inside=span.start)))

    def text(self, line: Callable[[int], str], most: int) -> str:
        """What stands there, at most so many characters; `line` gives the text of a line number."""
        found: list[str] = []
        for number in range(self.start.line, self.end.line + 1):
            whole = line(number)
            last = self.end.character if number == self.end.line else len(whole)
            found.append(whole[self.start.character if number == self.start.line else 0 : last])
            most -= len(found[-1])
            if most < 0:
                break
        return "".join(found).replace("\r\n", "\n")


def similarity(before: str, now: str) -> float:
    """How alike two texts are, token by token: 1 for the same but for white space, 0 for nothing in common."""
    one, other = _TOKEN.findall(before)[:_MOST_TOKENS], _TOKEN.findall(now)[:_MOST_TOKENS]
    return 1.0 if one == other else SequenceMatcher(None, one, other, autojunk=False).ratio()


def _moved(at: Position, span: Span, end: Position, inside: Position) -> Position:
    """Where a position is after an edit that ends at `end`; `inside` is for one in the middle of what was replaced."""
    if at <= span.start:
        return at
    if at < span.end:
        return inside
    if at.line == span.end.line:
        return Position(end.line, end.character + at.character - span.end.character)
    return Position(at.line + end.line - span.end.line, at.character)
