"""White space at the beginning of lines: tabs or spaces as the file has them, and never twice.

Invariant: lines that continue a string or stand in open brackets keep what the model gave them.
"""

import re

from turnout.core import lexing
from turnout.core.holes import indent_of
from turnout.core.trimming.place import Place

_LEADING = re.compile(r"^[ \t]+(?=\S)", re.MULTILINE)
_SEEN = 400
"""Lines of the file that are looked at."""

_SPANS_LINES = ('"""', "'''", "`")
"""Strings whose lines may begin with white space that counts."""

_CONTINUES = tuple("([{,\\+-*/=|&<>?:.")


def match_file(text: str, place: Place) -> str:
    """Indent later lines with what the file is indented with, where the model took the other."""
    if "\n" not in text or not place.is_code or any(mark in text for mark in _SPANS_LINES):
        return text
    blanks = [found.group() for found in _LEADING.finditer(place.hole.prefix[-8_000:])][-_SEEN:]
    blanks += [place.hole.head] if place.hole.head.isspace() else []
    blanks += [found.group() for found in _LEADING.finditer(place.hole.suffix[:2_000])]
    tabs = sum(blank[0] == "\t" for blank in blanks)
    if not blanks or 0 < tabs < len(blanks):
        return text  # nothing to go by, or mixed: the model has seen it, too
    first, newline, rest = text.partition("\n")
    if tabs and not any(line.startswith("\t") for line in rest.split("\n")):
        return first + newline + _to_tabs(rest)
    if not tabs and not any(line.startswith(" ") for line in rest.split("\n")):
        unit = min((len(blank) for blank in blanks if len(blank) > 1), default=4)
        return first + newline + _LEADING.sub(lambda found: found.group().expandtabs(unit), rest)
    return text


def undouble(text: str, place: Place) -> str:
    """Drop the first line's indentation where the line that is there has it already."""
    hole = place.hole
    if hole.head.strip() or not hole.head or not text.startswith((" ", "\t")) or not place.is_code:
        return text
    if not lexing.is_code(place.language or "python") or not _stands_alone(hole.above):
        return text
    deep_enough = indent_of(hole.head) > indent_of(hole.above) if hole.is_opened else True
    if not deep_enough or indent_of(hole.head) < indent_of(hole.above):
        return text
    first, newline, rest = text.partition("\n")
    return first.lstrip(" \t") + newline + rest


def _to_tabs(text: str) -> str:
    widths = {len(found.group()) for found in _LEADING.finditer(text) if set(found.group()) == {" "}}
    unit = min(widths, default=0)
    if unit < 2 or any(width % unit for width in widths):
        return text  # they align something
    return _LEADING.sub(lambda found: "\t" * (len(found.group()) // unit), text)


def _stands_alone(line: str) -> bool:
    """Whether what comes after a line is a line of its own: no bracket is open and no operator waits."""
    said = line.strip()
    if said.endswith((":", "{")):
        return "(" not in said or said.count("(") == said.count(")")
    return bool(said) and not said.endswith(_CONTINUES) and said.count("(") == said.count(")")
