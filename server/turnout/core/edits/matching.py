"""Put lines in the place of those that an edit names.

Invariant: every line that an edit leaves as it is keeps its bytes, and so do the byte order mark and the final newline;
a new line has the ending of its place.
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise

from turnout.core.documents import line_body
from turnout.core.edits.diff import changed_ranges
from turnout.core.edits.elision import around_elisions
from turnout.core.edits.locating import BOM, Matcher, Region, added_blanks, aligned, bodies_of
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


def whole(lines: Sequence[str], bodies: Sequence[str]) -> Region:
    """The region that changes `lines` into `bodies`.

    A text that is indented as a whole is moved to the margin of the file, and blanks that it adds at the ends of lines
    are left out; blanks that it takes away are gone.
    """
    old = bodies_of(lines)
    margin = shared_indent(bodies) if any(old) and not shared_indent(old) else ""
    given = [body.removeprefix(margin) if body.startswith(margin) else body.lstrip(" \t") for body in bodies]
    pairs = [(given[index], old[old_index]) for old_index, index in aligned(old, given)]
    added = added_blanks(pairs, old)
    result = [added.get(body, body) for body in given]
    for old_index, index in aligned(old, given):
        if given[index].startswith(old[old_index]):
            result[index] = old[old_index]
    return Region(0, len(lines), tuple(result), "blanks" if added else "exact", bool(added))


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
