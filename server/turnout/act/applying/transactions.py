"""Proposals take effect, and are taken back, under a journal that outlives this process.

Invariant: `apply` and `undo` take effect in full or not at all; what they are about to do is in the journal before the
first file is touched, and `recover` brings every file that a crash left in between to one side.
"""

import asyncio
import logging
import os
import shlex
import time
from collections.abc import Callable, Collection, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import NamedTuple

from turnout.act.applying.effects import (
    Conflict,
    Record,
    as_things_stand,
    carry_out,
    operation_alone,
    still_to_do,
    tidy,
)
from turnout.act.applying.entries import Entry, InMemory, Journal, State
from turnout.act.applying.folders import is_around, touches
from turnout.act.applying.recovery import look, settle, sweep
from turnout.act.applying.unsaved import shown_otherwise, taken_back_on_one_side
from turnout.act.proposals import Proposal
from turnout.act.seams import Workspace
from turnout.core.edits.changes import FileChange, chosen, inverse
from turnout.errors import CutOffInEditor, FolderBusy, ProposalUnknown, Unrecorded

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Outcome:
    """Whether it was done; if not, the conflicts say why.

    `is_half_done` where a part of it that was not meant to stay could not be taken back: an undo knows of it.
    After an application `left` are the hunks of the proposal that can still be applied, whether it was done or not.
    """

    done: bool
    conflicts: tuple[Conflict, ...] = ()
    is_half_done: bool = False
    left: tuple[str, ...] = ()


class Standing(NamedTuple):
    """What can be applied of a proposal to the files as they are now, and why other parts of it cannot."""

    proposal: Proposal
    conflicts: tuple[Conflict, ...]


