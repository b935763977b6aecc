"""What is remembered of a proposal: where it belongs, and how far it has come.

Invariant: an entry says what is about to happen before any of it happens, so that whoever finds it after a crash
knows every file that may have been touched, with its text before and after.
"""

from collections.abc import Collection, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple, Protocol

from turnout.act.proposals import Check, Proposal
from turnout.core.edits.changes import FileChange, chosen, remaining

State = Literal["offered", "applying", "applied", "undoing"]

KEPT_ITEMS = 50
OFFERED_S = 24 * 3600.0
APPLIED_S = 7 * 24 * 3600.0


class Applied(NamedTuple):
    """Hunks of a proposal that were applied together, counted in the files as they were then, and when that was."""

    changes: tuple[FileChange, ...]
    since: float


@dataclass(frozen=True, slots=True)
class Entry:
    """One proposal for the folder `root` (a real path; empty where nobody said).

    `changes` are what is being done (`applying`, `undoing`) or was done last (`applied`), counted in the files as they
    were then. `since` is when it came into its state, in seconds since the epoch. `earlier` are other hunks of the
    proposal that were applied before `changes` and still are, the last at the end. `undone` is when some were last
    taken back (0: never): what is left, and what may be applied again, is kept as long as if it were applied then.
    """

    proposal: Proposal
    root: str
    state: State
    since: float
    changes: tuple[FileChange, ...] = ()
    earlier: tuple[Applied, ...] = field(default=())
    undone: float = 0.0

    @property
    def head(self) -> "Head":
        """The entry without its texts."""
        return Head(self.proposal.id, self.root, self.state, self.since, self.undone)

    @property
    def applied(self) -> tuple[Applied, ...]:
        """All that is applied of the proposal, the last at the end."""
        return (*self.earlier, Applied(self.changes, self.since)) if self.state == "applied" else self.earlier

    @property
    def taken(self) -> frozenset[str]:
        """The hunks that are applied."""
        return frozenset(hunk.id for part in self.applied for change in part.changes for hunk in change.hunks)

    @property
    def rest(self) -> Proposal:
        """What can still be applied: the proposal without the hunks that are."""
        taken = self.taken
        if not taken:
            return self.proposal
        return replace(
            self.proposal, changes=_some(remaining(change, taken) for change in self.proposal.changes)
        )

    def without_rest(self) -> "Entry":
        """The entry of what is applied alone: the checks were of more than that."""
        only = _some(chosen(change, self.taken) for change in self.proposal.changes)
        checks = (*self.proposal.checks, Check("these hunks alone", True, "others were discarded", ran=False))
        return replace(self, proposal=replace(self.proposal, changes=only, checks=checks))

    def stepped_back(self, now: float) -> "Entry":
        """The entry once `changes` are not done: as it was before them."""
        if not self.earlier:
            return replace(self, state="offered", since=now, changes=())
        last = self.earlier[-1]
        return replace(
            self,
            state="applied",
            since=last.since,
            changes=last.changes,
            earlier=self.earlier[:-1],
            undone=now,
        )


class Head(NamedTuple):
    """What can be told of an entry without reading its texts."""

    id: str
    root: str
    state: State
    since: float
    undone: float = 0.0

    @property
    def is_under_way(self) -> bool:
        """Whether files may be in the middle of it; such an entry neither expires nor makes room."""
        return self.state in ("applying", "undoing")

    def is_over(self, now: float) -> bool:
        """Whether its time is up."""
        kept_s = OFFERED_S if self.state == "offered" else APPLIED_S
        return not self.is_under_way and max(self.since, self.undone) + kept_s < now


class Journal(Protocol):
    """Where entries are kept; every call blocks. Whoever writes to disk raises Unrecorded where that fails."""

    def write(self, entry: Entry) -> None:
        """Keep `entry` in the place of what was known of its proposal; on disk before this returns."""
        ...

    def probe(self, root: str) -> None:
        """Find out whether an entry for `root` could be kept, without keeping any."""
        ...

    def find(self, proposal_id: str) -> Entry | None:
        """The entry of a proposal; None where it was never kept, discarded or has expired."""
        ...

    def heads(self) -> tuple[Head, ...]:
        """All entries, those that came into their state last at the end."""
        ...

    def discard(self, proposal_id: str) -> None:
        """Forget an entry; one that is unknown is forgotten already."""
        ...

    def locked(self, root: str) -> AbstractContextManager[None]:
        """Nobody else applies or undoes anything in `root` meanwhile. Raises FolderBusy where somebody does."""
        ...


class InMemory:
    """A journal that ends with its process."""

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}

    def write(self, entry: Entry) -> None:
        """Keep `entry`."""
        self._entries.pop(entry.proposal.id, None)
        self._entries[entry.proposal.id] = entry
        for head in past_limit(self.heads()):
            del self._entries[head.id]

    def probe(self, root: str) -> None:
        """Memory takes any."""

    def find(self, proposal_id: str) -> Entry | None:
        """The entry of a proposal."""
        return self._entries.get(proposal_id)

    def heads(self) -> tuple[Head, ...]:
        """All entries, in the order in which they came into their states."""
        heads = (entry.head for entry in self._entries.values())
        return tuple(sorted(heads, key=lambda head: head.since))

    def discard(self, proposal_id: str) -> None:
        """Forget an entry."""
        self._entries.pop(proposal_id, None)

    @contextmanager
    def locked(self, root: str) -> Iterator[None]:
        """Nobody else knows of this journal."""
        yield


def _some(changes: Iterable[FileChange | None]) -> tuple[FileChange, ...]:
    return tuple(change for change in changes if change)


def past_limit(heads: Collection[Head]) -> tuple[Head, ...]:
    """The oldest of too many, of those offered and those applied each."""
    found: list[Head] = []
    for state in ("offered", "applied"):
        same = [head for head in heads if head.state == state]
        found += same[: max(0, len(same) - KEPT_ITEMS)]
    return tuple(found)
