"""Where typing alone asks for nothing: inside words, and in comments and strings but for those worth completing.

Invariant: one bounded look at the text around the cursor, a tenth of a millisecond; an explicit request is never
silenced by it.
"""

import re
from collections.abc import Callable

from turnout.core import lexing
from turnout.core.holes import Hole
from turnout.core.lexing import Spot

IN_WORD = "the cursor is inside a word"
IN_COMMENT = "the cursor is in a comment; ask for a completion by its key to have one there"
IN_STRING = "the cursor is in a string; ask for a completion by its key to have one there"

_DOC_COMMENT = re.compile(r"///|//!|/\*[*!]|---|#:|=begin")
_SQL = re.compile(r"\s*(?:SELECT|INSERT|UPDATE|DELETE|CREATE|ALTER|DROP|WITH|MERGE)\b", re.IGNORECASE)
_NAMES_SOMETHING = re.compile(
    r"(?:\[|\bfrom|\bimport|\brequire|\binclude|\bimport\(|\brequire\(|\bopen\(|\bPath\()\s*[a-zA-Z]{0,2}$"
)
"""What stands before a string that names a key, a module or a file."""


def silence(hole: Hole) -> str:
    """Why typing at this place asks for nothing; empty where it does."""
    if hole.tail[:1].isalnum() or hole.tail[:1] == "_":
        return IN_WORD
    if lexing.is_prose(hole.language):
        return ""
    spot = hole.spot()
    if spot.kind == "code" or (spot.kind == "string" and lexing.is_data(hole.language)):
        return ""
    code = hole.code
    if any(useful(code, spot, hole) for useful in _USEFUL[spot.kind]):
        return ""
    return IN_COMMENT if spot.kind == "comment" else IN_STRING


def is_docstring(code: str, spot: Spot, hole: Hole) -> bool:
    """Text that stands alone, as documentation does."""
    return len(spot.open) == 3 and not _line_before(code, spot).strip().strip("rRuU")


def is_documentation(code: str, spot: Spot, hole: Hole) -> bool:
    """A comment that a tool reads as documentation."""
    return bool(_DOC_COMMENT.match(code[spot.start : spot.start + 6].strip()))


def follows_code(code: str, spot: Spot, hole: Hole) -> bool:
    """A comment behind code says something about that code."""
    return bool(_line_before(code, spot).strip()) and "\n" not in code[spot.start :]


def is_expression(code: str, spot: Spot, hole: Hole) -> bool:
    """Code that is to be put into the string."""
    return lexing.expression_in(code, spot, hole.language)


def is_query(code: str, spot: Spot, hole: Hole) -> bool:
    """SQL is code in a string."""
    return bool(_SQL.match(code[spot.start + len(spot.open) :]))


def names_something(code: str, spot: Spot, hole: Hole) -> bool:
    """A key, a module or a file, of which there are only some."""
    return bool(_NAMES_SOMETHING.search(_line_before(code, spot)))


def _line_before(code: str, spot: Spot) -> str:
    """What stands before a comment or string on the line where it begins."""
    return code[code.rfind("\n", 0, spot.start) + 1 : spot.start]


_USEFUL: dict[str, tuple[Callable[[str, Spot, Hole], bool], ...]] = {
    "comment": (is_documentation, follows_code),
    "string": (is_docstring, is_expression, is_query, names_something),
}
