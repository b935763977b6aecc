"""Which declarations a change alters, and which names it takes away.

Invariant: what leaves every declaration as it is concerns no other file, however many mention its name.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from pathlib import PurePosixPath

from turnout.act.gathering.finding import WORD, declaration_of
from turnout.act.seams import Syntax
from turnout.core.documents import line_body
from turnout.core.edits.changes import FileChange
from turnout.core.languages import language_of

_VALUE = re.compile(
    r"^(?:(?:export|pub|declare|default)\s+)*(?:(?:const|let|var|static|type)\s+)?([A-Za-z_$][\w$]*)\s*"
    r"(?::[^=\n]*)?=(?!=)",
    re.MULTILINE,
)
"""What is given a value or a type for a whole file."""
_PASSED_ON = re.compile(
    r"^(?:from\s[^\n]*?\simport\b|import\b|export\s*(?:type\s*)?(?=[{*])|(?:pub\s+)?use\b)"
    r"(?:[^\n(]*\([^)]{0,5000}\)|[^\n{]*\{[^}]{0,5000}\}|[^\n]*)",
    re.MULTILINE,
)
"""A statement whose names can be imported from the file that it is in."""
_FOLDERS_OWN = frozenset({"__init__", "index", "mod"})
"""Names of files that are imported by the name of their folder."""


def altered(change: FileChange, names: frozenset[str], syntax: Syntax) -> set[str]:
    """Those of `names` that are declared otherwise after `change`, or not in this file any more."""
    if change.kind == "create":
        return set()
    gone = _gone_lines(change)
    found = set(declaration_of(names).findall(gone)) | set(_assigned(names).findall(gone))
    before, after = (_defined(change.path, lines, syntax) for lines in (change.before, change.after))
    found |= names & (before - after)
    return found if change.kind == "edit" else found | (names & {PurePosixPath(change.path).stem})


def taken_away(change: FileChange, syntax: Syntax) -> set[str]:
    """The names that other files could have of this one before `change`, and not after it.

    What belongs to a class or a function that is gone with it counts as that.
    """
    if change.kind == "create":
        return set()
    before, after = (declared(change.path, lines, syntax) for lines in (change.before, change.after))
    passed_on = " ".join(_PASSED_ON.findall("".join(change.after)))
    return _standing_alone(before - after - set(WORD.findall(passed_on)), change.before)


def declared(path: str, lines: Sequence[str], syntax: Syntax) -> set[str]:
    """What `lines` of the file at `path` define, and what they give a value for all of it."""
    return {*_VALUE.findall("".join(lines)), *_defined(path, lines, syntax)}


def imported_as(path: str) -> str:
    """The name by which others import the file at `path`."""
    place = PurePosixPath(path)
    return place.parent.name if place.stem in _FOLDERS_OWN else place.stem


def _standing_alone(names: set[str], lines: Iterable[str]) -> set[str]:
    """Those of `names` that stand elsewhere in `lines` than indented below another one of them."""
    found, around = set[str](), set[str]()
    for line in lines:
        words = names.intersection(WORD.findall(line))
        if line[:1].isspace():
            found |= words if not around else set()
        elif WORD.search(line):
            found |= words
            around = words
    return found


def _defined(path: str, lines: Sequence[str], syntax: Syntax) -> frozenset[str]:
    return syntax.defined(language_of(path), "".join(lines))


def _gone_lines(change: FileChange) -> str:
    """The lines that `change` takes out of its file, in any order."""
    before, after = (Counter(map(line_body, lines)) for lines in (change.before, change.after))
    return "\n".join(before - after)


def _assigned(names: Collection[str]) -> re.Pattern[str]:
    """Where one of `names` is given its value for a whole file: indented ones are those of a function or a class."""
    words = "|".join(map(re.escape, sorted(names)))
    return re.compile(rf"^(?:export\s+)?({words})\s*(?::[^=\n]*)?=(?!=)", re.MULTILINE)
