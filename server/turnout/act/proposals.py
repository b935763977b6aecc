"""A proposal: changes of files that the user may take, what was found out about them, and what they cost.

Invariant: a proposal is called verified only where everything that was to be looked at was, and nothing was wrong.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple
from uuid import uuid4

from turnout.core.edits.changes import FileChange
from turnout.core.problems import Problem
from turnout.core.receipts import Receipt

_SAYS = ", which "
"""What stands in a name between a file and what is said of it."""


@dataclass(frozen=True, slots=True)
class Check:
    """Something that was looked at before the proposal was made, and what was found.

    `ran` is False where it could not be looked at, and so says nothing about the change.
    `problems` are those of the `message` whose place is known; they are not kept with a proposal.
    """

    name: str
    ok: bool
    message: str = ""
    ran: bool = True
    problems: tuple[Problem, ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file that was left out, and why."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class Proposal:
    """A change to files that the user may apply; `complete` is False where parts of the reply could not be used.

    An incomplete proposal is applied only by naming its hunks.
    """

    id: str
    label: str
    plan: str
    changes: tuple[FileChange, ...]
    checks: tuple[Check, ...]
    receipt: Receipt
    skipped: tuple[Skipped, ...] = ()
    complete: bool = True


class Verdict(NamedTuple):
    """What the checks of a proposal come to, and that in words."""

    state: Literal["verified", "partly", "failed"]
    text: str


def new_id() -> str:
    """A name for a proposal."""
    return uuid4().hex[:12]


def verdict(checks: Sequence[Check]) -> Verdict:
    """Whether a change that `checks` were run on is verified, in part, or failed."""
    failed = [check.name for check in checks if not check.ok]
    if failed == ["changes"]:
        return Verdict("failed", "Nothing to change.")
    if failed:
        return Verdict("failed", f"Failed: {', '.join(failed)}.")
    unseen = _merged(check.name for check in checks if not check.ran)
    if unseen:
        seen = [check.name for check in checks if check.ran]
        passed = f" Passed: {', '.join(seen)}." if seen else ""
        return Verdict("partly", f"Verified in part. Not checked: {', '.join(unseen)}.{passed}")
    return Verdict("verified", f"Verified: {', '.join(check.name for check in checks)}.")


def _merged(names: Iterable[str]) -> list[str]:
    """`names`, all that is said of one file as one of them."""
    said: dict[str, str] = {}
    for name in names:
        file, _, what = name.rpartition(_SAYS)
        said[file or name] = f"{said[file]} and{_SAYS[1:]}{what}" if file in said else name
    return [*said.values()]