class Proposals:
    """The proposals of a journal: a day to be applied, a week to be undone."""

    def __init__(self, journal: Journal | None = None, clock: Callable[[], float] = time.time) -> None:
        self._journal = journal or InMemory()
        self._clock = clock
        self._one_at_a_time = asyncio.Lock()
        self._running: set[asyncio.Future[Outcome]] = set()

    def keep(self, proposal: Proposal, root: str = "") -> None:
        """Remember `proposal` for the folder `root`. Raises Unrecorded. Writes to disk: call it in a thread."""
        self._journal.write(Entry(proposal, root, "offered", self._clock()))

    def probe(self, root: str) -> None:
        """Find out whether a proposal for `root` could be kept. Raises Unrecorded. Writes to disk, too."""
        self._journal.probe(root)

    def must_be_free(self, root: str) -> None:
        """Find out whether somebody else changes files of `root` now. Raises FolderBusy, Unrecorded. Blocks."""
        with self._journal.locked(root):
            pass

    def find(self, proposal_id: str) -> Proposal:
        """What is not applied of the proposal of that id.

        Raises ProposalUnknown where all of it was applied, or it was discarded or has expired. Blocks.
        """
        return self._entry(proposal_id, "offered").rest

    def newest(self, roots: Collection[str] | None = None) -> str | None:
        """The id of the last proposal for `roots` (None: for any) of which something can be applied. Blocks."""
        for head in reversed(self._journal.heads()):
            if roots is None or head.root in roots:
                with suppress(ProposalUnknown):
                    if self.find(head.id).changes:
                        return head.id
        return None

    async def look(self, workspace: Workspace, proposal_id: str) -> Standing:
        """What is not applied of a proposal, counted in the files as they are now. Raises ProposalUnknown."""
        proposal = await asyncio.to_thread(self.find, proposal_id)
        fits, conflicts = await asyncio.to_thread(as_things_stand, workspace, proposal.changes)
        return Standing(replace(proposal, changes=fits), conflicts)

    def root(self, proposal_id: str) -> str:
        """The folder that a proposal is for. Raises ProposalUnknown. Blocks."""
        entry = self._journal.find(proposal_id)
        if entry is None:
            raise _unknown(proposal_id)
        return entry.root

    def discard(self, proposal_id: str) -> None:
        """Forget what is not applied of a proposal. Raises FolderBusy, Unrecorded. Blocks."""
        entry = self._journal.find(proposal_id)
        if entry and entry.state == "offered":
            self._journal.discard(proposal_id)
        elif entry and entry.rest.changes:
            with self._journal.locked(entry.root):
                entry = self._journal.find(proposal_id)
                if entry and entry.state == "applied":
                    self._journal.write(entry.without_rest())

    def last_applied(self, roots: Collection[str] | None = None) -> str:
        """The id of what an undo in `roots` (None: anywhere) would take back, or would first have to put right.

        Raises ProposalUnknown where there is none, or the last to change their files was for a folder around. Blocks.
        """
        now = self._clock()
        for head in reversed(self._journal.heads()):
            if head.state == "offered" or head.is_over(now):
                continue
            if roots is None or head.root in roots:
                return head.id
            if is_around(head.root, roots) and self._touches(head.id, roots):
                raise ProposalUnknown(
                    f"The last refactor here was applied in the folder around it, {head.root}.",
                    advice=f"Undo it there, in an editor or with: turnout undo {shlex.quote(head.root)}",
                )
        raise ProposalUnknown("There is nothing to undo.")

    def _touches(self, proposal_id: str, roots: Collection[str]) -> bool:
        entry = self._journal.find(proposal_id)
        return entry is not None and touches(entry, roots)

    def roots(self) -> tuple[str, ...]:
        """The folders that there are proposals for. Blocks."""
        return tuple(dict.fromkeys(head.root for head in self._journal.heads() if head.root))

    def label(self, proposal_id: str) -> str:
        """What a proposal is called; empty for one that is unknown. Blocks."""
        entry = self._journal.find(proposal_id)
        return entry.proposal.label if entry else ""

    async def apply(
        self, workspace: Workspace, proposal_id: str, hunks: Collection[str] | None = None
    ) -> Outcome:
        """Apply a proposal, or the hunks of it that are named; once begun it runs to its end, even if cancelled.

        Raises ProposalUnknown, FolderBusy, Unrecorded.
        """
        return await self._to_the_end(self._apply(workspace, proposal_id, hunks))

    async def undo(self, workspace: Workspace, proposal_id: str | None = None) -> Outcome:
        """Take back what was last applied of a proposal (None: of any), which may then be applied again.

        Raises ProposalUnknown where nothing of it was applied, FolderBusy, Unrecorded.
        """
        return await self._to_the_end(self._undo(workspace, proposal_id))

    async def recover(self, workspace: Workspace, root: str) -> tuple[str, ...]:
        """Bring what a crash left in the middle in `root` to one side: what was found and done, for the user."""
        async with self._one_at_a_time:
            heads = await asyncio.to_thread(self._journal.heads)
            unfinished = [head.id for head in heads if head.root == root and head.is_under_way]
            settled = [await self._settled(workspace, root, one) for one in unfinished]
            return tuple(filter(None, settled))

    async def _to_the_end(self, work: Coroutine[None, None, Outcome]) -> Outcome:
        task = asyncio.ensure_future(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return await asyncio.shield(task)

    async def _apply(self, workspace: Workspace, proposal_id: str, hunks: Collection[str] | None) -> Outcome:
        async with self._one_at_a_time:
            entry = await asyncio.to_thread(self._entry, proposal_id, "offered")
            with self._journal.locked(entry.root):
                entry = await self._unfinished_first(workspace, entry, "offered")
                refused = _refusal(entry, hunks)
                if refused:
                    return Outcome(False, refused, left=_hunks(entry))
                changes = [part for change in entry.rest.changes if (part := chosen(change, hunks))]
                begun = replace(entry, earlier=entry.applied)
                record = self._recorder(begun, "applying")
                done, conflicts = await carry_out(workspace, entry.proposal.label, changes, record)
                ended = entry if conflicts and not done else self._came_to(begun, "applied", done)
                await self._note(ended)
                return Outcome(not conflicts, conflicts, bool(conflicts and done), _hunks(ended))

    async def _undo(self, workspace: Workspace, proposal_id: str | None) -> Outcome:
        async with self._one_at_a_time:
            if proposal_id is None:
                proposal_id = await asyncio.to_thread(self.last_applied)
            entry = await asyncio.to_thread(self._entry, proposal_id, "applied")
            with self._journal.locked(entry.root):
                entry = await self._unfinished_first(workspace, entry, "applied")
                label = f"Undo: {entry.proposal.label}"
                whole = [inverse(change) for change in entry.changes]
                if hidden := await asyncio.to_thread(taken_back_on_one_side, workspace, whole):
                    return Outcome(False, hidden)
                left = await asyncio.to_thread(still_to_do, workspace, whole)
                undone, conflicts = await carry_out(workspace, label, left, self._recorder(entry, "undoing"))
                if not conflicts:
                    await tidy(workspace, whole)
                    await self._note(entry.stepped_back(self._clock()))
                    return Outcome(True)
                still = tuple(_not_undone(whole, undone)) if undone else entry.changes
                await self._note(replace(entry, changes=still))
                return Outcome(False, conflicts, bool(undone))

    async def _unfinished_first(self, workspace: Workspace, entry: Entry, state: State) -> Entry:
        """`entry` as it is on disk under the lock, once anything that a crash left of it is settled."""
        proposal_id = entry.proposal.id
        now = await asyncio.to_thread(self._journal.find, proposal_id)
        if now and now.head.is_under_way:
            await self._settle(workspace, now)
        return await asyncio.to_thread(self._entry, proposal_id, state)

    async def _settled(self, workspace: Workspace, root: str, proposal_id: str) -> str:
        """What was done about a proposal that a crash cut off; nothing where somebody else sees to it."""
        with suppress(FolderBusy), self._journal.locked(root):
            entry = await asyncio.to_thread(self._journal.find, proposal_id)
            if entry is not None and entry.head.is_under_way:
                try:
                    return await self._settle(workspace, entry)
                except CutOffInEditor as failure:
                    return str(failure)
        return ""

    async def _settle(self, workspace: Workspace, entry: Entry) -> str:
        """Finish what a crash cut off, the lock held: what was done about it, in a sentence.

        What was being done on disk is looked at there, whatever is open; what an editor was doing only an editor can
        tell, which has the texts that are not saved. Raises CutOffInEditor without one.
        """
        if any(change.in_editor for change in entry.changes):
            if workspace.on_disk is workspace:
                raise CutOffInEditor(
                    f"A refactor was cut off in an editor ({entry.proposal.label}).",
                    advice="Open the folder in an editor: it is put right there.",
                )
            return await self._settled_in(workspace, entry)
        said = await self._settled_in(workspace.on_disk, entry)
        if open_otherwise := await asyncio.to_thread(shown_otherwise, workspace, entry.changes):
            said += f" These are open with another text than on disk: {', '.join(open_otherwise)}."
        return said

    async def _settled_in(self, workspace: Workspace, entry: Entry) -> str:
        found = await look(workspace, entry.proposal.label, entry.changes)
        left, text = await settle(workspace, entry.proposal.label, found)
        await sweep(workspace, entry.proposal.label, entry.changes)
        if entry.state == "applying":
            ended = self._came_to(entry, "applied", left) if left else entry.stepped_back(self._clock())
            return await self._ended(ended, "A refactor was cut off while it was applied", text)
        still = [] if found.all_done else _not_undone(entry.changes, left)
        ended = self._came_to(entry, "applied", still) if still else entry.stepped_back(self._clock())
        return await self._ended(ended, "An undo was cut off", text)

    async def _ended(self, entry: Entry, what: str, text: str) -> str:
        await self._note(entry)
        return f"{what} ({entry.proposal.label}). {text}"

    def _recorder(self, entry: Entry, state: State) -> Record:
        async def record(fitted: Sequence[FileChange]) -> None:
            await self._write(self._came_to(entry, state, fitted))

        return record

    def _came_to(self, entry: Entry, state: State, changes: Sequence[FileChange] = ()) -> Entry:
        return replace(entry, state=state, since=self._clock(), changes=tuple(changes))

    async def _write(self, entry: Entry) -> None:
        await asyncio.to_thread(self._journal.write, entry)

    async def _note(self, entry: Entry) -> None:
        """Write down what was done; where that fails, it is known to be under way, and is looked at again."""
        try:
            await self._write(entry)
        except Unrecorded as failure:
            logger.warning("what was done is not noted: %s", failure)

    def _entry(self, proposal_id: str, state: State) -> Entry:
        """The entry of that id of which something can be applied (`offered`) or undone (`applied`).

        One in the middle of something may be either. Raises ProposalUnknown.
        """
        entry = self._journal.find(proposal_id)
        if entry is not None and not entry.head.is_over(self._clock()):
            if entry.state == state or entry.head.is_under_way or (state == "offered" and entry.rest.changes):
                return entry
            if state == "offered":
                raise ProposalUnknown(f"Nothing of the proposal {proposal_id!r} is left to apply.")
        raise _unknown(proposal_id) if state == "offered" else ProposalUnknown("There is nothing to undo.")


def real_root(path: os.PathLike[str]) -> str:
    """The name of a folder in the journal."""
    return os.path.realpath(path)


def _hunks(entry: Entry) -> tuple[str, ...]:
    """Those that can still be applied."""
    return tuple(hunk.id for change in entry.rest.changes for hunk in change.hunks)


def _unknown(proposal_id: str) -> ProposalUnknown:
    return ProposalUnknown(
        f"There is no proposal {proposal_id!r} to apply.", advice="Ask for the change again."
    )


def _not_undone(inverses: Sequence[FileChange], undone: Sequence[FileChange]) -> list[FileChange]:
    """What is still applied where of `inverses` only `undone` was done."""
    done = {(change.uri, change.kind) for change in undone}
    still = []
    for change in inverses:
        if (change.uri, change.kind) not in done:
            # Of a file that was edited and moved, the text may be as before where the place is not.
            only_moved = operation_alone(change) if (change.uri, "edit") in done else None
            still.append(inverse(only_moved or change))
    return still


def _refusal(entry: Entry, hunks: Collection[str] | None) -> tuple[Conflict, ...]:
    """Why this choice of hunks is none, before looking at any file."""
    proposal = entry.proposal
    if hunks is None:
        if proposal.complete:
            return ()
        failed = "; ".join(check.message for check in proposal.checks if not check.ok)
        return (Conflict("", f"Parts of the model's answer could not be used: {failed}"),)
    known = {hunk.id for change in proposal.changes for hunk in change.hunks}
    if unknown := sorted(set(hunks) - known):
        return (Conflict("", f"The proposal has no hunk {', '.join(unknown)}."),)
    if again := sorted(entry.taken.intersection(hunks)):
        verb = "was" if len(again) == 1 else "were"
        return (Conflict("", f"Hunk{'s' * (verb == 'were')} {', '.join(again)} {verb} applied already."),)
    return () if hunks else (Conflict("", "No hunk was chosen."),)
