"""Put lines in the place of those that an edit names.

Invariant: every line that an edit leaves as it is keeps its bytes, and so do the byte order mark and the final newline;
a new line has the ending of its place.
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

from turnout.core.documents import line_body
from turnout.core.edits.blanks import Counting, aligned, mean_nothing, own_blanks, shared_blanks
from turnout.core.edits.diff import changed_ranges
from turnout.core.edits.elision import around_elisions
from turnout.core.edits.locating import BOM, How, Matcher, Region, bodies_of
from turnout.core.edits.regions import shared_indent
from turnout.core.edits.replies import Replace
from turnout.errors import EditAmbiguous, EditError, EditUnmatched

_MAX_FAILURES = 10  # per file; a reply with more is not going to be corrected block by block


def regions(
    path: str, lines: Sequence[str], edits: Iterable[Replace]
) -> tuple[list[Region], list[EditError]]:
    """The places of `edits` in one file, in order; and what is wrong with (the first ten of) those without one."""
    matcher = Matcher(path, lines)
    found: list[tuple[Region, int]] = []
    failures: list[EditError] = []
    for edit in edits:
        try:
            found += [(region, edit.number) for region in _places(matcher, edit)]
        except EditError as failure:
            failures.append(failure)
            if len(failures) == _MAX_FAILURES:
                return [], failures
    found.sort()
    for (region, number), (following, other) in pairwise(found):
        if following.start < region.end or following.start == region.start:
            failures.append(EditAmbiguous(f"Blocks {number} and {other} replace the same lines of {path}."))
    return [region for region, _ in found], failures


def _places(matcher: Matcher, edit: Replace) -> list[Region]:
    """The place of `edit`, or those of its parts where it leaves lines out in between."""
    try:
        return [matcher.region(edit)]
    except EditUnmatched:
        parts = around_elisions(edit)
        if not parts:
            raise
        found = [matcher.region(part) for part in parts]
    if any(one.end > other.start for one, other in pairwise(found)):
        raise EditUnmatched(f"Block {edit.number}: the parts of its SEARCH text are not in that order.")
    return found


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

    A text that is indented as a whole is moved to the margin of the file, and one that has the same blanks at the end
    of every line is taken without them, where a line that it copied shows both.
    """
    old = bodies_of(lines)
    given, margin = _at_margin(old, bodies)
    if blanks := shared_blanks(bodies):
        bare, _ = _at_margin(old, [body.removesuffix(blanks) for body in bodies])
        pairs = list(aligned(old, bare))
        copied = [row for row, index in pairs if old[row] == bare[index]]
        to_the_letter = any(old[row] == given[index] != bare[index] for row, index in pairs)
        if not to_the_letter and mean_nothing(old, copied, counting):
            given = bare
    result, sloppy = own_blanks(old, given, counting, in_markdown=in_markdown)
    how: How = "margin" if margin else "blanks" if sloppy else "exact"
    return Region(0, len(lines), tuple(result), how, sloppy)


def _at_margin(old: Sequence[str], bodies: Sequence[str]) -> tuple[list[str], str]:
    """`bodies` without the indentation that all of them have more than `old`, and that indentation."""
    margin = shared_indent(bodies) if any(old) and not shared_indent(old) else ""
    moved = [body.removeprefix(margin) if body.startswith(margin) else body.lstrip(" \t") for body in bodies]
    known = {body.rstrip() for body in old if body.strip()}
    if margin and known.isdisjoint(body.rstrip() for body in moved):
        return list(bodies), ""
    return moved, margin


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
