"""Find the lines that an edit names, and put others in their place.

Invariant: lines match only if they are equal but for their endings, and only where they are found exactly once;
every line that an edit leaves as it is keeps its bytes, and so do the byte order mark and the final newline.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from itertools import pairwise
from typing import NamedTuple

from turnout.core.documents import line_body
from turnout.core.edits.diff import changed_ranges
from turnout.core.edits.replies import Replace
from turnout.errors import EditAmbiguous, EditError, EditUnmatched

_BOM = "\ufeff"
_MAX_PLACES = 10  # places of an ambiguous text that a message names
_MAX_FAILURES = 10  # per file; a reply with more is not going to be corrected block by block
_MAX_COMPARED = 500  # lines that a line without an equal is compared with
_MAX_LINES_QUOTED = 40
_RARE = 16  # a line that stands in fewer places than this is looked up instead of searched for


class Region(NamedTuple):
    """Lines `start:end` of a file and the bodies of the lines that take their place."""

    start: int
    end: int
    bodies: tuple[str, ...]


class Matcher:
    """One file, indexed once for any number of edits, all of which count in the text as the model was shown it."""

    def __init__(self, path: str, lines: Sequence[str]) -> None:
        self._path = path
        self._bodies = _bodies(lines)
        self._places: dict[str, list[int]] = defaultdict(list)
        for index, body in enumerate(self._bodies):
            self._places[body].append(index)
        self._joined: str | None = None
        self._stripped: dict[str, list[int]] | None = None

    def region(self, edit: Replace) -> Region:
        """The one place of `edit`. Raises EditUnmatched where there is none, EditAmbiguous where there are several."""
        where = f"Block {edit.number}"
        if not edit.search:
            if self._bodies:
                raise EditUnmatched(
                    f"{where} has nothing to search for, but {self._path} exists and has text."
                )
            return Region(0, 0, edit.replace)
        starts = self._starts(edit.search)
        if not starts:
            raise EditUnmatched(
                f"{where}: its SEARCH text is not in {self._path}.{self._nearest(edit.search)}"
            )
        if len(starts) > 1:
            places = ", ".join(str(start + 1) for start in starts[:_MAX_PLACES])
            more = " and more" if len(starts) > _MAX_PLACES else ""
            raise EditAmbiguous(
                f"{where}: its SEARCH text is in {self._path} more than once, at lines {places}{more}."
            )
        return Region(starts[0], starts[0] + len(edit.search), edit.replace)

    def _starts(self, search: tuple[str, ...]) -> list[int]:
        rarest = min(range(len(search)), key=lambda i: len(self._places.get(search[i], ())))
        places = self._places.get(search[rarest], [])
        if len(places) > _RARE:
            return self._scan(search)
        wanted = list(search)
        candidates = (place - rarest for place in places)
        return [s for s in candidates if s >= 0 and self._bodies[s : s + len(wanted)] == wanted]

    def _scan(self, search: tuple[str, ...]) -> list[int]:
        """Places of a text made of common lines only; time linear in the file, up to _MAX_PLACES + 1 places."""
        if self._joined is None:
            self._joined = "\n" + "\n".join(self._bodies) + "\n"
        wanted = "\n" + "\n".join(search) + "\n"
        starts: list[int] = []
        at = self._joined.find(wanted)
        while at >= 0 and len(starts) <= _MAX_PLACES:
            starts.append(self._joined.count("\n", 0, at))
            at = self._joined.find(wanted, at + 1)
        return starts

    def _nearest(self, search: tuple[str, ...]) -> str:
        """The place that shares most lines with `search`, indentation aside, as a sentence with its text."""
        votes: Counter[int] = Counter()
        stripped = self._by_stripped()
        for offset, body in enumerate(search):
            places = stripped.get(body.strip(), [])
            votes.update(max(0, place - offset) for place in places[:_RARE])
        if not votes:
            first = next((body.strip() for body in search if body.strip()), "")
            close = get_close_matches(first[:200], list(stripped)[:_MAX_COMPARED], n=1)
            votes.update(stripped[line][0] for line in close)
        if not votes:
            return ""
        start = min(votes, key=lambda s: (-votes[s], s))
        end = min(len(self._bodies), start + len(search))
        text = "\n".join(self._bodies[start:end][:_MAX_LINES_QUOTED])
        return f" The nearest text is at lines {start + 1} to {end}:\n{text}"

    def _by_stripped(self) -> dict[str, list[int]]:
        """Where each line stands, indentation aside; blank lines are nowhere."""
        if self._stripped is None:
            self._stripped = defaultdict(list)
            for index, body in enumerate(self._bodies):
                if body.strip():
                    self._stripped[body.strip()].append(index)
        return self._stripped


def regions(
    path: str, lines: Sequence[str], edits: Iterable[Replace]
) -> tuple[list[Region], list[EditError]]:
    """The places of `edits` in one file, in order; and what is wrong with (the first ten of) those without one."""
    matcher = Matcher(path, lines)
    found: list[tuple[Region, int]] = []
    failures: list[EditError] = []
    for edit in edits:
        try:
            found.append((matcher.region(edit), edit.number))
        except EditError as failure:
            failures.append(failure)
            if len(failures) == _MAX_FAILURES:
                return [], failures
    found.sort()
    for (region, number), (following, other) in pairwise(found):
        if following.start < region.end or following.start == region.start:
            failures.append(EditAmbiguous(f"Blocks {number} and {other} replace the same lines of {path}."))
    return [region for region, _ in found], failures


def replace_regions(lines: Sequence[str], found: Iterable[Region]) -> tuple[str, ...]:
    """`lines` with each of `found` (in order, not overlapping) replaced, in the style of the lines around."""
    bom = _BOM if lines and lines[0].startswith(_BOM) else ""
    plain = [lines[0].removeprefix(_BOM), *lines[1:]] if lines else []
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
    return replace_regions(lines, [Region(0, len(lines), tuple(bodies))])


def new_file(bodies: Sequence[str]) -> tuple[str, ...]:
    """The lines of a file that did not exist."""
    return tuple(f"{body}\n" for body in bodies)


def _bodies(lines: Sequence[str]) -> list[str]:
    bodies = [line_body(line) for line in lines]
    if bodies:
        bodies[0] = bodies[0].removeprefix(_BOM)
    return bodies


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
