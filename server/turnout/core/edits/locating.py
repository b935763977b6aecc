"""Where in a file are the lines that an edit names?

Invariant: lines are taken for each other only if they are equal, or equal but for blanks at their ends, or equal but
for one indentation that all of them have more or less of; the first of these that finds a place must find just one, and
for lines of brackets the last of these must, too.
Case, blanks within a line and similarity never count.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from difflib import get_close_matches
from typing import Literal, NamedTuple

from turnout.core.documents import line_body
from turnout.core.edits.blanks import blanks_everywhere, carry, dropped
from turnout.core.edits.indents import has_word, indent_of
from turnout.core.edits.replies import Replace
from turnout.errors import EditAmbiguous, EditUnmatched

BOM = "\ufeff"

How = Literal["exact", "blanks", "indent", "margin"]
"""How the lines of an edit were found: as they are, but for blanks at their ends, or at another indentation.

`margin` is for a whole text that came with an indentation of all its lines.
"""

_MAX_PLACES = 10  # places of an ambiguous text that a message names
_MAX_COMPARED = 500  # lines that a line without an equal is compared with
_MAX_LINES_QUOTED = 40
_MAX_NEAREST = 3
_RARE = 16  # a line that stands in fewer places than this is looked up instead of searched for


class Region(NamedTuple):
    """Lines `start:end` of a file and the bodies of the lines that take their place.

    `sloppy` says that the reply has blanks at the ends of lines where the file has none, so that those of its new
    lines mean nothing either, unless they stand in a string. Where it has the same `blanks` at the end of every line,
    more than the file has there, `bare` are the new lines without those. `dropped` are lines of the file that
    change and were named without the blanks at their ends.
    """

    start: int
    end: int
    bodies: tuple[str, ...]
    how: How = "exact"
    sloppy: bool = False
    blanks: str = ""
    bare: tuple[str, ...] = ()
    dropped: tuple[int, ...] = ()


class Matcher:
    """One file, indexed once for any number of edits, all of which count in the text as the model was shown it."""

    def __init__(self, path: str, lines: Sequence[str]) -> None:
        self._path = path
        self._bodies = bodies_of(lines)
        self._views = {
            "exact": _View(self._bodies, lambda body: body),
            "blanks": _View(self._bodies, str.rstrip),
            "indent": _View(self._bodies, str.strip),
        }

    def region(self, edit: Replace) -> Region:
        """The one place of `edit`. Raises EditUnmatched where there is none, EditAmbiguous where there are several."""
        where = f"Block {edit.number}"
        if not edit.search:
            if self._bodies:
                raise EditUnmatched(
                    f"{where} has nothing to search for, but {self._path} exists and has text."
                )
            return Region(0, 0, edit.replace)
        for how in ("exact", "blanks", "indent"):
            starts = self._starts(edit.search, how)
            if len(starts) > 1:
                raise self._ambiguous(where, starts, how)
            if starts:
                self._must_tell(edit, where)
                return self._found(edit, starts[0], how)
        raise EditUnmatched(f"{where}: its SEARCH text is not in {self._path}.{self._nearest(edit.search)}")

    def _must_tell(self, edit: Replace, where: str) -> None:
        """Raises EditAmbiguous where `edit` names nothing but brackets, which stand elsewhere but for indentation."""
        if not any(map(has_word, edit.search)):
            starts = self._views["indent"].starts(edit.search)
            if len(starts) > 1:
                raise self._ambiguous(where, starts, "indent")

    def _starts(self, search: tuple[str, ...], how: How) -> list[int]:
        starts = self._views[how].starts(search)
        if how != "indent" or len(starts) > _RARE:  # of so many nobody looks which ones fit
            return starts
        return [start for start in starts if _shift(search, self._bodies[start : start + len(search)])]

    def _found(self, edit: Replace, start: int, how: How) -> Region:
        if how == "exact":
            return Region(start, start + len(edit.search), edit.replace)
        region = self._put(edit, start, how)
        blanks = blanks_everywhere(edit.search, self._bodies[start : region.end], edit.replace)
        if not blanks:
            return region
        search, new = (
            tuple(body.removesuffix(blanks) for body in side) for side in (edit.search, edit.replace)
        )
        bare = self._put(replace(edit, search=search, replace=new), start, how)
        return region._replace(blanks=blanks, bare=bare.bodies)

    def _put(self, edit: Replace, start: int, how: How) -> Region:
        """The region of an edit that is not to the letter, with the lines of the file where they stay."""
        end = start + len(edit.search)
        old = self._bodies[start:end]
        searched, bodies = edit.search, edit.replace
        if how == "indent":
            shift = _shift(edit.search, old)
            assert shift is not None
            moved = shift.apply(bodies)
            if moved is None or _is_elsewhere(edit) or _is_cut(shift, edit) or _is_mixed(shift, edit):
                raise EditUnmatched(
                    f"Block {edit.number}: its SEARCH text is in {self._path} at another indentation, at line "
                    f"{start + 1}, which its REPLACE text cannot be moved to.{self._quoted(start, end)}"
                )
            searched, bodies = shift.apply(edit.search) or (), moved
        carried, sloppy = carry(old, searched, bodies)
        lost = tuple(start + row for row in dropped(old, searched, bodies))
        return Region(start, end, carried, how, sloppy, dropped=lost)

    def _ambiguous(self, where: str, starts: Sequence[int], how: How) -> EditAmbiguous:
        places = ", ".join(str(start + 1) for start in starts[:_MAX_PLACES])
        more = " and more" if len(starts) > _MAX_PLACES else ""
        but = {"blanks": ", but for blanks at ends of lines", "indent": ", but for indentation"}.get(how, "")
        return EditAmbiguous(
            f"{where}: its SEARCH text is in {self._path} more than once{but}, at lines {places}{more}."
        )

    def _nearest(self, search: tuple[str, ...]) -> str:
        """The places that share most lines with `search`, indentation aside, with their text."""
        votes: Counter[int] = Counter()
        stripped = self._views["indent"].places
        for offset, body in enumerate(search):
            places = stripped.get(body.strip(), []) if body.strip() else []
            votes.update(max(0, place - offset) for place in places[:_RARE])
        if not votes:
            first = next((body.strip() for body in search if body.strip()), "")
            close = get_close_matches(first[:200], [key for key in stripped if key][:_MAX_COMPARED], n=1)
            votes.update(stripped[line][0] for line in close)
        if not votes:
            return ""
        most = max(votes.values())
        best = [start for start in sorted(votes) if votes[start] == most][:_MAX_NEAREST]
        return "".join(self._quoted(start, start + len(search)) for start in best)

    def _quoted(self, start: int, end: int) -> str:
        end = min(len(self._bodies), end)
        text = "\n".join(self._bodies[start:end][:_MAX_LINES_QUOTED])
        return f" The nearest text is at lines {start + 1} to {end}:\n{text}"


class _View:
    """The lines of a file as `key` sees them."""

    def __init__(self, bodies: Sequence[str], key: Callable[[str], str]) -> None:
        self._bodies = bodies
        self._key = key
        self._keys: list[str] | None = None
        self._places: dict[str, list[int]] = defaultdict(list)
        self._joined: str | None = None

    @property
    def keys(self) -> list[str]:
        if self._keys is None:
            self._keys = [self._key(body) for body in self._bodies]
            for index, key in enumerate(self._keys):
                self._places[key].append(index)
        return self._keys

    @property
    def places(self) -> dict[str, list[int]]:
        """Where each line stands."""
        return self._places if self.keys else {}

    def starts(self, search: Sequence[str]) -> list[int]:
        """Where `search` stands; up to _RARE + 1 places of a text made of common lines."""
        wanted = [self._key(body) for body in search]
        places = self.places
        rarest = min(range(len(wanted)), key=lambda i: len(places.get(wanted[i], ())))
        found = places.get(wanted[rarest], [])
        if len(found) > _RARE:
            return self._scan(wanted)
        candidates = (place - rarest for place in found)
        return [s for s in candidates if s >= 0 and self.keys[s : s + len(wanted)] == wanted]

    def _scan(self, wanted: Sequence[str]) -> list[int]:
        """One pass over the file."""
        if self._joined is None:
            self._joined = "\n" + "\n".join(self.keys) + "\n"
        text = "\n" + "\n".join(wanted) + "\n"
        starts: list[int] = []
        line = at = 0
        while len(starts) <= _RARE:
            found = self._joined.find(text, at)
            if found < 0:
                break
            line += self._joined.count("\n", at, found)
            starts.append(line)
            line += 1
            at = found + 1
        return starts


class _Shift(NamedTuple):
    """Take `less` from the front of every line and put `more` there."""

    less: str
    more: str

    def apply(self, bodies: Sequence[str]) -> tuple[str, ...] | None:
        """`bodies` moved, those without text emptied; None where one of them has not that much to take."""
        if any(body.strip() and not body.startswith(self.less) for body in bodies):
            return None
        return tuple(self.more + body[len(self.less) :] if body.strip() else "" for body in bodies)


def _shift(search: Sequence[str], old: Sequence[str]) -> _Shift | None:
    """What moves every line of `search` to where it stands in `old`; None where no one shift does."""
    pairs = [(indent_of(a), indent_of(b)) for a, b in zip(search, old, strict=True) if a.strip()]
    if not pairs:
        return None
    given, there = min(pairs, key=lambda pair: len(pair[0]))
    tail = 0
    while tail < min(len(given), len(there)) and given[-1 - tail] == there[-1 - tail]:
        tail += 1
    shift = _Shift(given[: len(given) - tail], there[: len(there) - tail])
    fits = all(a.startswith(shift.less) and shift.more + a[len(shift.less) :] == b for a, b in pairs)
    return shift if fits else None


def _is_elsewhere(edit: Replace) -> bool:
    """Whether the new text of `edit` has another margin than the old, and no line that says why."""
    has_text = any(map(str.strip, edit.replace))
    kept = any(map(has_word, {*edit.search}.intersection(edit.replace)))
    return has_text and not kept and _margin(edit.search) != _margin(edit.replace)


def _is_cut(shift: _Shift, edit: Replace) -> bool:
    """Whether all new lines but the first may stand where they shall, as those of a text that was cut off in front."""
    first, *rest = [indent_of(body) for body in edit.replace if body.strip()] or [""]
    if not shift.more or not rest or sum(1 for body in edit.search if body.strip()) > 1:
        return False
    return all(indent.startswith(first + shift.more) for indent in rest)


def _margin(bodies: Sequence[str]) -> str:
    """The indentation of the lines with text that have least."""
    return min((indent_of(body) for body in bodies if body.strip()), key=len, default="")


def _is_mixed(shift: _Shift, edit: Replace) -> bool:
    """Whether a new line goes on with blanks behind the tabs of the file, or the other way round.

    A star may stand behind one blank, as in a comment of several lines.
    """
    new = (body for body in {*edit.replace}.difference(edit.search) if body.strip())
    rests = ((indent_of(body)[len(shift.less) :], body.lstrip()) for body in new)
    further = [rest for rest, text in rests if rest and not (rest == " " and text.startswith("*"))]
    return shift.more != "" and any(rest[0] != shift.more[-1] for rest in further)


def bodies_of(lines: Sequence[str]) -> list[str]:
    """The lines of a file without their endings and its byte order mark."""
    bodies = [line_body(line) for line in lines]
    if bodies:
        bodies[0] = bodies[0].removeprefix(BOM)
    return bodies
