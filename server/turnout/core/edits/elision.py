"""Lines of a reply that stand for code left out.

Invariant: nothing is ever filled in for them; what is around them is found line by line, or the reply is refused.
"""

import re
from dataclasses import replace

from turnout.core.documents import line_body
from turnout.core.edits.replies import Replace

_WORDY = re.compile(
    r"\s*(?:#|//|/\*|--|<!--)?\s*(?:\.\.\.|…).{0,40}\b(?:rest|existing|unchanged|remain\w*|same|previous|omitted)\b"
    r"|\s*(?:#|//|/\*|--|<!--)\s*.{0,40}\b(?:rest of|existing|unchanged|remaining)\b.{0,40}(?:\.\.\.|…)",
    re.IGNORECASE,
)
_BARE = re.compile(r"\s*(?:#|//|/\*|--|<!--)?\s*(?:\.\.\.|…)\s*(?:\*/|-->)?\s*")
_LONGEST = 160  # a longer line is not looked at, which also bounds the search


def stands_for_code(line: str) -> bool:
    """Whether `line` says in words that code is left out."""
    body = line_body(line)
    return len(body) <= _LONGEST and _WORDY.match(body) is not None


def around_elisions(edit: Replace) -> list[Replace]:
    """The parts of `edit` around the lines that leave code out, on both sides the same number; empty without any."""
    searched, replaced = _parts(edit.search), _parts(edit.replace)
    if len(searched) < 2 or len(searched) != len(replaced):
        return []
    pairs = [(a, b) for a, b in zip(searched, replaced, strict=True) if a or b]
    if not pairs or not all(a for a, _ in pairs):
        return []
    return [replace(edit, search=a, replace=b) for a, b in pairs]


def _parts(lines: tuple[str, ...]) -> list[tuple[str, ...]]:
    parts: list[tuple[str, ...]] = []
    start = 0
    for index, line in enumerate(lines):
        if stands_for_code(line) or (len(line) <= _LONGEST and _BARE.fullmatch(line)):
            parts.append(lines[start:index])
            start = index + 1
    return [*parts, lines[start:]]
