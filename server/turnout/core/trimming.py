"""What a model says, made into what an editor should show: a list of small pure filters.

Each filter takes the text and the hole and gives the text back, shorter or empty, with the reason where it emptied it.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from turnout.core.holes import Hole, Shape

SPECIAL_MARKS = ("<|", "<fim_", "<PRE>", "<SUF>", "<MID>", "[SUFFIX]", "[PREFIX]")
MAX_BLOCK_LINES = 24

_BRACKETS = frozenset(")]}")
_QUOTES = frozenset("'\"`")
_CODE = re.compile(r"""[()\[\]{}]|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`(?:\\.|[^`\\])*`""")
"""Brackets, and strings with whatever stands in them."""

_CLOSING = _BRACKETS | frozenset(";,:'\"`> ")


@dataclass(frozen=True, slots=True)
class Trimmed:
    """Text to show; `reason` says why there is none when `text` is empty."""

    text: str
    reason: str = ""


def trim(text: str, hole: Hole, shape: Shape) -> Trimmed:
    """Run every filter in order; the first that empties the text names the reason."""
    if not text:
        return Trimmed("", "the model had nothing to add here")
    if not text.strip():
        return Trimmed("", "the model answered with white space only")
    for name, step in _FILTERS:
        shorter = step(text, hole, shape)
        if not shorter.strip():
            return Trimmed("", name)
        text = shorter
    return Trimmed(text)


def is_complete(text: str, hole: Hole, shape: Shape) -> bool:
    """Whether more text could not change what is shown: the line or block has ended, or it runs away."""
    if shape == "line":
        return "\n" in (text if hole.head.strip() else text.lstrip("\n"))
    body = text.rpartition("\n")[0]
    return any(
        len(step(body, hole, shape).rstrip()) < len(body.rstrip()) for step in (keep_shape, cut_runaway)
    )


def cut_special_marks(text: str, hole: Hole, shape: Shape) -> str:
    """End before a model's own marker tokens, unless the file talks about them itself."""
    found = [
        text.index(mark)
        for mark in SPECIAL_MARKS
        if mark in text and mark not in hole.prefix and mark not in hole.suffix
    ]
    return text[: min(found)] if found else text


def cut_fence(text: str, hole: Hole, shape: Shape) -> str:
    """End before a markdown fence that the model wrapped around its code."""
    if "```" not in text or "```" in hole.prefix or "```" in hole.suffix:
        return text
    return text.split("```", 1)[0]


def keep_shape(text: str, hole: Hole, shape: Shape) -> str:
    """One line where a line is wanted; a block ends where the text falls left of the cursor's indentation."""
    if shape == "line":
        if hole.head.strip() or not text.startswith("\n"):
            return text.split("\n", 1)[0]
        # The model began a line of its own: its indentation is there already.
        return text.lstrip("\n").split("\n", 1)[0].removeprefix(hole.head)
    lines = text.split("\n")[:MAX_BLOCK_LINES]
    indent = _indent(hole.head)
    for index, line in enumerate(lines[1:], 1):
        if line.strip() and _indent(line) < indent and not _closes(line):
            return "\n".join(lines[:index]).rstrip()
    return "\n".join(lines)


def cut_repeated_suffix(text: str, hole: Hole, shape: Shape) -> str:
    """Drop an end that already stands after the cursor: the rest of the line, or the lines below."""
    if "\n" not in text:
        kept = _without_tail(text.rstrip(), hole.tail.rstrip())
        kept = text[: _spare_from(text, hole.tail.strip())] if kept is None else kept
        if kept != text:
            return kept
    below = [line.strip() for line in hole.suffix.split("\n", 9)[1:9] if line.strip()]
    lines = text.split("\n")
    for index, line in enumerate(lines):
        rest = [other.strip() for other in lines[index:] if other.strip()]
        if line.strip() and rest and rest == below[: len(rest)] and _tells(rest):
            return "\n".join(lines[:index]).rstrip("\n") if index else ""
    return text


