"""Holes for tests, written as text with the cursor in it."""

import re

from turnout.core.documents import Document, Position, Snapshot
from turnout.core.holes import Hole, cut

_CURSOR = re.compile(r"(?<![<'])\|(?!>)")


def place_in(text: str, language: str = "python", uri: str = "file:///d") -> tuple[Snapshot, Position]:
    """The document and the position at the first `|` that stands alone."""
    before, after = _CURSOR.split(text, maxsplit=1)
    line = before.count("\n")
    position = Position(line, len(before) - (before.rfind("\n") + 1))
    return Document(uri, language, 1, before + after).snapshot(), position


def hole_in(text: str, language: str = "python") -> Hole:
    """The hole at the cursor."""
    return cut(*place_in(text, language))
