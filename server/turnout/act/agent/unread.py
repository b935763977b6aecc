"""Proposals of a model that could not be read, until others come in their place.

Invariant: what such a call spoke of, as far as anybody can tell, is missed until a later turn speaks of it; a call that
nobody could read to its end is never taken for another with certainty.
"""

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from turnout.act.agent.accepted import spelling

_PATH = re.compile(r'"(?:new_)?path"\s*:\s*"((?:[^"\\]|\\.)*)"')
"""Where a call that is no JSON names a file, all the same."""
_LISTS = ("edits", "create", "rewrite", "rename", "delete")
_MOST_NAMED = 5
_MOST_OF_A_REASON = 300


class _Lost(NamedTuple):
    """One call: why it was not read, and the `paths` of it that nothing came for; whether it has no others."""

    why: str
    paths: frozenset[str]
    is_whole: bool

    @property
    def said(self) -> str:
        named = ", ".join(sorted(self.paths)[:_MOST_NAMED])
        return f"{named[:_MOST_OF_A_REASON]}: {self.why}" if named else self.why


@dataclass
class Unread:
    """The proposals of one refactor that could not be read."""

    doubtful: list[str] = field(default_factory=list)
    """Why, of those that are not missed, and may have been about more than what came after them."""
    _before: list[_Lost] = field(default_factory=list)
    """Those of the turns before."""
    _now: list[_Lost] = field(default_factory=list)

    def begin(self) -> None:
        """A turn begins: what it proposes is in the place of what the turns before did, and of nothing in it."""
        self._before += self._now
        self._now = []

    def note(self, arguments: str, why: str) -> None:
        """A call with these `arguments` could not be read; one that is tried again counts once."""
        paths, is_whole = _spoken_of(arguments)
        if is_whole and not paths:
            return
        taken = self._taken_up(paths)
        if not paths and taken is None and (taken := self._one_in_part()):
            self._before.remove(taken)
            paths = taken.paths
        self._now.append(_Lost(why[:_MOST_OF_A_REASON], paths, is_whole and not taken))

    def unusable(self, why: str) -> None:
        """An answer could not be used, and nobody knows what calls were in it."""
        if why[:_MOST_OF_A_REASON] not in self.doubtful:
            self.doubtful.append(why[:_MOST_OF_A_REASON])

    def proposed(self, paths: Collection[str]) -> None:
        """A proposal that speaks of `paths` was read: it may be in the place of one that nobody could read."""
        if taken := self._taken_up(paths):
            self.doubtful.append(taken.why)

    def let_go(self, path: str) -> bool:
        """Nothing is to come for `path` any more; whether something was."""
        known = any(path in lost.paths for lost in (*self._before, *self._now))
        self._before, self._now = self._without(path, self._before), self._without(path, self._now)
        return known

    @property
    def missed(self) -> tuple[str, ...]:
        """What nothing came in the place of, and why it was not read."""
        return tuple(lost.said for lost in (*self._before, *self._now))

    def _without(self, path: str, lost: Sequence[_Lost]) -> list[_Lost]:
        """`lost` without that path, and without those that had no other; of which one may have, is doubtful then."""
        self.doubtful += [one.why for one in lost if one.paths == {path} and not one.is_whole]
        return [one._replace(paths=one.paths - {path}) for one in lost if one.paths != {path}]

    def _one_in_part(self) -> _Lost | None:
        """A call of the turns before that nobody could read to its end."""
        return next((lost for lost in self._before if not lost.is_whole), None)

    def _taken_up(self, paths: Collection[str]) -> _Lost | None:
        """Take `paths` off what is missed; the one call that was not read to its end and is taken up so, if any is."""
        left = [lost._replace(paths=lost.paths.difference(paths)) for lost in self._before]
        left = [lost for lost in left if lost.paths or not lost.is_whole]
        taken = next((lost for lost in left if not lost.paths), None)
        self._before = [lost for lost in left if lost is not taken]
        return taken


def _spoken_of(arguments: str) -> tuple[frozenset[str], bool]:
    """The paths that a call of `propose_edits` names, and whether those are all."""
    try:
        call = json.loads(arguments or "{}")
    except (ValueError, RecursionError):
        call = None
    if not isinstance(call, Mapping):
        return frozenset(map(spelling, _PATH.findall(arguments))), False
    rows = [_rows(call.get(name)) for name in _LISTS]
    found = [_paths(row) for row in _flat(rows)]
    is_whole = None not in rows and all(found)
    return frozenset(spelling(path) for paths in found for path in paths), is_whole


def _rows(rows: Any) -> Sequence[Any] | None:
    """`rows` of a call; None where they are no list, and so may be anything."""
    if not rows:
        return ()
    return rows if isinstance(rows, list) else None


def _flat(lists: Sequence[Sequence[Any] | None]) -> Iterator[Any]:
    for rows in lists:
        yield from rows or ()


def _paths(row: Any) -> list[str]:
    """The paths of a row; none where it has not the form of one."""
    if isinstance(row, str):
        return [row]
    named = [row.get("path"), row.get("new_path")] if isinstance(row, Mapping) else []
    return [path for path in named if isinstance(path, str)]
