"""What was done of a change that fails is taken back; what cannot be is known to an undo, also after a restart."""

import pytest

from support.act_kit import LOCAL, MemoryWorkspace, receipt
from turnout.act.applying.entries import Head, InMemory
from turnout.act.applying.transactions import Outcome, Proposals
from turnout.act.proposals import Proposal
from turnout.core.documents import split_lines
from turnout.core.edits.changes import FileChange, RenameFile, Transaction, file_change, numbered

BEFORE = dict.fromkeys(("a.py", "b.py", "c.py"), "one\ntwo\nthree\nfour\nfive\n")
AFTER = {name: text.replace("two", "2") for name, text in BEFORE.items()}


class Halfway(MemoryWorkspace):
    """An editor that makes only the first edits of several, and says that it made none."""

    made = 2
    is_stuck = False

    async def apply(self, transaction: Transaction) -> bool:
        if len(transaction.edits) > self.made:
            await super().apply(Transaction(transaction.label, transaction.edits[: self.made]))
            return False
        undoing = transaction.label.startswith("Undo")
        return not (self.is_stuck and undoing) and await super().apply(transaction)


def uri(path: str) -> str:
    return f"file:///w/{path}"


def edit(path: str) -> FileChange:
    return file_change("edit", uri(path), path, split_lines(BEFORE[path]), split_lines(AFTER[path]))


def rename(path: str, new_path: str) -> FileChange:
    lines = split_lines(BEFORE[path]), split_lines(AFTER[path])
    return file_change("rename", uri(path), path, *lines, new_uri=uri(new_path), new_path=new_path)


def kept(*changes: FileChange) -> tuple[Proposals, InMemory]:
    journal = InMemory()
    proposals = Proposals(journal, clock=lambda: 0.0)
    proposals.keep(Proposal("p", "label", "plan", numbered(changes), (), receipt("refactor", LOCAL, (), 1)))
    return proposals, journal


def state(journal: InMemory) -> str:
    [head] = journal.heads()
    assert isinstance(head, Head)
    return head.state


async def test_edits_that_were_made_in_part_are_taken_back() -> None:
    """An editor that refuses edits and has made some of them all the same has made none in the end."""
    workspace = Halfway(BEFORE)
    proposals, journal = kept(*map(edit, BEFORE))
    outcome = await proposals.apply(workspace, "p")
    assert [conflict.message for conflict in outcome.conflicts] == [
        "The editor did not apply the edits. Nothing is changed."
    ]
    assert (outcome.is_half_done, workspace.files, state(journal)) == (False, BEFORE, "offered")
    workspace.made = 3
    assert await proposals.apply(workspace, "p") == Outcome(True)
    assert workspace.files == AFTER


async def test_edits_that_were_all_made_are_made() -> None:
    """An editor that made every edit has applied them, whatever it says."""
    workspace = Halfway(BEFORE)
    apply = workspace.apply

    async def denied(transaction: Transaction) -> bool:
        await apply(transaction)
        return False

    workspace.made = 3
    workspace.apply = denied  # type: ignore[method-assign]
    proposals, _ = kept(*map(edit, BEFORE))
    assert await proposals.apply(workspace, "p") == Outcome(True)
    assert workspace.files == AFTER


async def test_what_is_left_can_be_undone() -> None:
    """Edits that can be neither all made nor taken back are named, and the next undo takes them back."""
    workspace = Halfway(BEFORE)
    workspace.is_stuck = True
    proposals, journal = kept(*map(edit, BEFORE))
    outcome = await proposals.apply(workspace, "p")
    assert "could not be taken back: b.py was edited; a.py was edited." in outcome.conflicts[0].message
    assert outcome.is_half_done
    assert workspace.files == {**AFTER, "c.py": BEFORE["c.py"]}
    assert state(journal) == "applied"
    workspace.is_stuck = False
    assert await Proposals(journal, clock=lambda: 0.0).undo(workspace) == Outcome(True)
    assert workspace.files == BEFORE


@pytest.mark.parametrize("is_edited_too", [True, False])
async def test_a_file_left_where_it_was_moved_to_can_be_undone(is_edited_too: bool) -> None:
    """A rename that stays behind is taken back in one piece, the edit of its text with it."""
    workspace = MemoryWorkspace(BEFORE)
    proposals, journal = kept(rename("a.py", "far.py"), rename("b.py", "off.py"))
    if not is_edited_too:
        before = split_lines(BEFORE["a.py"])
        moved = file_change(
            "rename", uri("a.py"), "a.py", before, before, new_uri=uri("far.py"), new_path="far.py"
        )
        proposals, journal = kept(moved, rename("b.py", "off.py"))

    def mine_came(transaction: Transaction) -> bool:
        if any(isinstance(step, RenameFile) and step.uri == uri("b.py") for step in transaction.operations):
            workspace.files["a.py"] = "mine\n"
            return False
        return True

    workspace.before_apply = mine_came
    assert (await proposals.apply(workspace, "p")).is_half_done
    assert workspace.files["b.py"] == BEFORE["b.py"]
    assert state(journal) == "applied"
    del workspace.files["a.py"]
    assert await proposals.undo(workspace) == Outcome(True)
    assert workspace.files == BEFORE


async def test_an_undo_that_is_left_halfway_can_be_asked_again() -> None:
    """What an undo took back and could not give again is not asked of the next one, whatever it is by then."""
    workspace = Halfway(BEFORE)
    workspace.made = 3
    proposals, journal = kept(*map(edit, BEFORE))
    assert await proposals.apply(workspace, "p") == Outcome(True)
    workspace.made = 1
    workspace.before_apply = lambda transaction: transaction.label != "Undo: Undo: label"
    outcome = await proposals.undo(workspace)
    assert (outcome.done, outcome.is_half_done, state(journal)) == (False, True, "applied")
    assert workspace.files == {**AFTER, "a.py": BEFORE["a.py"]}
    workspace.type("a.py", BEFORE["a.py"].replace("two", "mine"))
    workspace.made = 3
    assert await proposals.undo(workspace) == Outcome(True)
    assert workspace.files == {**BEFORE, "a.py": BEFORE["a.py"].replace("two", "mine")}
