"""The place of whole lines in a text.

Invariant: a position that comes out is one that the text has.
"""

from collections.abc import Sequence

from turnout.core.documents import Position, Span, line_body


def line_span(lines: Sequence[str], start: int, end: int) -> Span:
    """The span of lines `start:end` with their endings; never past the end of the text."""
    return Span(_line_start(lines, start), _line_start(lines, end))


def _line_start(lines: Sequence[str], line: int) -> Position:
    if 0 < line == len(lines) and line_body(lines[-1]) == lines[-1]:
        return Position(line - 1, len(lines[-1]))
    return Position(line, 0)
