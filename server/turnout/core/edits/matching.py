"""Put lines in the place of those that an edit names.

Invariant: every line that an edit leaves as it is keeps its bytes, and so do the byte order mark and the final newline;
a new line has the ending of its place.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from turnout.core.documents import line_body
from turnout.core.edits.blanks import (
    Counting,
    aligned,
    blanks_everywhere,
    is_shared_by_most,
    mean_nothing,
    own_blanks,
)
from turnout.core.edits.diff import changed_ranges, equal_blocks
from turnout.core.edits.elision import around_elisions
from turnout.core.edits.indents import indent_of, is_deeper
from turnout.core.edits.levels import is_held, is_moved
from turnout.core.edits.locating import BOM, How, Matcher, Region, bodies_of
from turnout.core.edits.regions import shared_indent
from turnout.core.edits.replies import Replace
from turnout.core.edits.units import in_own_unit, swaps_tabs
from turnout.errors import EditAmbiguous, EditError, EditUnmatched

_OPENING = frozenset({"{", "begin", "do", "then"})
"""Lines that open a block which the line before has announced."""
_SURE = 3  # lines with text; one or two that are in the file once may have been meant for lines that are not
_CLOSING = re.compile(r"\s*(?:[)\]}]|(?:end|fi|done|esac)\b)")
_MAX_FAILURES = 10  # per file; a reply with more is not going to be corrected block by block


def regions(
    path: str, lines: Sequence[str], edits: Iterable[Replace]
) -> tuple[list[Region], list[EditError]]:
    """The places of `edits` in one file, in order; and what is wrong with (the first ten of) those without one."""
    matcher = Matcher(path, lines)
    found: list[tuple[Region, Replace]] = []
    failures: list[EditError] = []
    for edit in edits:
        try:
            found += _places(matcher, lines, edit)
        except EditError as failure:
            failures.append(failure)
            if len(failures) == _MAX_FAILURES:
                return [], failures
    found.sort(key=lambda each: each[0])
    failures += _moved_edits(lines, found)
    for (region, edit), (following, other) in pairwise(found):
        if following.start < region.end or following.start == region.start:
            failures.append(
                EditAmbiguous(f"Blocks {edit.number} and {other.number} replace the same lines of {path}.")
            )
    return [region for region, _ in found], failures


def _moved_edits(lines: Sequence[str], found: Sequence[tuple[Region, Replace]]) -> Iterator[EditUnmatched]:
    """What is wrong with those of `found` whose new text stands at another level, which nothing says was meant."""
    for region, edit in found:
        if swaps_tabs(edit.search, edit.replace):
            yield EditUnmatched(
                f"Block {edit.number}: its REPLACE text has blanks for tabs, or tabs for blanks:"
                " indent lines exactly as they are."
            )
            continue
        others = (other for other, _ in found if other is not region)
        if is_moved(edit) and not is_held(lines, region, edit, others):
            yield EditUnmatched(
                f"Block {edit.number}: its REPLACE text stands at another indentation than its SEARCH text:"
                " indent lines exactly as they are, or copy the line that they shall be under."
            )


def _places(matcher: Matcher, lines: Sequence[str], edit: Replace) -> list[tuple[Region, Replace]]:
    """The place of `edit`, or those of its parts where it leaves lines out in between, each with what it replaces."""
    try:
        return [(matcher.region(edit), edit)]
    except EditUnmatched:
        parts = around_elisions(edit)
        if not parts:
            raise
        found = [matcher.region(part.edit) for part in parts]
    for (one, other), (part, following) in zip(pairwise(found), pairwise(parts), strict=True):
        if one.end > other.start:
            raise EditUnmatched(f"Block {edit.number}: the parts of its SEARCH text are not in that order.")
        mark = _moved_along(following.mark, part.edit.search, lines[one.start : one.end])
        left_out, behind = lines[one.end : other.start], lines[other.start :]
        is_sure = sum(1 for _ in _texts(following.edit.search)) >= _SURE
        if _leave_block(left_out, mark) or _leave_opened(lines[: one.end], left_out, behind, is_sure=is_sure):
            raise EditUnmatched(
                f"Block {edit.number}: `{following.mark.strip()}` in its SEARCH text stands for lines of another block:"
                " copy the lines that it leaves out."
            )
    return [(region, part.edit) for region, part in zip(found, parts, strict=True)]


def _moved_along(mark: str, search: Sequence[str], there: Sequence[str]) -> str:
    """The indentation of `mark` where the lines `search` above it stand in the file as `there`."""
    blanks = mark[: len(mark) - len(mark.lstrip())]
    margin = shared_indent(search)
    return shared_indent(there) + blanks.removeprefix(margin) if blanks.startswith(margin) else blanks


def _leave_block(lines: Iterable[str], indent: str) -> bool:
    """Whether one of `lines` ends the block that begins with `indent`."""
    return any(is_deeper(indent, than=indent_of(line)) for line in _texts(lines))


def _leave_opened(
    before: Sequence[str], left_out: Iterable[str], after: Iterable[str], *, is_sure: bool
) -> bool:
    """Whether `left_out` ends the block that the line before opens, or is in, and another one follows.

    For one that it is in, lines enough to be sure of say that the other one is meant.

    That is so wherever the line stands that leaves them out: some models write it in the first column.
    """
    above, below = next(_texts(reversed(before)), None), next(_texts(after), None)
    inside = list(_texts(left_out))
    if above is None or below is None or not inside:
        return False
    if below.strip() in _OPENING:
        return True  # of a block whose first line is among those left out
    level, following = indent_of(above), indent_of(below)
    is_opened = inside[0].strip() in _OPENING and indent_of(inside[0]) == level
    levels = [indent_of(line) for line in inside[is_opened:]]
    if not is_sure and any(is_deeper(level, than=own) and is_deeper(following, than=own) for own in levels):
        return True
    if not levels or not (is_opened or is_deeper(levels[0], than=level)):
        return False
    is_within = is_deeper(following, than=level) or (following == level and _CLOSING.match(below) is not None)
    return is_within and not all(is_deeper(own, than=level) for own in levels)


def _texts(lines: Iterable[str]) -> Iterator[str]:
    """The lines with text; comments and directives may stand anywhere, and say nothing."""
    return (line for line in lines if line.strip() and not line.startswith("#"))


def replace_regions(lines: Sequence[str], found: Iterable[Region]) -> tuple[str, ...]:
    """`lines` with each of `found` (in order, not overlapping) replaced, in the style of the lines around."""
    bom = BOM if lines and lines[0].startswith(BOM) else ""
    plain = [lines[0].removeprefix(BOM), *lines[1:]] if lines else []
    result: list[str] = []
    at = 0
    for region in found:
        result += plain[at : region.start]
        result += _fitted(plain, region)
        at = region.end
    result += plain[at:]
    _set_final_newline(result, plain)
    if bom:
        result[:1] = [bom + result[0]] if result else [bom]
    return tuple(result)


def rewrite(lines: Sequence[str], bodies: Sequence[str]) -> tuple[str, ...]:
    """`lines` changed into `bodies` as a whole."""
    return replace_regions(lines, [whole(lines, bodies)])


def whole(
    lines: Sequence[str],
    bodies: Sequence[str],
    counting: Counting = frozenset(),
    *,
    in_markdown: bool = False,
) -> Region:
    """The region that changes `lines` into `bodies`, with its own blanks at the ends of lines (see `own_blanks`).

    A text that has one indentation more than the file in all lines, or the same blanks at the end of each, is taken
    without, and one that indents by another unit gets the file's, where every line that it repeats shows that. Raises
    EditUnmatched where that is uncertain.
    """
    old = bodies_of(lines)
    margin = _margin(old, bodies)
    given = _moved(bodies, margin)
    if all(body != body.rstrip() for body in bodies) and (blanks := _blanks(old, given, bodies, counting)):
        given = _moved([body.removesuffix(blanks) for body in bodies], margin)
    fitting = in_own_unit(old, given)
    if swaps_tabs(old, fitting):
        raise EditUnmatched(
            "The text has blanks for tabs, or tabs for blanks: indent lines exactly as they are."
        )
    result, sloppy = own_blanks(old, fitting, counting, in_markdown=in_markdown)
    how: How = "indent" if fitting != given else "margin" if margin else "blanks" if sloppy else "exact"
    return Region(0, len(lines), tuple(result), how, sloppy)


def _moved(bodies: Sequence[str], margin: str) -> list[str]:
    """`bodies` without `margin`, which all of them with text have."""
    return [body.removeprefix(margin) if body.startswith(margin) else body.lstrip(" \t") for body in bodies]


def _margin(old: Sequence[str], bodies: Sequence[str]) -> str:
    """The indentation that `bodies` have as a whole, by the lines of `old` that they repeat; empty without one.

    Raises EditUnmatched where all lines are indented otherwise, and nothing says by how much they were moved.
    """
    shared, own = shared_indent(bodies), shared_indent(old)
    if not shared or not any(old):
        return ""
    blocks = equal_blocks([line.strip() for line in old], [body.strip() for body in bodies])
    pairs = ((old[b.start + n], bodies[b.new_start + n]) for b in blocks for n in range(b.length))
    further = Counter(_further(line, body) for line, body in pairs if line.strip())
    if not own and further[shared] > (further.total() // 2 if "" in further else 0):
        return shared
    if ("" in further and (own or shared not in further)) or (not further and len(shared) <= len(own)):
        return ""
    margin = next(iter(further)) if len(further) == 1 else None
    if margin and shared.startswith(margin):
        return margin
    raise EditUnmatched("The text is indented otherwise than the file: indent lines exactly as they are.")


def _blanks(old: Sequence[str], given: Sequence[str], bodies: Sequence[str], counting: Counting) -> str:
    """What every line of `bodies` ends with and means nothing, by the lines that it repeats; empty without that.

    `given` are `bodies` at the margin of `old`.
    """
    pairs = list(aligned(old, given))
    rows = [row for row, _ in pairs]
    copies, own = [bodies[index] for _, index in pairs], [old[row] for row in rows]
    blanks = blanks_everywhere(copies, own, bodies)
    if not blanks and is_shared_by_most(copies, own):
        raise EditUnmatched(
            "Nearly all lines have the same blanks at the end, which the file has not: "
            "copy lines exactly as they are."
        )
    return blanks if mean_nothing(old, rows, counting) else ""


def _further(line: str, body: str) -> str | None:
    """What `body` is indented more than `line`; None where it is not."""
    before, line = body.rstrip(), line.rstrip()
    return before.removesuffix(line) if before.endswith(line) else None


def part(lines: Sequence[str], start: int, end: int, bodies: Sequence[str], counting: Counting) -> Region:
    """The region that changes `lines[start:end]` into `bodies`; blanks taken away stay where they count (see `whole`).

    Blanks added are meant: an answer for a few lines is about those.
    """
    old = bodies_of(lines)[start:end]
    result = list(bodies)
    for row, index in aligned(old, bodies):
        if (counting is None or start + row in counting) and old[row].startswith(bodies[index]):
            result[index] = old[row]
    return Region(start, end, tuple(result))


class Moved(NamedTuple):
    """Lines (from 0) after some edits that a reply had at another indentation: new ones, and those of the file."""

    new: frozenset[int]
    kept: frozenset[int]


def moved_rows(lines: Sequence[str], found: Iterable[Region]) -> Moved:
    """The lines after the edits at `found` that were moved to another indentation."""
    old = bodies_of(lines)
    new: set[int] = set()
    every: set[int] = set()
    longer = 0
    for region in found:
        first = region.start + longer
        if region.how in ("indent", "margin"):
            every.update(range(first, first + len(region.bodies)))
            for changed in changed_ranges(old[region.start : region.end], region.bodies):
                new.update(range(first + changed.new_start, first + changed.new_end))
        longer += len(region.bodies) - (region.end - region.start)
    return Moved(frozenset(new), frozenset(every - new))


def new_file(bodies: Sequence[str]) -> tuple[str, ...]:
    """The lines of a file that did not exist."""
    return tuple(f"{body}\n" for body in bodies)


def _fitted(lines: list[str], region: Region) -> list[str]:
    """The new lines of `region`: those that were there before as they were, others with the ending of their place."""
    old = lines[region.start : region.end]
    fallback = _ending_near(lines, region.start)
    result: list[str] = []
    at = 0
    for changed in changed_ranges([line_body(line) for line in old], region.bodies):
        result += old[at : changed.start]
        for offset, body in enumerate(region.bodies[changed.new_start : changed.new_end]):
            model = min(changed.start + offset, max(changed.start, changed.end - 1))
            result.append(body + (_ending(old[model]) if model < len(old) else "" or fallback))
        at = changed.end
    result += old[at:]
    return [line if _ending(line) else line + fallback for line in result]


def _ending(line: str) -> str:
    return line[len(line_body(line)) :]


def _ending_near(lines: list[str], index: int) -> str:
    """The ending of the line before `index`, else of the first line that has one."""
    before = _ending(lines[index - 1]) if 0 < index <= len(lines) else ""
    return before or next((_ending(line) for line in lines if _ending(line)), "\n")


def _set_final_newline(result: list[str], before: list[str]) -> None:
    """Let `result` end with a newline exactly if `before` did; a file that was empty gets one."""
    if not result:
        return
    if before and not _ending(before[-1]):
        result[-1:] = [body] if (body := line_body(result[-1])) else []
    elif not _ending(result[-1]):
        result[-1] += _ending_near(before, len(before))
