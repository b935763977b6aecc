"""What a repair takes back: a file whose change was drafted once, and of which the last draft has none.

Invariant: to leave a file as it was passes every check, and is still not what was asked for; so it is always said.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from turnout.act.proposals import Skipped
from turnout.core.edits.changes import FileChange

_MOST_OF_A_REASON = 500
"""In characters: what a check prints may be long."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """Changes that were drafted, and what was wrong with them."""

    changes: Sequence[FileChange]
    wrong: str


def taken_back(attempts: Iterable[Attempt], changes: Iterable[FileChange]) -> tuple[Skipped, ...]:
    """The files of `attempts` (in order) of which nothing is left in `changes`, with what was wrong with them last."""
    reasons = {change.path: attempt.wrong for attempt in attempts for change in attempt.changes}
    kept = {path for change in changes for path in (change.path, change.new_path)}
    return tuple(Skipped(path, _reason(wrong)) for path, wrong in reasons.items() if path not in kept)


def _reason(wrong: str) -> str:
    after = f" after: {wrong.strip()[:_MOST_OF_A_REASON]}" if wrong.strip() else "."
    return f"a repair took its change back{after}"
