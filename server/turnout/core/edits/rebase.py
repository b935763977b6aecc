"""Carry hunks over to a text that has changed since they were made.

Invariant: a hunk moves only with its own lines and one neighbour on either side unchanged; anything else conflicts.
"""

from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple

from turnout.core.edits.changes import Hunk
from turnout.core.edits.diff import EqualBlock, equal_blocks


class Rebased(NamedTuple):
    """Hunks counted in the new text, and those that its changes touch (still counted in the old one)."""

    moved: tuple[Hunk, ...]
    conflicts: tuple[Hunk, ...]


def rebase(hunks: Sequence[Hunk], before: Sequence[str], now: Sequence[str]) -> Rebased:
    """Find the place in `now` of each of `hunks`, which are counted in `before`."""
    if tuple(before) == tuple(now):
        return Rebased(tuple(hunks), ())
    blocks = equal_blocks(before, now)
    starts = [block.start for block in blocks]
    moved, conflicts = [], []
    for hunk in hunks:
        first = max(0, hunk.start - 1)
        index = bisect_right(starts, first) - 1
        block = blocks[index] if index >= 0 else EqualBlock(0, 0, 0)
        if _holds(block, hunk, len(before), len(now)):
            moved.append(Hunk(hunk.id, hunk.start - block.start + block.new_start, hunk.before, hunk.after))
        else:
            conflicts.append(hunk)
    return Rebased(tuple(moved), tuple(conflicts))


def _holds(block: EqualBlock, hunk: Hunk, length: int, new_length: int) -> bool:
    """Whether `hunk` and its neighbours lie in `block`; the edge of a file counts as a neighbour."""
    first = block.start < hunk.start or (hunk.start == block.start == block.new_start == 0)
    end = block.start + block.length
    at_end = hunk.end == end == length and block.new_start + block.length == new_length
    return block.length > 0 and first and (hunk.end < end or at_end)