def _without_tail(text: str, tail: str) -> str | None:
    """`text` without its end that is the beginning of `tail`; None where nothing is to be cut."""
    for length in range(min(len(tail), len(text)), 0, -1):
        if text.endswith(tail[:length]) and _is_spare(tail[:length], text, whole=length == len(tail)):
            return text[: len(text) - length]
    return None


def _spare_from(text: str, tail: str) -> int:
    """Where `text` goes on behind what the rest of the line, nothing but closers, closes: `f(|)` with `a) -> int:`."""
    if not tail or not set(tail) <= _CLOSING:
        return len(text)
    if tail[0] in _QUOTES:
        run = tail[: len(tail) - len(tail.lstrip(tail[0]))]
        return text.index(run) if text.count(run) % 2 else len(text)
    first, depth = len(text), 0
    for found in _CODE.finditer(text):
        depth += 1 if found.group() in "([{" else -1 if found.group() in _BRACKETS else 0
        if depth < 0 and first == len(text):
            first = found.start()
        depth = max(0, depth)
    # A bracket that is still open takes the closer: `f(|)` with `a) + g(b`.
    return first if depth == 0 else len(text)


def _is_spare(piece: str, text: str, *, whole: bool) -> bool:
    """Whether `piece`, with which `text` ends and the line goes on, would stand there twice.

    A closing bracket would only where the text opens none for it: `f(|)` with `g(x)` becomes `f(g(x))`.
    Anything else would where it is the whole rest of the line.
    """
    brackets = sum(character in _BRACKETS for character in piece)
    if brackets and set(piece) <= _CLOSING:
        return _excess_closers(text) >= brackets
    return whole


def _excess_closers(text: str) -> int:
    """How many closing brackets of `text` have no opening one before them."""
    depth = excess = 0
    for character in text:
        if character in "([{":
            depth += 1
        elif character in _BRACKETS:
            excess += depth == 0
            depth = max(0, depth - 1)
    return excess


def cut_repeated_line_above(text: str, hole: Hole, shape: Shape) -> str:
    """Nothing where a whole line only repeats the one above the cursor."""
    whole = (hole.head + text).strip()
    if "\n" in text.strip("\n") or not _tells([whole]):
        return text
    above = hole.prefix[: len(hole.prefix) - len(hole.head)].rstrip()
    return "" if whole == above.rpartition("\n")[2].strip() else text


def cut_runaway(text: str, hole: Hole, shape: Shape) -> str:
    """End where a line comes a third time in a row."""
    lines = text.split("\n")
    for index in range(2, len(lines)):
        if lines[index].strip() and lines[index] == lines[index - 1] == lines[index - 2]:
            return "\n".join(lines[: index - 1])
    return text


def strip_end(text: str, hole: Hole, shape: Shape) -> str:
    """Drop trailing white space, which nobody wants to accept."""
    return text.rstrip()


def _tells(lines: list[str]) -> bool:
    """Whether lines say enough that repeating them is a fault: a lone bracket or keyword may well stand twice."""
    return sum(len(line) for line in lines) > 4 and any(character.isalnum() for character in "".join(lines))


def _closes(line: str) -> bool:
    return line.strip()[:1] in ")]}"


def _indent(line: str) -> int:
    return len(line.expandtabs(4)) - len(line.expandtabs(4).lstrip())


_FILTERS: tuple[tuple[str, Callable[[str, Hole, Shape], str]], ...] = (
    ("the model answered with its own marker tokens", cut_special_marks),
    ("the model answered with a markdown fence", cut_fence),
    ("the model answered with an empty line", keep_shape),
    ("it repeats the text after the cursor", cut_repeated_suffix),
    ("it repeats the line above", cut_repeated_line_above),
    ("it repeats itself", cut_runaway),
    ("nothing is left of the answer", strip_end),
)
