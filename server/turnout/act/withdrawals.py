"""What a repair takes back: a file that an earlier answer meant to change, and the last one does not.

Invariant: to leave a file as it was passes every check, and is still not what was asked for; so it is always said.
"""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from turnout.act.proposals import Skipped
from turnout.core.edits.changes import FileChange
from turnout.core.edits.replies import Reply
from turnout.errors import EditError, PathRefused

_MOST_OF_A_REASON = 500
"""In characters: what a check prints may be long."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """The paths of files that were to change, and what was wrong with it."""

    meant: Collection[str]
    wrong: str


def meant(reply: Reply, changes: Iterable[FileChange], failures: Iterable[EditError]) -> dict[str, None]:
    """The paths, in order, of files that `changes` change, or a step of `reply` would but for one of `failures`.

    To let go of a file that may not be changed is no withdrawal.
    """
    wrong = "\n".join(str(failure) for failure in failures if not isinstance(failure, PathRefused))
    failed = (step.path for step in reply.steps if _is_named(step.path, wrong))
    return dict.fromkeys([*(change.path for change in changes), *failed])


def taken_back(attempts: Iterable[Attempt], kept: Collection[str]) -> tuple[Skipped, ...]:
    """The files of `attempts` (in order) that are not among those `kept`, with what was wrong with them last."""
    reasons = {path: attempt.wrong for attempt in attempts for path in attempt.meant}
    return tuple(Skipped(path, _reason(wrong)) for path, wrong in reasons.items() if path not in kept)


def _is_named(path: str, text: str) -> bool:
    return re.search(rf"(?<![\w./-]){re.escape(path)}(?![\w/-])", text) is not None


def _reason(wrong: str) -> str:
    after = f" after: {wrong.strip()[:_MOST_OF_A_REASON]}" if wrong.strip() else "."
    return f"a repair took its change back{after}"
