"""Does the new text of an edit stand at the level of the text that it replaces?

Invariant: only a line that stays where it is, or that another edit takes from above or puts there, says that lines
are to stand at another level; a model that indents all of its new text otherwise means nothing by it.
"""

from collections.abc import Iterable, Sequence

from turnout.core.edits.diff import equal_blocks
from turnout.core.edits.indents import has_word, indent_of, is_deeper
from turnout.core.edits.locating import Region
from turnout.core.edits.replies import Replace


def is_moved(edit: Replace) -> bool:
    """Whether the new text of `edit` begins at another indentation, and no line that it keeps stays where it was.

    An edit that only moves its lines means just that.
    """
    sides = [line for line in edit.search if line.strip()], [line for line in edit.replace if line.strip()]
    search, new = [line.strip() for line in sides[0]], [line.strip() for line in sides[1]]
    if not search or not new or search == new or indent_of(sides[0][0]) == indent_of(sides[1][0]):
        return False
    pairs = [(b.start + n, b.new_start + n) for b in equal_blocks(search, new) for n in range(b.length)]
    kept = [(sides[0][row], sides[1][index]) for row, index in pairs]
    telling = [pair for pair in kept if has_word(pair[0])]
    return all(indent_of(old) != indent_of(line) for old, line in telling or kept)


def is_held(lines: Sequence[str], place: Region, edit: Replace, others: Iterable[Region]) -> bool:
    """Whether one of `others` takes out the line that the block at `place` of `lines` is in, or puts one above it."""
    before, after = (
        next(indent_of(line) for line in side if line.strip()) for side in (edit.search, edit.replace)
    )
    there = next(indent_of(line) for line in lines[place.start : place.end] if line.strip())
    above = [row for row in range(place.start) if lines[row].strip()]
    outer = next((row for row in reversed(above) if is_deeper(there, than=indent_of(lines[row]))), None)
    if is_deeper(after, than=before):
        return any(_adds(lines, other, above[-1:]) for other in others)
    return outer is not None and any(_removes(lines, other, outer) for other in others)


def _adds(lines: Sequence[str], other: Region, above: Sequence[int]) -> bool:
    """Whether `other` has more lines than before, with the one directly `above` a block among those."""
    return any(other.start <= row < other.end for row in above) and _growth(lines, other) > 0


def _removes(lines: Sequence[str], other: Region, row: int) -> bool:
    return other.start <= row < other.end and _growth(lines, other) < 0


def _growth(lines: Sequence[str], other: Region) -> int:
    old = sum(1 for line in lines[other.start : other.end] if line.strip())
    return sum(1 for body in other.bodies if body.strip()) - old
