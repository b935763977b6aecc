"""A proposal takes effect whole or not at all, and is taken back the same way."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.act_kit import LOCAL, MemoryWorkspace, receipt
from turnout.act.applying.effects import Conflict
from turnout.act.applying.entries import KEPT_ITEMS, OFFERED_S
from turnout.act.applying.transactions import Outcome, Proposals
from turnout.act.proposals import Check, Proposal, new_id
from turnout.core.documents import split_lines
from turnout.core.edits.changes import CreateFile, FileChange, RenameFile, Transaction, file_change, numbered
from turnout.errors import ProposalUnknown

FILES = {
    "a.py": "".join(f"a{number}\n" for number in range(12)),
    "b.py": "".join(f"b{number}\r\n" for number in range(12)),
    "old.py": "x = 1\n",
    "gone.py": "bye\n",
}


def lines(text: str) -> tuple[str, ...]:
    return tuple(split_lines(text))


def edit(path: str, old: str, new: str, before: dict[str, str] = FILES) -> FileChange:
    return file_change(
        "edit",
        f"file:///w/{path}",
        path,
        lines(before[path]),
        lines(before[path].replace(old, new)),
        version=1,
    )


def create(path: str, text: str) -> FileChange:
    return file_change("create", f"file:///w/{path}", path, (), lines(text))


def delete(path: str) -> FileChange:
    return file_change("delete", f"file:///w/{path}", path, lines(FILES[path]), ())


def rename(path: str, new_path: str, old: str = "", new: str = "") -> FileChange:
    before = FILES[path]
    after = before.replace(old, new) if old else before
    return file_change(
        "rename",
        f"file:///w/{path}",
        path,
        lines(before),
        lines(after),
        new_uri=f"file:///w/{new_path}",
        new_path=new_path,
    )


def proposal(*changes: FileChange, complete: bool = True) -> Proposal:
    checks = (Check("edits", complete, "" if complete else "Block 2 is not in b.py"),)
    return Proposal(
        new_id(),
        "label",
        "plan",
        numbered(changes),
        checks,
        receipt("refactor", LOCAL, (), 1),
        complete=complete,
    )


def everything() -> Proposal:
    return proposal(
        edit("a.py", "a3\n", "A3\n"),
        edit("b.py", "b7\r\n", "B7\r\nnew\r\n"),
        create("n.py", "new\n"),
        delete("gone.py"),
        rename("old.py", "moved.py", "1", "2"),
    )


DONE = {
    "a.py": FILES["a.py"].replace("a3", "A3"),
    "b.py": FILES["b.py"].replace("b7\r\n", "B7\r\nnew\r\n"),
    "n.py": "new\n",
    "moved.py": "x = 2\n",
}


@pytest.fixture
def workspace() -> MemoryWorkspace:
    return MemoryWorkspace(FILES, {"a.py": 1})


def kept(*given: Proposal) -> Proposals:
    proposals = Proposals(clock=lambda: 0.0)
    for one in given:
        proposals.keep(one)
    return proposals


async def refused(
    workspace: MemoryWorkspace, what: Proposal, *messages: str, hunks: list[str] | None = None
) -> None:
    """Applying `what` lists `messages` as conflicts and changes nothing."""
    before = dict(workspace.files)
    outcome = await kept(what).apply(workspace, what.id, hunks)
    assert not outcome.done
    assert [conflict.message for conflict in outcome.conflicts] == list(messages)
    assert workspace.files == before


async def test_apply_and_undo_everything(workspace: MemoryWorkspace) -> None:
    """Every kind of change takes effect, edits first; undo leaves every byte as it was, and it can be applied again."""
    what = everything()
    proposals = kept(what)
    assert await proposals.apply(workspace, what.id) == Outcome(True)
    assert workspace.files == DONE
    assert [len(transaction.operations) for transaction in workspace.transactions] == [0, 1, 1, 1]
    assert [edit.version for edit in workspace.transactions[0].edits] == [1, None, None]
    with pytest.raises(ProposalUnknown):
        await proposals.apply(workspace, what.id)
    assert await proposals.undo(workspace) == Outcome(True)
    assert workspace.files == FILES
    assert await proposals.apply(workspace, what.id) == Outcome(True)
    assert workspace.files == DONE


async def test_chosen_hunks_alone_take_effect(workspace: MemoryWorkspace) -> None:
    """Only the hunks named are applied and undone; file operations are chosen by their first hunk."""
    what = everything()
    proposals = kept(what)
    left = ("1.0", "2.0", "3.0", "4.0")
    assert await proposals.apply(workspace, what.id, ["0.0", "4.1"]) == Outcome(True, left=left)
    assert workspace.files == {**FILES, "a.py": DONE["a.py"], "old.py": "x = 2\n"}
    assert await proposals.undo(workspace, what.id) == Outcome(True)
    assert workspace.files == FILES


async def test_typing_elsewhere_is_kept(workspace: MemoryWorkspace) -> None:
    """Hunks move with what the user typed above or below them, before apply and before undo."""
    what = everything()
    proposals = kept(what)
    workspace.type("a.py", "typed\n" + FILES["a.py"])
    assert await proposals.apply(workspace, what.id) == Outcome(True)
    assert workspace.files["a.py"] == "typed\n" + DONE["a.py"]
    workspace.type("b.py", DONE["b.py"] + "typed\r\n")
    assert await proposals.undo(workspace) == Outcome(True)
    assert workspace.files == {
        **FILES,
        "a.py": "typed\n" + FILES["a.py"],
        "b.py": FILES["b.py"] + "typed\r\n",
    }


@pytest.mark.parametrize(
    ("path", "text", "message"),
    [
        ("a.py", FILES["a.py"].replace("a3", "mine"), "These lines have been edited since."),
        ("a.py", FILES["a.py"].replace("a4", "mine"), "These lines have been edited since."),
        ("a.py", None, "The file is no longer there."),
        ("gone.py", "not bye\n", "The file has been edited since."),
        ("n.py", "mine\n", "There is a file already."),
        ("moved.py", "mine\n", "There is a file already."),
        ("b.py", "\0", "b.py is binary."),
    ],
)
async def test_a_conflict_anywhere_stops_all(
    workspace: MemoryWorkspace, path: str, text: str | None, message: str
) -> None:
    """One file that is not as it was keeps every file from being touched."""
    if text is None:
        del workspace.files[path]
    else:
        workspace.type(path, text)
    await refused(workspace, everything(), message)


async def test_all_conflicts_are_listed(workspace: MemoryWorkspace) -> None:
    """The user sees every place at once, with its hunk and line."""
    workspace.type("a.py", "mine\n")
    workspace.type("n.py", "mine\n")
    what = everything()
    outcome = await kept(what).apply(workspace, what.id)
    assert [(conflict.uri, conflict.hunk, conflict.line) for conflict in outcome.conflicts] == [
        ("file:///w/a.py", "0.0", 3),
        ("file:///w/n.py", None, None),
    ]


async def test_undo_is_refused_where_the_user_went_on(workspace: MemoryWorkspace) -> None:
    """Undo never takes typing back: it lists the places, touches nothing, and works once they are as they were."""
    what = everything()
    proposals = kept(what)
    await proposals.apply(workspace, what.id)
    workspace.type("a.py", DONE["a.py"].replace("A3", "A3 and mine"))
    workspace.type("n.py", "new\nmine\n")
    before = dict(workspace.files)
    outcome = await proposals.undo(workspace)
    assert [conflict.message for conflict in outcome.conflicts] == [
        "These lines have been edited since.",
        "The file has been edited since.",
    ]
    assert workspace.files == before
    workspace.type("a.py", DONE["a.py"])
    workspace.type("n.py", DONE["n.py"])
    assert await proposals.undo(workspace) == Outcome(True)
    assert workspace.files == FILES


async def test_undo_takes_the_last_or_the_one_named(workspace: MemoryWorkspace) -> None:
    """Without an id the newest is undone first; with one, that one."""
    first, second, third = (
        proposal(edit("a.py", "a1\n", "A1\n")), proposal(edit("b.py", "b1\r", "B1\r")), proposal(create("n.py", ""))
    )  # fmt: skip
    proposals = kept(first, second, third)
    for what in (first, second, third):
        await proposals.apply(workspace, what.id)
    await proposals.undo(workspace)
    assert "n.py" not in workspace.files
    await proposals.undo(workspace, first.id)
    assert (workspace.files["a.py"], workspace.files["b.py"]) == (
        FILES["a.py"],
        FILES["b.py"].replace("b1\r", "B1\r"),
    )
    await proposals.undo(workspace)
    assert workspace.files == FILES
    with pytest.raises(ProposalUnknown):
        await proposals.undo(workspace)


async def test_a_document_that_moves_meanwhile_is_taken_again(workspace: MemoryWorkspace) -> None:
    """An editor that refuses a version gets the edits for the new one, with what was typed kept."""
    typed = iter(["typed\n"])

    def user_types(transaction: Transaction) -> bool:
        for text in typed:
            workspace.type("a.py", text + FILES["a.py"])
        return True

    workspace.before_apply = user_types
    what = everything()
    assert await kept(what).apply(workspace, what.id) == Outcome(True)
    assert workspace.files == {**DONE, "a.py": "typed\n" + DONE["a.py"]}


async def test_an_editor_that_never_applies_is_given_up_on(workspace: MemoryWorkspace) -> None:
    """After three refusals the user is told, and the proposal is still there."""
    workspace.before_apply = lambda _: False
    what = everything()
    proposals = kept(what)
    outcome = await proposals.apply(workspace, what.id)
    assert "did not apply" in outcome.conflicts[0].message
    assert len(workspace.transactions) == 3
    assert workspace.files == FILES
    assert proposals.find(what.id) is what


def failing(workspace: MemoryWorkspace, *uris: str) -> None:
    """From now on the editor refuses operations on these files."""
    workspace.before_apply = lambda transaction: not any(op.uri in uris for op in transaction.operations)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("n.py", "The editor did not create n.py. Nothing is changed."),
        ("gone.py", "The editor did not delete gone.py. Nothing is changed."),
        ("old.py", "The editor did not rename old.py to moved.py. Nothing is changed."),
    ],
)
async def test_what_was_done_is_taken_back_when_a_file_operation_fails(
    workspace: MemoryWorkspace, path: str, message: str
) -> None:
    """Whichever operation fails, those before it and the edits of text are as they were, and a retry finds no trace."""
    failing(workspace, f"file:///w/{path}")
    what = everything()
    proposals = kept(what)
    outcome = await proposals.apply(workspace, what.id)
    assert outcome.conflicts == (Conflict(f"file:///w/{path}", message),)
    assert workspace.files == FILES
    failing(workspace)
    assert await proposals.apply(workspace, what.id) == Outcome(True)
    assert workspace.files == DONE


async def test_a_file_that_was_created_in_part_is_taken_back(workspace: MemoryWorkspace) -> None:
    """An editor that creates a file, cannot fill it and says that it failed has left nothing behind afterwards."""

    def create_empty(transaction: Transaction) -> bool:
        if not any(isinstance(operation, CreateFile) for operation in transaction.operations):
            return True
        workspace.files["n.py"] = ""
        return False

    workspace.before_apply = create_empty
    what = everything()
    outcome = await kept(what).apply(workspace, what.id)
    assert [conflict.message for conflict in outcome.conflicts] == [
        "The editor did not create n.py. Nothing is changed."
    ]
    assert workspace.files == FILES


async def test_what_cannot_be_taken_back_is_named(workspace: MemoryWorkspace) -> None:
    """The user reads exactly which files are not as they were; what can be taken back is."""

    def user_goes_on(transaction: Transaction) -> bool:
        if any(isinstance(operation, RenameFile) for operation in transaction.operations):
            workspace.type("n.py", "new and mine\n")
            workspace.type("a.py", FILES["a.py"].replace("a3", "mine"))
            return False
        return True

    workspace.before_apply = user_goes_on
    what = everything()
    outcome = await kept(what).apply(workspace, what.id)
    assert [conflict.message for conflict in outcome.conflicts] == [
        "The editor did not rename old.py to moved.py. "
        "These changes could not be taken back: n.py was created; a.py was edited."
    ]
    assert workspace.files == {
        **FILES,
        "n.py": "new and mine\n",
        "a.py": FILES["a.py"].replace("a3", "mine"),
    }


async def test_an_operation_is_held_against_the_file_as_it_is_then(workspace: MemoryWorkspace) -> None:
    """A file that was edited while others were created is not deleted, and the others are taken back."""

    def user_types(transaction: Transaction) -> bool:
        if any(isinstance(operation, CreateFile) for operation in transaction.operations):
            workspace.type("gone.py", "not bye\n")
        return True

    workspace.before_apply = user_types
    what = everything()
    outcome = await kept(what).apply(workspace, what.id)
    assert [conflict.message for conflict in outcome.conflicts] == [
        "The file has been edited since. Nothing is changed."
    ]
    assert workspace.files == {**FILES, "gone.py": "not bye\n"}


async def test_an_undo_that_fails_midway_is_taken_back(workspace: MemoryWorkspace) -> None:
    """Undo is all or nothing as well: the files are as they were after apply, and undo works later."""
    what = everything()
    proposals = kept(what)
    await proposals.apply(workspace, what.id)
    failing(workspace, "file:///w/moved.py")
    outcome = await proposals.undo(workspace)
    assert [conflict.message for conflict in outcome.conflicts] == [
        "The editor did not rename moved.py to old.py. Nothing is changed."
    ]
    assert workspace.files == DONE
    failing(workspace)
    assert await proposals.undo(workspace) == Outcome(True)
    assert workspace.files == FILES


async def test_cancelling_does_not_leave_half(workspace: MemoryWorkspace) -> None:
    """A request that is cancelled between edits and file operations still ends with both."""
    at_operations, go_on = asyncio.Event(), asyncio.Event()
    apply = workspace.apply

    async def slow(transaction: Transaction) -> bool:
        if transaction.operations:
            at_operations.set()
            await go_on.wait()
        return await apply(transaction)

    workspace.apply = slow  # type: ignore[method-assign]
    what = everything()
    proposals = kept(what)
    request = asyncio.ensure_future(proposals.apply(workspace, what.id))
    await at_operations.wait()
    request.cancel()
    with pytest.raises(asyncio.CancelledError):
        await request
    go_on.set()
    assert await proposals.undo(workspace) == Outcome(True)
    assert workspace.files == FILES


async def test_an_incomplete_proposal_wants_a_choice(workspace: MemoryWorkspace) -> None:
    """What the model left in pieces is not applied as a whole, only hunk by hunk."""
    what = proposal(edit("a.py", "a3\n", "A3\n"), complete=False)
    await refused(workspace, what, "Parts of the model's answer could not be used: Block 2 is not in b.py")
    assert (await kept(what).apply(workspace, what.id, ["0.0"])).done


async def test_hunks_must_be_known(workspace: MemoryWorkspace) -> None:
    """A choice of nothing, or of hunks that are not there, is refused."""
    await refused(workspace, everything(), "The proposal has no hunk 9.9.", hunks=["0.0", "9.9"])
    await refused(workspace, everything(), "No hunk was chosen.", hunks=[])


async def test_proposals_expire_and_make_room(workspace: MemoryWorkspace) -> None:
    """A proposal lives a day, is gone when discarded, and the oldest of too many is forgotten."""
    now = 0.0
    proposals = Proposals(clock=lambda: now)
    many = [proposal(edit("a.py", "a1\n", "A1\n")) for _ in range(KEPT_ITEMS + 1)]
    for what in many:
        proposals.keep(what)
    with pytest.raises(ProposalUnknown):
        proposals.find(many[0].id)
    proposals.discard(many[1].id)
    proposals.discard(many[1].id)
    with pytest.raises(ProposalUnknown):
        proposals.find(many[1].id)
    assert proposals.find(many[2].id) is many[2]
    now = OFFERED_S + 1
    with pytest.raises(ProposalUnknown):
        await proposals.apply(workspace, many[2].id)


TEXT = st.lists(st.sampled_from(["a\n", "b\r\n", "c\n", "\n"]), max_size=12).map("".join)


@given(st.lists(st.tuples(TEXT, TEXT, TEXT), min_size=1, max_size=3))
def test_nothing_that_was_typed_is_lost(files: list[tuple[str, str, str]]) -> None:
    """Whatever was typed before apply: all files are edited on top of it or none; undo gives back what was typed."""
    before = {f"{number}.py": text for number, (text, _, _) in enumerate(files)}
    typed = {f"{number}.py": text for number, (_, _, text) in enumerate(files)}
    changes = [
        file_change("edit", f"file:///w/{path}", path, lines(before[path]), lines(after))
        for path, (_, after, _) in zip(before, files, strict=True)
    ]
    what = proposal(*changes)
    workspace = MemoryWorkspace(typed)
    proposals = kept(what)

    async def run() -> None:
        if (await proposals.apply(workspace, what.id)).done:
            assert (await proposals.undo(workspace)).done
        assert workspace.files == typed

    asyncio.run(run())
