"""Lines of a reply that stand for code left out.

Invariant: nothing is ever filled in for them; what is around them is found line by line, or the reply is refused.
"""

import re
from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import NamedTuple

from turnout.core.documents import line_body
from turnout.core.edits.omissions import ABOUT, FILLERS, LEFT, stands_in
from turnout.core.edits.replies import Replace

_WORDY = re.compile(
    r"\s*(?:#|//|\{?/\*|--|<!--)?\s*(?:\.\.\.|…).{0,40}\b(?:rest|existing|unchanged|remain\w*|same|previous|omitted)\b"
    r"|\s*(?:#|//|/\*|--|<!--)\s*.{0,40}\b(?:rest of|existing|unchanged|remaining)\b.{0,40}(?:\.\.\.|…)",
    re.IGNORECASE,
)
_TERSE = re.compile(r"(?:#|//|\{?/\*|--|<!--)([a-z().,:;\[\] \t…-]*)(?:\*/\}?|>)?", re.IGNORECASE)
_ENOUGH = frozenset({"omitted", "snip", "snipped", "unchanged"})
"""What says alone that code is left out; another word of `LEFT` wants one beside it."""
_DOTS = frozenset({"...", "…", "[...]", "[…]", "(...)", "(…)"})
_BARE = re.compile(r"\s*(?:#|//|/\*|--|<!--)?\s*(?:\.\.\.|…)\s*(?:\*/|-->)?\s*")
_COMMENT = re.compile(r"\s*(?:#|//)")
_DOCUMENTS = re.compile(r"\s*(?:(?:>>>|\.\.\.).*|.*(?:\"\"\"|''')|[\"'].*[\"'])\s*")
_LONGEST = 160  # a longer line is not looked at, which also bounds the search


def stands_for_code(line: str) -> bool:
    """Whether `line` says in words that code is left out."""
    body = line_body(line)
    return len(body) <= _LONGEST and _WORDY.match(body) is not None


def elided(before: Iterable[str], after: Iterable[str], known: Collection[str] = ()) -> str | None:
    """The first line of `after` that stands for code left out, unless `before` has it too, or it is among `known`.

    Dots, in a comment or beside other statements, and a comment of few words ("# rest unchanged") only stand for code
    where lines of `before` are gone: examples in documentation have such lines as well. So do other lines that do
    nothing, where more of them are (see `omissions`).
    """
    before, after = [line_body(line) for line in before], [line_body(line) for line in after]
    old, new = [line.strip() for line in before], [line.strip() for line in after]
    fresh = [line for line in new if line not in known and _may_stand(line) and line not in old]
    if any(map(stands_for_code, fresh)):
        return next(filter(stands_for_code, fresh))
    dots = _dots_beside_code(after)
    if len(dots) > len(_dots_beside_code(before)):
        fresh += dots
    if _holds(new, old):
        return None
    return fresh[0] if fresh else stands_in(before, after, known)


def refusal(text: str, line: str) -> str:
    """Why `text`, in which `line` stands for code left out, is not taken, and what would be."""
    return (
        f"{text} leaves code out: {line!r}. Write that code in full. If it is to go, take that line out as well; "
        "where a body must have something, write `return`, `raise NotImplementedError` or a docstring alone."
    )


def _may_stand(line: str) -> bool:
    return stands_for_code(line) or _is_terse(line)


def _is_terse(line: str) -> bool:
    """Whether `line` is a comment of dots, or of nothing but words for code that stays as it is."""
    found = _TERSE.fullmatch(line) if len(line) <= _LONGEST else None
    if found is None:
        return False
    words = frozenset(re.findall("[a-z]+", found[1].lower()))
    if not words:
        return "..." in line or "…" in line
    said = words & LEFT
    is_about = len(said) > 1 or not words.isdisjoint(ABOUT) or not words.isdisjoint(_ENOUGH)
    return words <= LEFT | ABOUT | FILLERS and is_about and (bool(said) or {"other", "code"} <= words)


def _dots_beside_code(lines: Iterable[str]) -> list[str]:
    """The lines of `lines` that are dots, and not all of a block that does nothing."""
    texts = ["", *(line for line in lines if line.strip() and not _COMMENT.match(line)), ""]
    return [
        line.strip()
        for above, line, below in zip(texts, texts[1:], texts[2:], strict=False)
        if line.strip() in _DOTS
        and (
            _is_beside(line, above)
            or _is_beside(line, below)
            or _indent(below).startswith(f"{_indent(line)} ")
        )
    ]


def _is_beside(dots: str, line: str) -> bool:
    """Whether `line` is a statement of the same block, and neither its documentation nor an example in that."""
    return _indent(line) == _indent(dots) and bool(line) and not _DOCUMENTS.fullmatch(line)


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]


def _holds(new: Iterable[str], old: Iterable[str]) -> bool:
    """Whether all lines of `old` with text are in `new`, in order."""
    rest = iter(new)
    return all(line in rest for line in old if line)


class Around(NamedTuple):
    """A part of an edit, and the line in front of it that leaves code out; empty where there is none."""

    edit: Replace
    mark: str


def around_elisions(edit: Replace) -> list[Around]:
    """The parts of `edit` around the lines that leave code out, on both sides the same number; empty without any."""
    searched, replaced = _parts(edit.search), _parts(edit.replace)
    if len(searched) < 2 or len(searched) != len(replaced):
        return []
    marks = ["", *filter(_leaves_out, edit.search)]
    parts = [(a, b, mark) for a, b, mark in zip(searched, replaced, marks, strict=True) if a or b]
    if not parts or not all(a for a, _, _ in parts):
        return []
    return [Around(replace(edit, search=a, replace=b), mark) for a, b, mark in parts]


def _parts(lines: tuple[str, ...]) -> list[tuple[str, ...]]:
    parts: list[tuple[str, ...]] = []
    start = 0
    for index, line in enumerate(lines):
        if _leaves_out(line):
            parts.append(lines[start:index])
            start = index + 1
    return [*parts, lines[start:]]


def _leaves_out(line: str) -> bool:
    return stands_for_code(line) or (len(line) <= _LONGEST and _BARE.fullmatch(line) is not None)
