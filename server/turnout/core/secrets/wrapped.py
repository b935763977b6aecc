"""Tokens that are broken over lines: wrapped as they are, continued with a backslash, or put together from strings.

Invariant: lines are only read as one where nothing but the ends of a string, a sign that joins and the margin is
between them, or where the second line is a piece of a token and nothing else.
"""

import re
from bisect import bisect_right
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field

_LEFT = re.compile(r"[\"'`]?[ \t]*[+\\.&]?[ \t]*\r?\Z")
_RIGHT = re.compile(r"[ \t]*(?:[#*>|]+[ \t]+|//+[ \t]*)?(?:(?:[+.&][ \t]*)?[brfuRBFU]{0,2}[\"'`])?")
_WRAPPED = re.compile(
    r"[ \t]*+(?>[#*>|]+[ \t]+|//+[ \t]*)?(?P<piece>[A-Za-z0-9_+/.~-]++={0,2})[\"'`]?[,;)]{0,2}\s*+\Z"
)
_TOKEN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+/=.~-:@%")
_QUOTES = frozenset("\"'`")
_CONTINUED = frozenset("\"'`+.&\\ \t\r")
_LINES_A_TURN = 150


@dataclass(slots=True)
class Run:
    """Lines read as one: the text, and where each stretch of it begins here and in the whole."""

    starts: list[tuple[int, int]]
    joined: bool = False
    """Whether a string was continued, and not only a token wrapped."""
    size: int = 0
    _parts: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The lines without what joins them."""
        return "".join(self._parts)

    def add(self, part: str, next_start: int | None = None) -> None:
        """Add a line, after which another one begins at `next_start` of the whole text."""
        self._parts.append(part)
        self.size += len(part)
        if next_start is not None:
            self.starts.append((self.size, next_start))

    def pieces(self, start: int, end: int) -> list[tuple[int, int]]:
        """A span of the run as spans of the whole text, one for each line."""
        found = []
        index = bisect_right(self.starts, start, key=_here) - 1
        while start < end:
            here, there = self.starts[index]
            index += 1
            after = min(end, self.starts[index][0]) if index < len(self.starts) else end
            if start < after:
                found.append((there + start - here, there + after - here))
            start = max(start, after)
        return found


def _here(line: tuple[int, int]) -> int:
    return line[0]


def runs(text: str) -> Generator[None, None, list[Run]]:
    """The runs of `text` that are longer than a line; gives others a turn between."""
    found: list[Run] = []
    run: Run | None = None
    kept = 0
    for number, (at, line, following) in enumerate(_pairs(text)):
        if number % _LINES_A_TURN == 0:
            yield
        joint = None if following is None else _joint(line, following)
        if joint is None:
            if run is not None:
                run.add(line[kept:])
            run, kept = None, 0
            continue
        cut, skip, explicit = joint
        if run is None:
            run = Run([(0, at + kept)])
            found.append(run)
        run.add(line[kept:cut], at + len(line) + 1 + skip)
        run.joined = run.joined or explicit
        kept = skip
    return found


def _pairs(text: str) -> Iterator[tuple[int, str, str | None]]:
    """Where each line begins, the line, and the one after it."""
    at, end = 0, text.find("\n")
    while end >= 0:
        begin, line = at, text[at:end]
        at = end + 1
        end = text.find("\n", at)
        yield begin, line, text[at : end if end >= 0 else len(text)]
    yield at, text[at:], None


def _joint(line: str, following: str) -> tuple[int, int, bool] | None:
    """Where `line` ends and `following` begins if they are read as one, and whether a string is continued there."""
    last = line[-1:]
    if last in _CONTINUED and (found := _continued(line, following)):
        return found
    if last in _TOKEN or last == "\r":
        wrapped = _WRAPPED.match(following)
        cut = len(line) - (last == "\r")
        if wrapped and line[cut - 1 : cut] in _TOKEN:
            return cut, wrapped.start("piece"), False
    return None


def _continued(line: str, following: str) -> tuple[int, int, bool] | None:
    left = _LEFT.search(line, max(0, len(line) - 12))
    cut = left.start() if left else len(line)
    right = _RIGHT.match(following)
    skip = right.end() if right else 0
    if line[cut - 1 : cut] not in _TOKEN or following[skip : skip + 1] not in _TOKEN:
        return None
    quoted = following[skip - 1 : skip] in _QUOTES
    sign = line[cut:].strip()
    return (cut, skip, True) if (sign[:1] in _QUOTES and quoted) or sign.endswith("\\") else None
