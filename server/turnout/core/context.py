"""Which text of other places belongs beside a hole, and in which order: pure choices over what an index found.

Invariants: what is chosen fits the room that was given; nothing is chosen that the prompt shows anyway, or that is not
found now, word for word; and what was chosen before and is found again stays where it is unless something is better by
a margin, because whatever stands behind a change in a prompt has to be evaluated again.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

from turnout.core.fim.layout import Window
from turnout.core.prompts import ContextChunk
from turnout.core.receipts import SentFile
from turnout.core.withholding import LeftOut

Source = Literal["sibling", "similar", "definition", "recent"]
"""Why a chunk was chosen: the definition of a name at the cursor, a file that belongs to this one, text like that
around the cursor, or a place where the user was just now."""

SOURCES: tuple[Source, ...] = get_args(Source)
"""What changes least stands first in a prompt."""

MARGIN = 2.0
"""How many times better something must be to push out what was chosen before."""

NEAR_LINES = 12
"""Lines before the cursor that tell what is being written."""

_WORD = re.compile(r"[^\W\d]\w*")
_TOKEN = re.compile(r"[^\W\d]\w*|[^\w\s]")
_IMPORT = re.compile(
    r"(?:import|from|use|pub use|using|require|#include|package|export [{*])\b|.* = require\b"
)
_PARTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_LINES_AFTER = 4
_FADING = 0.6
"""Weight of a line for each line that it is further away from the cursor."""
_PART_WEIGHT = 0.3
_TOLD_SHARE = 0.4
_LEAST_SEEN_CHARACTERS = 8

_COMMON = frozenset(
    """
    abstract and any args as assert async await bool break case catch char class const continue crate cls
    def default del dict do elif else end enum except export extends false final finally float fn for from
    func function global if impl implements import in int interface is isinstance lambda len let list local
    long loop match mod move mut namespace new nil none None not null number object of ok or override
    package pass print private protected pub public raise readonly ref require return self Self static str
    string struct super switch then this throw trait true True False try type typeof undefined union unknown
    unsafe use using val var void where while with yield
    """.split()  # noqa: SIM905 - a list of so many words would take a page
)
"""Words of the languages themselves: they say nothing about a place."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Text from elsewhere that may help; `score` tells how much, on one scale for all sources."""

    path: str
    text: str
    source: Source
    score: float
    first_line: int = 0

    @property
    def key(self) -> tuple[str, Source, int, str]:
        """What makes it the very same chunk: with another text it is read anew anyway."""
        return self.path, self.source, self.first_line, self.text


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a prompt holds besides the text around its hole, and the files that it comes from."""

    chunks: tuple[ContextChunk, ...] = ()
    files: tuple[SentFile, ...] = ()
    window: Window | None = None
    plain: bool = False
    left_out: tuple[LeftOut, ...] = field(default=(), compare=False)
    """Files whose text would have helped and was kept back."""


def to_prompt(chunks: Iterable[Chunk]) -> tuple[ContextChunk, ...]:
    """Chunks as a prompt holds them."""
    return tuple(ContextChunk(chunk.path, chunk.text, chunk.source) for chunk in chunks)


def identifiers(text: str) -> list[str]:
    """Every name in `text` in order, words of the languages left out."""
    return [word for word in _WORD.findall(text) if len(word) > 1 and word not in _COMMON]


def wanted_names(prefix: str, suffix: str, limit: int = 24) -> tuple[str, ...]:
    """Names whose definitions may matter at the cursor, the nearest first."""
    lines = prefix.split("\n")[-NEAR_LINES:]
    near = [name for line in reversed(lines) for name in reversed(identifiers(line))]
    near += identifiers("\n".join(suffix.split("\n")[:_LINES_AFTER]))
    return tuple(dict.fromkeys(near))[:limit]


def interest(prefix: str, suffix: str) -> dict[str, float]:
    """What is being written about and how, with weights: the nearer to the cursor, the heavier.

    That is names, their parts, and pairs of neighbours on a line: these tell the same form from the same subject.
    """
    weights: dict[str, float] = {}
    before = reversed(prefix.split("\n")[-NEAR_LINES:])
    after = suffix.split("\n")[1 : 1 + _LINES_AFTER]
    for distance, line in (*enumerate(before), *enumerate(after, 2)):
        for feature, share in _features(line):
            weights[feature] = max(weights.get(feature, 0.0), share * _FADING**distance)
    return weights


def import_lines(lines: Iterable[str], limit_chars: int) -> str:
    """The imports that a file begins with, as far as there is room for them."""
    kept: list[str] = []
    depth = 0
    for line in lines:
        if depth > 0 or _IMPORT.match(line):
            limit_chars -= len(line)
            if limit_chars < 0:
                break
            kept.append(line)
            depth += sum(line.count(mark) for mark in "({") - sum(line.count(mark) for mark in ")}")
    return "".join(kept)


def likeness(weights: Mapping[str, float], text: str) -> float:
    """How much of what is of interest also stands in `text`: from 0 to 1."""
    return _share(weights, (_of_interest(line, weights) for line in text.split("\n")))


def best_windows(
    lines: Sequence[str], weights: Mapping[str, float], size: int, count: int = 1
) -> list[tuple[int, float]]:
    """Where in `lines` the `size` lines of most interest begin, and how much of it they hold.

    At most `count` places, the best first and none within another; they lie a quarter of `size` apart.
    """
    found = [_of_interest(line, weights) for line in lines]
    starts = range(0, max(1, len(lines) - size // 2), max(1, size // 4))
    ranked = sorted(
        ((start, _share(weights, found[start : start + size])) for start in starts), key=_best_first
    )
    chosen: list[tuple[int, float]] = []
    for start, alike in ranked:
        if len(chosen) < count and all(abs(start - other) >= size for other, _ in chosen):
            chosen.append((start, alike))
    return chosen


def _best_first(window: tuple[int, float]) -> tuple[float, int]:
    return -window[1], window[0]


def _of_interest(line: str, weights: Mapping[str, float]) -> set[str]:
    return {feature for feature, _ in _features(line) if feature in weights}


def _share(weights: Mapping[str, float], found: Iterable[set[str]]) -> float:
    whole, here = sum(weights.values()), set[str]().union(*found)
    # In the order of `weights`: that of a set differs from run to run, and a sum of floats with it.
    return sum(weight for feature, weight in weights.items() if feature in here) / whole if whole else 0.0


def unseen(chunks: Iterable[Chunk], visible: str) -> Iterator[Chunk]:
    """Those of `chunks` that tell something that `visible` does not, and mostly other things than those before them."""
    shown, told = _telling(visible), set[str]()
    for chunk in chunks:
        lines = _telling(chunk.text)
        # Lines that are all but the same as the cursor's are the best there are: one of them may be what is missing.
        if lines <= shown or len(lines & told) >= _TOLD_SHARE * len(lines):
            continue
        told |= lines
        yield chunk


def stands_in(text: str, whole: str) -> bool:
    """Whether every line of `text` stands in `whole`, however it is indented there."""
    return all(line.strip() in whole for line in text.split("\n"))


def choose(
    candidates: Sequence[Chunk],
    limit_chars: int,
    visible: str = "",
    before: Sequence[Chunk] = (),
) -> tuple[Chunk, ...]:
    """The chunks to show, at most `limit_chars` of them, in the order of a prompt.

    `visible` is what the prompt shows of the file itself. `before` is what was chosen last: what of it is still a
    candidate, word for word, stays as it is unless the best choice is worth more by MARGIN.
    """
    ranked = sorted(candidates, key=lambda c: (-c.score, c.path, c.first_line))
    chosen = _fitting(unseen(ranked, visible), limit_chars)
    now = {chunk.key: chunk for chunk in reversed(ranked)}
    kept = [now[chunk.key] for chunk in before if chunk.key in now]
    if kept and sum(map(_size, kept)) <= limit_chars and _worth(kept) * MARGIN >= _worth(chosen):
        return tuple(kept)
    return ordered(chosen, before)


def ordered(chosen: Sequence[Chunk], before: Sequence[Chunk] = ()) -> tuple[Chunk, ...]:
    """Chunks so that most of a prompt stays: those of `before` as they were, then by source, the best last."""
    places = {chunk.key: at for at, chunk in enumerate(before)}
    same = [chunk for chunk in chosen if chunk.key in places]
    new = [chunk for chunk in chosen if chunk.key not in places]
    same.sort(key=lambda chunk: places[chunk.key])
    new.sort(key=lambda chunk: (SOURCES.index(chunk.source), chunk.score, chunk.path))
    return (*same, *new)


def _worth(chunks: Iterable[Chunk]) -> float:
    return sum(chunk.score for chunk in chunks)


def _size(chunk: Chunk) -> int:
    return len(chunk.path) + len(chunk.text) + 2


def _fitting(ranked: Iterable[Chunk], limit_chars: int) -> list[Chunk]:
    chosen = []
    for chunk in ranked:
        if _size(chunk) <= limit_chars:
            chosen.append(chunk)
            limit_chars -= _size(chunk)
    return chosen


def _telling(text: str) -> set[str]:
    stripped = (line.strip() for line in text.split("\n"))
    return {line for line in stripped if len(line) >= _LEAST_SEEN_CHARACTERS}


def _features(line: str) -> Iterator[tuple[str, float]]:
    """Pairs of neighbours and names in full, and the words that these are made of for a part of that."""
    before, before_is_word = "", False
    for token in _TOKEN.findall(line):
        is_word = token.isidentifier()
        if before and (is_word or before_is_word):
            yield f"{before} {token}", 1.0
        before, before_is_word = token, is_word
        if not is_word or len(token) < 2 or token in _COMMON:
            continue
        yield token, 1.0
        parts = _PARTS.findall(token)
        if len(parts) > 1:
            yield from ((part.lower(), _PART_WEIGHT) for part in parts if len(part) > 1)
