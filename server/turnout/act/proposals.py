"""Proposals: kept under their ids until they are applied, and what was applied until it is undone.

Invariant: `apply` and `undo` take effect in full or not at all; a conflict anywhere means that nothing is touched.
"""

import asyncio
import time
from collections.abc import Callable, Collection, Coroutine, Iterable
from dataclasses import dataclass, replace
from itertools import chain
from uuid import uuid4

from turnout.act.seams import Workspace
from turnout.core.edits.changes import (
    DocumentEdit,
    FileChange,
    Transaction,
    apply_hunks,
    chosen,
    inverse,
    operation,
    text_edits,
    text_hunks,
)
from turnout.core.edits.rebase import rebase
from turnout.core.receipts import Receipt
from turnout.errors import EditError, ProposalUnknown

KEPT_PROPOSALS = 50
KEPT_S = 24 * 3600.0
_ATTEMPTS = 3


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
class Conflict:
    """Why a proposal cannot be applied or undone, at which place; `line` counts from 0 in its text before."""

    uri: str
    message: str
    hunk: str | None = None
    line: int | None = None


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
        self._clock = clock
        self._kept: dict[str, tuple[float, Proposal]] = {}
        self._applied: dict[str, tuple[Proposal, tuple[FileChange, ...]]] = {}
        self._one_at_a_time = asyncio.Lock()
        self._running: set[asyncio.Future[Outcome]] = set()

    def keep(self, proposal: Proposal) -> None:
        """Remember `proposal`; the oldest of too many is forgotten."""
        self._kept[proposal.id] = (self._clock() + KEPT_S, proposal)
        while len(self._kept) > KEPT_PROPOSALS:
            del self._kept[next(iter(self._kept))]

    def find(self, proposal_id: str) -> Proposal:
        """The proposal of that id. Raises ProposalUnknown where it was applied, discarded or has expired."""
        expires, proposal = self._kept.get(proposal_id, (float("-inf"), None))
        if proposal is None or expires < self._clock():
            self._kept.pop(proposal_id, None)
            raise ProposalUnknown(
                f"There is no proposal {proposal_id!r} to apply.", advice="Ask for the change again."
            )
        return proposal

    def discard(self, proposal_id: str) -> None:
        """Forget a proposal; one that is unknown is forgotten already."""
        self._kept.pop(proposal_id, None)

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
            done, conflicts = await _carry_out(workspace, proposal.label, changes)
            if conflicts:
                return Outcome(False, conflicts)
            del self._kept[proposal_id]
            self._applied[proposal_id] = (proposal, done)
            while len(self._applied) > KEPT_PROPOSALS:
                del self._applied[next(iter(self._applied))]
            return Outcome(True)

    async def _undo(self, workspace: Workspace, proposal_id: str | None) -> Outcome:
        async with self._one_at_a_time:
            last = next(reversed(self._applied), "")
            proposal, changes = self._applied.get(proposal_id or last, (None, ()))
            if proposal is None:
                raise ProposalUnknown("There is nothing to undo.")
            _, conflicts = await _carry_out(
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


async def _carry_out(
    workspace: Workspace, label: str, changes: Iterable[FileChange]
) -> tuple[tuple[FileChange, ...], tuple[Conflict, ...]]:
    """Do `changes` to the files as they are now: what was done, or the conflicts that kept it from being done.

    An editor that refuses the edits because a document moved meanwhile is given them afresh.
    """
    wanted = tuple(changes)
    for _ in range(_ATTEMPTS):
        fitted, conflicts = _fit_all(workspace, wanted)
        if conflicts:
            return (), conflicts
        if await _apply_edits(workspace, label, fitted):
            break
    else:
        return (), (Conflict("", "The editor did not apply the edits."),)
    operations = tuple(op for change in fitted if (op := operation(change)))
    if not operations or await workspace.apply(Transaction(label, operations=operations)):
        return fitted, ()
    taken_back = await _take_back(workspace, label, fitted)
    rest = "" if taken_back else " The edits of text that came before could not be taken back."
    return (), (Conflict("", f"The editor did not create, rename or delete the files.{rest}"),)


async def _apply_edits(workspace: Workspace, label: str, changes: Iterable[FileChange]) -> bool:
    edits = tuple(
        DocumentEdit(change.uri, change.version, text_edits(change.before, hunks))
        for change in changes
        if (hunks := text_hunks(change))
    )
    return not edits or await workspace.apply(Transaction(label, edits=edits))


async def _take_back(workspace: Workspace, label: str, changes: Iterable[FileChange]) -> bool:
    """Undo the edits of text of `changes`, none of whose file operations took place."""
    edited = (
        replace(change, kind="edit", hunks=hunks, new_uri=None, new_path=None)
        for change in changes
        if (hunks := text_hunks(change))
    )
    _, conflicts = await _carry_out(workspace, f"Undo: {label}", [inverse(change) for change in edited])
    return not conflicts


def _fit_all(
    workspace: Workspace, changes: Iterable[FileChange]
) -> tuple[tuple[FileChange, ...], tuple[Conflict, ...]]:
    results = [_fit(workspace, change) for change in changes]
    return (
        tuple(fitted for fitted, _ in results),
        tuple(chain.from_iterable(conflicts for _, conflicts in results)),
    )


def _fit(workspace: Workspace, change: FileChange) -> tuple[FileChange, list[Conflict]]:
    """`change` counted in the file as it is now, or what stands against it."""
    target = change.uri if change.kind == "create" else change.new_uri
    if target is not None and workspace.exists(target):
        return change, [Conflict(target, "There is a file already.")]
    if change.kind == "create":
        return change, []
    try:
        now = workspace.snapshot(change.uri)
    except EditError as failure:
        return change, [Conflict(change.uri, str(failure))]
    if now is None:
        return change, [Conflict(change.uri, "The file is no longer there.")]
    if change.kind == "delete" and now.lines != change.before:
        return change, [Conflict(change.uri, "The file has been edited since.")]
    moved, touched = rebase(text_hunks(change), change.before, now.lines)
    conflicts = [
        Conflict(change.uri, "These lines have been edited since.", hunk.id, hunk.start) for hunk in touched
    ]
    hunks = change.hunks[: len(change.hunks) - len(moved) - len(touched)] + moved
    after = () if change.kind == "delete" else apply_hunks(now.lines, moved)
    return replace(change, before=now.lines, after=after, hunks=hunks, version=now.version), conflicts
