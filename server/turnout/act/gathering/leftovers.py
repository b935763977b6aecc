"""Files that still mention a name which a change takes away, and that it leaves as they are.

Invariant: it says nothing of what is hidden or ignored by git, and only of code in a language that could have the name.
"""

import asyncio
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import islice

from turnout.act.gathering.declared import declared, imported_as, taken_away
from turnout.act.gathering.finding import is_whole, unindexed
from turnout.act.gathering.members import Owners, had, owners
from turnout.act.gathering.scope import MAX_LOOKED_AT, NOT_CODE
from turnout.act.proposals import Check
from turnout.act.seams import Seams, Syntax
from turnout.core.documents import Snapshot, line_body
from turnout.core.edits.changes import FileChange
from turnout.core.languages import language_of
from turnout.errors import EditError

_MOST = 200
"""Files that are counted."""
_LISTED = 10
_SHORTEST = 3
_KIN = {
    "c": "cpp",
    "javascriptreact": "javascript",
    "typescript": "javascript",
    "typescriptreact": "javascript",
}
_IMPORTS = re.compile(r"\b(?:import|from|require|include|use|mod|source)\b")


@dataclass(frozen=True, slots=True)
class _Gone:
    """What a change takes from those who write one family of languages.

    `names` are of definitions, `moved` those by which files were imported that are elsewhere or nowhere now, and
    `homes` those of all files that the names were in. `owners` are the classes of names that each belong to one, and
    `shared` are names that files which stay as they are define as well.
    """

    family: str
    names: set[str] = field(default_factory=set)
    moved: set[str] = field(default_factory=set)
    homes: set[str] = field(default_factory=set)
    owners: Owners = field(default_factory=dict)
    shared: set[str] = field(default_factory=set)

    def said_in(self, path: str, file: Snapshot, syntax: Syntax) -> set[str]:
        """Those that a file still mentions; what it declares by itself is its own, unless it imports a home of them."""
        said, imported = set[str](), set[str]()
        word = _whole(self.names.union(self.homes, *self.owners.values()))
        for line in map(line_body, file.lines):
            words = word.findall(line)
            said.update(words)
            imported.update(words if words and _IMPORTS.search(line) else ())
        found = said & self.names
        if found and not imported & self.homes:
            found -= declared(path, file.lines, syntax)
            found -= self._of_others(found, said, file.lines)
        return found | (imported & self.moved)

    def _of_others(self, found: set[str], said: set[str], lines: Sequence[str]) -> set[str]:
        """Those `found` that belong to a class which a file that has `said` so much does not know."""
        of_classes = {name for name in found if not self.owners.get(name, said).intersection(said)}
        return of_classes - (had(lines) - self.shared)


async def leftovers(changes: Sequence[FileChange], seams: Seams) -> list[Check]:
    """That files which `changes` leave as they are still mention what they take away; nothing where none does.

    Whether they mean the same nobody can tell by the name, so it is no failure, but was not checked.
    """
    return await asyncio.to_thread(_leftovers, changes, seams)


def _leftovers(changes: Sequence[FileChange], seams: Seams) -> list[Check]:
    found: dict[str, set[str]] = {}
    for gone in _gone(changes, seams):
        found |= islice(_still(gone, changes, seams), _MOST - len(found))
    if not found:
        return []
    names = sorted(set[str]().union(*found.values()))
    return [
        Check(
            f"mentions of {_listed(names)}",
            True,
            f"{_listed(sorted(found))} still {'say' if len(found) > 1 else 'says'} it",
            ran=False,
        )
    ]


def _gone(changes: Iterable[FileChange], seams: Seams) -> list[_Gone]:
    """What `changes` take away, for each family of languages."""
    found: dict[str, _Gone] = {}
    for change in changes:
        family, home = _family(change.path), imported_as(change.path)
        if family in NOT_CODE:
            continue
        gone = found.setdefault(family, _Gone(family))
        gone.names.update(filter(_is_telling, taken_away(change, seams.syntax)))
        gone.homes.add(home)
        if change.kind in ("delete", "rename") and _is_telling(home):
            gone.moved.add(home)
    return [_owned(gone, changes, seams) for gone in found.values() if gone.names or gone.moved]


def _owned(gone: _Gone, changes: Iterable[FileChange], seams: Seams) -> _Gone:
    """`gone` with what its names belong to."""
    lines = [line for change in changes if _family(change.path) == gone.family for line in change.before]
    found = owners(gone.names, lines)
    index = seams.repository
    if not found or index is None or not is_whole(index):
        return replace(gone, owners=found)
    changed = {change.path for change in changes}
    defined = (one for name in found for one in index.definitions([name], limit=_MOST))
    shared = {one.name for one in defined if one.path not in changed and _family(one.path) == gone.family}
    return replace(gone, owners=found, shared=shared)


def _still(gone: _Gone, changes: Sequence[FileChange], seams: Seams) -> Iterator[tuple[str, set[str]]]:
    """Files that mention what is `gone`, and what of it."""
    changed = {path for change in changes for path in (change.path, change.new_path)}
    for path in _candidates(gone.names | gone.moved, seams):
        if path in changed or _family(path) != gone.family:
            continue
        with suppress(EditError):  # what cannot be read is said where files are chosen
            file = seams.workspace.snapshot(seams.workspace.uri(path))
            if file is not None and (said := gone.said_in(path, file, seams.syntax)):
                yield path, said


def _candidates(names: Collection[str], seams: Seams) -> Iterable[str]:
    """Files that may mention `names`: by the index where it is whole, else as many as are looked at anywhere."""
    repository, listed = seams.repository, seams.workspace.paths()
    if repository is None or not is_whole(repository):
        return islice(listed, MAX_LOOKED_AT)
    every = tuple(listed)
    known = {mention.path for name in names for mention in repository.mentions(name, limit=_MOST * 5)}
    known.update(unindexed(every, repository)[:MAX_LOOKED_AT])
    return (path for path in every if path in known)


def _whole(names: Collection[str]) -> re.Pattern[str]:
    words = "|".join(map(re.escape, sorted(filter(None, names))))
    return re.compile(rf"(?<![\w$])(?:{words})(?![\w$])")


def _family(path: str) -> str:
    """The languages that can have names of one another, by one of them."""
    language = language_of(path)
    return _KIN.get(language, language)


def _is_telling(name: str) -> bool:
    """Whether a name is one of somebody's own: short ones and those of the language are everywhere."""
    letters = sum(c.isalpha() for c in name)
    return letters >= _SHORTEST and not (name.startswith("__") and name.endswith("__"))


def _listed(words: Sequence[str]) -> str:
    more = f" and {len(words) - _LISTED} more" if len(words) > _LISTED else ""
    return f"{', '.join(words[:_LISTED])}{more}"
