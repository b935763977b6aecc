"""What a repair takes back: a file that an earlier answer meant to change, or a part of its change.

Invariant: to leave a file as it was passes every check, and is still not what was asked for; so it is always said.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import NamedTuple

from turnout.act.proposals import Skipped
from turnout.core.documents import line_body
from turnout.core.edits.changes import FileChange, Hunk, text_hunks
from turnout.core.edits.replies import Replace, Reply, Write
from turnout.core.problems import Problem
from turnout.errors import EditError, PathRefused

_MOST_OF_A_REASON = 500
"""In characters: what a check prints may be long."""
_MOST_OF_A_LINE = 80
_CLOSE = 0.7
"""As difflib counts: what a line that was misremembered has in common with the right one."""
_MOST_COMPARED = 1_000
_BLANKS = re.compile(r"\s+")
_WORD = re.compile(r"\w")


@dataclass(frozen=True, slots=True)
class Attempt:
    """The paths of files that were to change, how, and what was wrong with it."""

    meant: Collection[str]
    wrong: str
    reply: Reply
    changes: tuple[FileChange, ...]
    problems: tuple[Problem, ...] | None = None
    """What was found at which lines of the changed files; None where sound edits go only by being taken back."""


class Withdrawn(NamedTuple):
    """What was taken back: files and edits that are missing now, and hunks that were sound and did not stay."""

    missing: tuple[Skipped, ...]
    reconsidered: tuple[Skipped, ...]


def meant(reply: Reply, changes: Iterable[FileChange], failures: Iterable[EditError]) -> dict[str, None]:
    """The paths, in order, of files that `changes` change, or a step of `reply` would but for one of `failures`.

    To let go of a file that may not be changed is no withdrawal.
    """
    wrong = "\n".join(str(failure) for failure in failures if not isinstance(failure, PathRefused))
    failed = (step.path for step in reply.steps if is_named(step.path, wrong))
    return dict.fromkeys([*(change.path for change in changes), *failed])


def taken_back(attempts: Sequence[Attempt], kept: Attempt) -> Withdrawn:
    """What of `attempts` (in order) is not in what is `kept` of them, with what was wrong with it last."""
    reasons = {path: attempt.wrong for attempt in attempts for path in attempt.meant}
    files = [Skipped(path, _reason("its change", wrong)) for path, wrong in reasons.items()]
    missing = {file.path: file for file in files if file.path not in kept.meant}
    reconsidered: dict[str, Skipped] = {}
    problems = [problem for attempt in attempts for problem in attempt.problems or ()]
    for change in kept.changes:
        for attempt in attempts:
            before = next((one for one in attempt.changes if one.path == change.path), None)
            steps = _of_steps(change.path, attempt.reply)
            parts = list(_of_change(before, attempt.reply) if before else steps)
            lost = list(_lost(parts, change))
            if lost:
                what = f"a part of its change ({', '.join(part.place for part in lost[:5])})"
                is_wanted = attempt.problems is None or _is_wanted(lost, parts, problems)
                told = reconsidered if before and is_wanted else missing
                told[change.path] = Skipped(change.path, _reason(what, attempt.wrong))
    return Withdrawn(tuple(missing.values()), tuple(reconsidered.values()))


class _Part(NamedTuple):
    """One edit of a file, by the lines that it takes out and puts in, without blanks; `hunk` says where, if known.

    `path` and `lines` (from 1) are where it is in the text after it.
    """

    removed: Counter[str]
    added: Counter[str]
    place: str
    hunk: Hunk | None = None
    path: str = ""
    lines: range = range(0)


def _is_wanted(lost: Sequence[_Part], parts: Sequence[_Part], problems: Sequence[Problem]) -> bool:
    """Whether a repair left `lost` out on purpose: a problem is in each, and others of `parts` were given again.

    A repair that gives none of them again may as well have been thought to come on top of them.
    """
    blamed = all(any(one.path == part.path and one.line in part.lines for one in problems) for part in lost)
    return blamed and len(lost) < len(parts)


def _of_change(change: FileChange, reply: Reply) -> Iterator[_Part]:
    """The edits of a file; not what is only gone where it was written anew: to put that back is what was asked for."""
    anew = any(isinstance(step, Write) and step.path == change.path for step in reply.steps)
    path, shift = change.new_path or change.path, 0
    for hunk in text_hunks(change):
        first = hunk.start + shift + 1
        shift += len(hunk.after) - len(hunk.before)
        part = _part(hunk.before, hunk.after, f"line {hunk.start + 1}", hunk)
        part = part._replace(path=path, lines=range(first, first + max(1, len(hunk.after))))
        if part.added or (part.removed and not anew):
            yield part


def _of_steps(path: str, reply: Reply) -> Iterator[_Part]:
    """The edits of a file that did not become a change, for which not all of them could be found."""
    for step in reply.steps:
        if isinstance(step, Replace) and step.path == path:
            first = next((line for line in (*step.search, *step.replace) if line.strip()), "")
            part = _part(step.search, step.replace, f"`{first.strip()[:_MOST_OF_A_LINE]}`")
            if part.added or part.removed:
                yield part


def _part(before: Iterable[str], after: Iterable[str], place: str, hunk: Hunk | None = None) -> _Part:
    old, new = _lines(before), _lines(after)
    return _Part(old - new, new - old, place, hunk)


def _lines(lines: Iterable[str]) -> Counter[str]:
    return Counter(_BLANKS.sub("", line_body(line)) for line in lines if _WORD.search(line))


def _lost(parts: Sequence[_Part], change: FileChange) -> Iterator[_Part]:
    """Those of `parts` that `change` has neither in their words, as often as they were meant, nor at their place.

    One that never had a place is kept where `change` has it corrected, each line of it that is in the file.
    """
    hunks = text_hunks(change)
    if change.kind not in ("edit", "rename"):
        return
    wanted = _words(parts)
    there = _words(_part(hunk.before, hunk.after, "") for hunk in hunks)
    correction = _Correction(change, there, there - wanted)
    for part in parts:
        if part.hunk is None:
            is_kept = correction.has(part, wanted)
        else:
            is_found = any(there[line] >= wanted[line] for line in _words([part]))
            is_kept = is_found or any(_touch(part.hunk, hunk) for hunk in hunks)
        if not is_kept:
            yield part


class _Correction:
    """What a `change` makes of edits that never had a place; `spare` are its lines that no edit says."""

    def __init__(self, change: FileChange, there: Counter[str], spare: Counter[str]) -> None:
        self._there = there
        self._spare = spare
        both = _lines(change.before) & _lines(change.after)
        self._stayed = list(both)[:_MOST_COMPARED]

    def has(self, part: _Part, wanted: Counter[str]) -> bool:
        """Whether something of `part` is there, corrected or not, and nothing that it meant to change stayed."""
        sign = "-" if part.removed else "+"
        words = _words([part])
        found = [line for line in words if self._there[line] >= wanted[line]]
        missing = [line for line in words if line.startswith(sign) and line not in found]
        left = [line for line in missing if not self._is_close_to_spare(line, sign)]
        if not found and len(left) == len(missing):
            return False
        return not (part.removed and any(self._stays(line[1:]) for line in left))

    def _is_close_to_spare(self, line: str, sign: str) -> bool:
        """Whether a line close to `line` is spare; it is then taken."""
        free = [spare for spare in +self._spare if spare.startswith(sign)][:_MOST_COMPARED]
        close = get_close_matches(line, free, 1, _CLOSE)
        self._spare.subtract(close)
        return bool(close)

    def _stays(self, line: str) -> bool:
        return bool(get_close_matches(line, self._stayed, 1, _CLOSE))


def _words(parts: Iterable[_Part]) -> Counter[str]:
    """How often `parts` put in and take out each line."""
    found = Counter[str]()
    for part in parts:
        found.update({f"+{line}": count for line, count in part.added.items()})
        found.update({f"-{line}": count for line, count in part.removed.items()})
    return found


def _touch(hunk: Hunk, other: Hunk) -> bool:
    return hunk.start <= other.end and other.start <= hunk.end


def is_named(path: str, text: str) -> bool:
    """Whether `text` names `path`, and not one that has it as a part."""
    return re.search(rf"(?<![\w./-]){re.escape(path)}(?![\w/-])", text) is not None


def _reason(what: str, wrong: str) -> str:
    after = f" after: {wrong.strip()[:_MOST_OF_A_REASON]}" if wrong.strip() else "."
    return f"a repair took {what} back{after}"
