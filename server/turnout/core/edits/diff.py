"""Which lines differ between two texts.

Invariant: outside of the ranges returned the two texts are equal line for line, in order.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from typing import NamedTuple

_MAX_PAIRS = 50_000  # pairs of equal lines in a stretch that SequenceMatcher is let loose on: about 20 ms


class ChangedRange(NamedTuple):
    """Lines `start:end` of the text before became `new_start:new_end` of the text after."""

    start: int
    end: int
    new_start: int
    new_end: int


class EqualBlock(NamedTuple):
    """`length` lines from `start` on are the lines from `new_start` on of the other text."""

    start: int
    new_start: int
    length: int


def changed_ranges(before: Sequence[str], after: Sequence[str]) -> list[ChangedRange]:
    """The differing ranges, in order, at least one equal line between any two of them.

    Lines that occur once in each text are paired first, so time stays near linear for any input;
    a stretch without such lines that is too repetitive to compare comes back as one range.
    """
    whole = _trimmed(before, after, ChangedRange(0, len(before), 0, len(after)))
    return [
        part
        for stretch in _between_anchors(before, after, whole)
        for part in _compare(before, after, _trimmed(before, after, stretch))
    ]


def equal_blocks(before: Sequence[str], after: Sequence[str]) -> list[EqualBlock]:
    """The complement of `changed_ranges`."""
    blocks = []
    start = new_start = 0
    end = ChangedRange(len(before), len(before), len(after), len(after))
    for changed in [*changed_ranges(before, after), end]:
        if changed.start > start:
            blocks.append(EqualBlock(start, new_start, changed.start - start))
        start, new_start = changed.end, changed.new_end
    return blocks


def _trimmed(before: Sequence[str], after: Sequence[str], stretch: ChangedRange) -> ChangedRange:
    start, end, new_start, new_end = stretch
    while start < end and new_start < new_end and before[start] == after[new_start]:
        start += 1
        new_start += 1
    while start < end and new_start < new_end and before[end - 1] == after[new_end - 1]:
        end -= 1
        new_end -= 1
    return ChangedRange(start, end, new_start, new_end)


def _between_anchors(
    before: Sequence[str], after: Sequence[str], whole: ChangedRange
) -> Iterator[ChangedRange]:
    start, new_start = whole.start, whole.new_start
    for anchor, new_anchor in _anchors(before, after, whole):
        yield ChangedRange(start, anchor, new_start, new_anchor)
        start, new_start = anchor + 1, new_anchor + 1
    yield ChangedRange(start, whole.end, new_start, whole.new_end)


def _anchors(before: Sequence[str], after: Sequence[str], whole: ChangedRange) -> list[tuple[int, int]]:
    """The longest increasing run of lines that occur exactly once on both sides of `whole`."""
    once = _unique(before, whole.start, whole.end)
    new_once = _unique(after, whole.new_start, whole.new_end)
    pairs = [(index, new_once[line]) for line, index in once.items() if line in new_once]
    tails: list[int] = []
    piles: list[int] = []
    previous: list[int] = []
    for number, (_, new_index) in enumerate(pairs):
        pile = bisect_left(tails, new_index)
        previous.append(piles[pile - 1] if pile else -1)
        tails[pile : pile + 1] = [new_index]
        piles[pile : pile + 1] = [number]
    run = []
    number = piles[-1] if piles else -1
    while number >= 0:
        run.append(pairs[number])
        number = previous[number]
    return run[::-1]


def _unique(lines: Sequence[str], start: int, end: int) -> dict[str, int]:
    counts = Counter(lines[start:end])
    return {lines[index]: index for index in range(start, end) if counts[lines[index]] == 1}


def _compare(before: Sequence[str], after: Sequence[str], stretch: ChangedRange) -> Iterator[ChangedRange]:
    start, end, new_start, new_end = stretch
    if start == end and new_start == new_end:
        return
    if start == end or new_start == new_end or _pairs(before, after, stretch) > _MAX_PAIRS:
        yield stretch
        return
    matcher = SequenceMatcher(None, before[start:end], after[new_start:new_end], autojunk=False)
    for tag, i1, i2, j1, j2 in matcher.get_opcodes():
        if tag != "equal":
            yield ChangedRange(start + i1, start + i2, new_start + j1, new_start + j2)


def _pairs(before: Sequence[str], after: Sequence[str], stretch: ChangedRange) -> int:
    counts = Counter(before[stretch.start : stretch.end])
    new_counts = Counter(after[stretch.new_start : stretch.new_end])
    return sum(count * new_counts[line] for line, count in counts.items())
