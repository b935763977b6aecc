"""Holes in a user's own files: what stood at a place, and the text around it as if it had not been written yet.

Invariants: `before + truth + after` is the file; the same files and seed give the same holes, and a file more or less
changes none of the others' places.
"""

import random
import re
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from turnout.core.documents import Position, line_body, split_lines

HoleKind = Literal["line", "block"]


class Syntax(Protocol):
    """What is known of a language."""

    def bodies(self, language: str, text: str) -> Iterable[tuple[int, int]]:
        """First and last lines of the bodies of functions, loops and branches."""
        ...

    def prose(self, language: str, text: str) -> Container[int]:
        """Lines of strings and comments."""
        ...


LINES_BEFORE = 5
"""A hole nearer to the top would ask for something that nothing speaks of yet."""

_LINE_CHARACTERS = range(20, 111)
_BLOCK_LINES = range(2, 13)
_LONGEST_BLOCK = 600
_NO_CODE = re.compile(r"\s*(#|//|--|/\*|\*|\"\"\"|'''|import\b|from\b|use\b|package\b|#include\b)")
_CODE = re.compile(r"[(=\[{.:]")
_ARGUMENTS = re.compile(r"\(([^()]{4,60})\)[\])};:,]*$")
_SHARES = (("rest", 0.6), ("arguments", 0.2), ("whole", 0.2))


@dataclass(frozen=True, slots=True)
class Gap:
    """A place in a file, and what its author wrote there."""

    path: str
    language: str
    kind: HoleKind
    before: str
    truth: str
    after: str

    @property
    def position(self) -> Position:
        """Where the cursor is."""
        lines = split_lines(self.before)
        last = lines[-1] if lines and line_body(lines[-1]) == lines[-1] else ""
        return Position(len(lines) - bool(last), len(last))

    @property
    def lines(self) -> tuple[int, int]:
        """First and last line of the file that the truth stands in."""
        first = self.position.line
        return first, first + max(1, len(split_lines(self.truth))) - 1


@dataclass(frozen=True, slots=True)
class Source:
    """One file to cut holes in."""

    path: str
    language: str
    text: str


def cut(sources: Iterable[Source], kind: HoleKind, count: int, seed: int, syntax: Syntax) -> list[Gap]:
    """At most `count` holes of one kind, one in a file as long as there are files that have none."""
    shuffled = sorted(sources, key=lambda source: _random(seed, source.path).random())
    pools = [iter(_gaps(source, kind, seed, syntax)) for source in shuffled]
    found: list[Gap] = []
    while pools and len(found) < count:
        left = []
        for pool in pools:
            gap = next(pool, None)
            if gap is not None and len(found) < count:
                found.append(gap)
                left.append(pool)
        pools = left
    return found


def _random(seed: int, path: str) -> random.Random:
    return random.Random(f"{seed} {path}")  # noqa: S311 - chance that can be repeated is what is wanted


def _gaps(source: Source, kind: HoleKind, seed: int, syntax: Syntax) -> Iterator[Gap]:
    lines = split_lines(source.text)
    chance = _random(seed, source.path + kind)
    places = _blocks(source, lines, syntax) if kind == "block" else _code_lines(source, lines, syntax)
    chance.shuffle(places)
    for first, last in places:
        found = _block(lines, first, last) if kind == "block" else _in_line(lines[first], chance)
        if found is not None:
            start, end = found
            before = "".join(lines[:first]) + lines[first][:start]
            after = lines[last][end:] + "".join(lines[last + 1 :])
            truth = source.text[len(before) : len(source.text) - len(after)]
            yield Gap(source.path, source.language, kind, before, truth, after)


def _code_lines(source: Source, lines: Sequence[str], syntax: Syntax) -> list[tuple[int, int]]:
    prose = syntax.prose(source.language, source.text)
    found = (at for at in range(LINES_BEFORE, len(lines)) if at not in prose and _is_code(lines[at]))
    return [(at, at) for at in found]


def _is_code(line: str) -> bool:
    body = line.strip()
    return len(body) in _LINE_CHARACTERS and not _NO_CODE.match(line) and bool(_CODE.search(body))


def _in_line(line: str, chance: random.Random) -> tuple[int, int]:
    """Where the hole in a line begins and ends: the rest of it, the arguments of its last call, or all of it."""
    body = line_body(line).rstrip()
    first = len(body) - len(body.lstrip())
    how = chance.choices([name for name, _ in _SHARES], [share for _, share in _SHARES])[0]
    call = _ARGUMENTS.search(body)
    if how == "arguments" and call is not None:
        return chance.randrange(call.start(1), call.end(1) - 2), call.end(1)
    if how == "whole":
        return first, len(body)
    return chance.randrange(first + 3, len(body) - 3), len(body)


def _blocks(source: Source, lines: Sequence[str], syntax: Syntax) -> list[tuple[int, int]]:
    return sorted(
        {
            (first, last)
            for first, last in syntax.bodies(source.language, source.text)
            if first >= LINES_BEFORE and last < len(lines) and last - first + 1 in _BLOCK_LINES
        }
    )


def _block(lines: Sequence[str], first: int, last: int) -> tuple[int, int] | None:
    """Where a block begins in its first line and ends in its last; None where it is no block to ask for."""
    body, end = line_body(lines[first]), len(line_body(lines[last]).rstrip())
    if not body.strip() or end == 0 or _NO_CODE.match(body):
        return None
    if sum(map(len, lines[first : last + 1])) > _LONGEST_BLOCK:
        return None
    return len(body) - len(body.lstrip()), end
