"""Proposals: kept under their ids until they are applied, and what was applied until it is undone.

Invariant: `apply` and `undo` take effect in full or not at all; a conflict anywhere means that nothing is touched.
"""

import asyncio
import time
from collections.abc import Callable, Collection, Coroutine
from dataclasses import dataclass
from uuid import uuid4

from turnout.act.effects import Conflict, carry_out
from turnout.act.seams import Workspace
from turnout.act.shelf import KEPT_ITEMS, Shelf
from turnout.core.edits.changes import FileChange, chosen, inverse
from turnout.core.receipts import Receipt
from turnout.errors import ProposalUnknown


@dataclass(frozen=True, slots=True)
class Check:
    """Something that was looked at before the proposal was made, and what was found."""

    name: str
    ok: bool
    message: str = ""


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


@dataclass(frozen=True, slots=True)
class Outcome:
    """Whether it was done; if not, the conflicts say why."""

    done: bool
    conflicts: tuple[Conflict, ...] = ()


def new_id() -> str:
    """A name for a proposal."""
    return uuid4().hex[:12]


class Proposals:
    """Proposals of the last day, and what was applied of them, newest last."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._kept: Shelf[Proposal] = Shelf(clock)
        self._applied: dict[str, tuple[Proposal, tuple[FileChange, ...]]] = {}
        self._one_at_a_time = asyncio.Lock()
        self._running: set[asyncio.Future[Outcome]] = set()

    def keep(self, proposal: Proposal) -> None:
        """Remember `proposal`; the oldest of too many is forgotten."""
        self._kept.keep(proposal.id, proposal)

    def find(self, proposal_id: str) -> Proposal:
        """The proposal of that id. Raises ProposalUnknown where it was applied, discarded or has expired."""
        proposal = self._kept.find(proposal_id)
        if proposal is None:
            raise ProposalUnknown(
                f"There is no proposal {proposal_id!r} to apply.", advice="Ask for the change again."
            )
        return proposal

    def discard(self, proposal_id: str) -> None:
        """Forget a proposal; one that is unknown is forgotten already."""
        self._kept.discard(proposal_id)

    def last_applied(self) -> str:
        """The id of the proposal that an undo would take back. Raises ProposalUnknown where there is none."""
        if not self._applied:
            raise ProposalUnknown("There is nothing to undo.")
        return next(reversed(self._applied))

    async def apply(
        self, workspace: Workspace, proposal_id: str, hunks: Collection[str] | None = None
    ) -> Outcome:
        """Apply a proposal, or the hunks of it that are named; once begun it runs to its end, even if cancelled.

        Raises ProposalUnknown.
        """
        return await self._to_the_end(self._apply(workspace, proposal_id, hunks))

    async def undo(self, workspace: Workspace, proposal_id: str | None = None) -> Outcome:
        """Take back what was applied of a proposal (None: of the last one), which may then be applied again.

        Raises ProposalUnknown where nothing of it was applied.
        """
        return await self._to_the_end(self._undo(workspace, proposal_id))

    async def _to_the_end(self, work: Coroutine[None, None, Outcome]) -> Outcome:
        task = asyncio.ensure_future(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return await asyncio.shield(task)

    async def _apply(self, workspace: Workspace, proposal_id: str, hunks: Collection[str] | None) -> Outcome:
        async with self._one_at_a_time:
            proposal = self.find(proposal_id)
            refused = _refusal(proposal, hunks)
            if refused:
                return Outcome(False, refused)
            changes = [part for change in proposal.changes if (part := chosen(change, hunks))]
            done, conflicts = await carry_out(workspace, proposal.label, changes)
            if conflicts:
                return Outcome(False, conflicts)
            self._kept.discard(proposal_id)
            self._applied[proposal_id] = (proposal, done)
            while len(self._applied) > KEPT_ITEMS:
                del self._applied[next(iter(self._applied))]
            return Outcome(True)

    async def _undo(self, workspace: Workspace, proposal_id: str | None) -> Outcome:
        async with self._one_at_a_time:
            last = next(reversed(self._applied), "")
            proposal, changes = self._applied.get(proposal_id or last, (None, ()))
            if proposal is None:
                raise ProposalUnknown("There is nothing to undo.")
            _, conflicts = await carry_out(
                workspace, f"Undo: {proposal.label}", [inverse(change) for change in changes]
            )
            if conflicts:
                return Outcome(False, conflicts)
            del self._applied[proposal.id]
            self.keep(proposal)
            return Outcome(True)


def _refusal(proposal: Proposal, hunks: Collection[str] | None) -> tuple[Conflict, ...]:
    """Why this choice of hunks is none, before looking at any file."""
    if hunks is None:
        if proposal.complete:
            return ()
        failed = "; ".join(check.message for check in proposal.checks if not check.ok)
        return (Conflict("", f"Parts of the model's answer could not be used: {failed}"),)
    known = {hunk.id for change in proposal.changes for hunk in change.hunks}
    unknown = sorted(set(hunks) - known)
    if unknown:
        return (Conflict("", f"The proposal has no hunk {', '.join(unknown)}."),)
    return () if hunks else (Conflict("", "No hunk was chosen."),)
