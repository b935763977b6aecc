"""What is left of a proposal once some of its hunks were applied stays, and every application is undone by itself."""

from asyncio import run
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.act_kit import LOCAL, MemoryWorkspace, receipt
from turnout.act.applying.effects import Conflict
from turnout.act.applying.entries import APPLIED_S, InMemory, Journal
from turnout.act.applying.transactions import Outcome, Proposals, Standing
from turnout.act.proposals import Proposal, verdict
from turnout.core.documents import split_lines
from turnout.core.edits.changes import FileChange, chosen, file_change, numbered, remaining
from turnout.errors import ProposalUnknown
from turnout.journal import Journal as OnDisk
from turnout.journal.codec import decoded, encoded

A = "".join(f"a{number}\n" for number in range(6))
DONE_A = "A0\na1\nA2\nnew\na3\na4\nA5\n"
FILES = {"a.py": A, "old.py": "x = 1\ny = 1\n", "gone.py": "bye\n"}
DONE = {"a.py": DONE_A, "moved.py": "x = 2\ny = 1\n", "n.py": "new\n"}


def change(kind: str, path: str, before: str, after: str, new_path: str | None = None) -> FileChange:
    assert kind in ("edit", "create", "delete", "rename")
    new_uri = new_path and f"file:///w/{new_path}"
    lines = split_lines(before), split_lines(after)
    return file_change(kind, f"file:///w/{path}", path, *lines, new_uri=new_uri, new_path=new_path)  # type: ignore[arg-type]


CHANGES = numbered(
    [
        change("edit", "a.py", A, DONE_A),
        change("rename", "old.py", FILES["old.py"], DONE["moved.py"], "moved.py"),
        change("create", "n.py", "", "new\n"),
        change("delete", "gone.py", "bye\n", ""),
    ]
)
IDS = ["0.0", "0.1", "0.2", "1.0", "1.1", "2.0", "3.0"]


class Clock:
    """A second passes with each look."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 1.0
        return self.now


def proposal(name: str = "p", changes: tuple[FileChange, ...] = CHANGES, complete: bool = True) -> Proposal:
    return Proposal(name, "label", "plan", changes, (), receipt("refactor", LOCAL, (), 1), complete=complete)


def kept(*given: Proposal, journal: Journal | None = None) -> Proposals:
    proposals = Proposals(journal, Clock())
    for one in given or (proposal(),):
        proposals.keep(one)
    return proposals


@pytest.fixture
def workspace() -> MemoryWorkspace:
    return MemoryWorkspace(FILES, {"a.py": 1})


def left(proposals: Proposals, name: str = "p") -> list[str]:
    return [hunk.id for change in proposals.find(name).changes for hunk in change.hunks]


async def test_the_rest_is_applied_later(workspace: MemoryWorkspace) -> None:
    """What was not chosen is still there under the same id, and with it the change is whole."""
    proposals = kept()
    outcome = await proposals.apply(workspace, "p", ["0.1", "1.1"])
    assert outcome == Outcome(True, left=("0.0", "0.2", "1.0", "2.0", "3.0"))
    assert workspace.files == {
        **FILES, "a.py": "a0\na1\nA2\nnew\na3\na4\na5\n", "old.py": "x = 2\ny = 1\n",
    }  # fmt: skip
    assert await proposals.apply(workspace, "p") == Outcome(True)
    assert workspace.files == DONE
    with pytest.raises(ProposalUnknown, match="Nothing of the proposal 'p' is left to apply"):
        await proposals.apply(workspace, "p", ["0.0"])


@settings(max_examples=10)
@given(st.permutations(IDS), st.lists(st.integers(1, 3), min_size=7, max_size=7))
def test_any_parts_in_any_order_come_to_the_whole(order: list[str], sizes: list[int]) -> None:
    """Hunk by hunk, with the file's own operation whenever its turn comes; texts and places end as with all at once."""
    workspace, proposals = MemoryWorkspace(FILES), kept()
    steps: list[dict[str, str]] = []
    while order:
        part, order = order[: sizes[len(steps)]], order[sizes[len(steps)] :]
        steps.append(dict(workspace.files))
        assert run(proposals.apply(workspace, "p", part)).done
    assert workspace.files == DONE
    for before in reversed(steps):
        assert run(proposals.undo(workspace, "p")).done
        assert workspace.files == before
    assert left(proposals) == IDS


async def test_each_application_is_undone_by_itself(workspace: MemoryWorkspace) -> None:
    """The newest first, of all proposals: what an undo takes back is offered again with the rest."""
    other = numbered([change("create", "o.py", "", "other\n")])
    proposals = kept(proposal(), proposal("q", other))
    await proposals.apply(workspace, "p", ["0.0"])
    await proposals.apply(workspace, "q")
    await proposals.apply(workspace, "p", ["2.0"])
    found = []
    for _ in range(3):
        name = proposals.last_applied()
        assert await proposals.undo(workspace) == Outcome(True)
        found.append((name, left(proposals, name), sorted(set(workspace.files) - set(FILES))))
    assert found == [("p", IDS[1:], ["o.py"]), ("q", ["0.0"], []), ("p", IDS, [])]
    assert workspace.files == FILES
    with pytest.raises(ProposalUnknown):
        proposals.last_applied()


async def test_nothing_is_applied_twice(workspace: MemoryWorkspace) -> None:
    """A hunk that was applied is refused by name with all that was chosen beside it."""
    proposals = kept()
    await proposals.apply(workspace, "p", ["0.0"])
    before = dict(workspace.files)
    outcome = await proposals.apply(workspace, "p", ["0.0", "0.1"])
    assert outcome.conflicts == (Conflict("", "Hunk 0.0 was applied already."),)
    assert workspace.files == before


async def test_what_is_left_is_told_also_where_nothing_was_applied(workspace: MemoryWorkspace) -> None:
    """A choice that is refused, and one that does not fit the files, take nothing off what can still be applied."""
    proposals = kept()
    assert (await proposals.apply(workspace, "p", ["9.9"])).left == tuple(IDS)
    workspace.type("a.py", A.replace("a5", "mine"))
    assert (await proposals.apply(workspace, "p")).left == tuple(IDS)
    await proposals.apply(workspace, "p", ["0.0"])
    assert (await proposals.apply(workspace, "p", ["0.0"])).left == tuple(IDS[1:])


async def test_what_is_left_of_an_incomplete_proposal_is(workspace: MemoryWorkspace) -> None:
    """It is applied only by naming its hunks, too."""
    proposals = kept(proposal(complete=False))
    await proposals.apply(workspace, "p", ["0.0"])
    assert not (await proposals.apply(workspace, "p")).done
    assert (await proposals.apply(workspace, "p", ["0.1"])).done


async def test_typing_in_between(workspace: MemoryWorkspace) -> None:
    """The rest moves with lines that were typed elsewhere, before or after; a line of its own is a conflict."""
    proposals = kept()
    workspace.type("a.py", "typed\n" + A)
    await proposals.apply(workspace, "p", ["0.1"])
    workspace.type("a.py", workspace.files["a.py"].replace("a5", "mine"))
    outcome = await proposals.apply(workspace, "p", ["0.0", "0.2"])
    assert [conflict.hunk for conflict in outcome.conflicts] == ["0.0", "0.2"]
    workspace.type("a.py", workspace.files["a.py"].removeprefix("typed\n").replace("mine", "a5"))
    assert (await proposals.apply(workspace, "p", ["0.0", "0.2"])).done
    assert workspace.files["a.py"] == DONE_A


async def test_the_rest_as_things_stand(workspace: MemoryWorkspace) -> None:
    """It is shown counted in the files as they are; what does not fit there now is named beside it, and stays."""
    proposals = kept()
    await proposals.apply(workspace, "p", ["0.1", "1.0"])
    workspace.type("a.py", workspace.files["a.py"].replace("a0\n", "a0\ntyped\n").replace("a5", "mine"))
    workspace.type("n.py", "mine\n")
    found = await proposals.look(workspace, "p")
    assert isinstance(found, Standing)
    shown = {one.path: (one.kind, [hunk.id for hunk in one.hunks]) for one in found.proposal.changes}
    assert shown == {"moved.py": ("edit", ["1.1"]), "gone.py": ("delete", ["3.0"])}
    assert [(c.uri, c.hunk) for c in found.conflicts] == [
        ("file:///w/a.py", "0.0"), ("file:///w/a.py", "0.2"), ("file:///w/n.py", None),
    ]  # fmt: skip
    workspace.type("a.py", "A long line\n\n" + A.replace("a2\n", "A2\nnew\n"))
    [first, *_] = (await proposals.look(workspace, "p")).proposal.changes
    assert ([hunk.start for hunk in first.hunks], first.version) == ([8], workspace.versions["a.py"])
    assert left(proposals) == ["0.0", "0.2", "1.1", "2.0", "3.0"]


async def test_discarding_the_rest(workspace: MemoryWorkspace) -> None:
    """What was applied can still be undone; then it is all that is offered, and called verified no more."""
    proposals = kept()
    await proposals.apply(workspace, "p", ["0.0", "1.1"])
    proposals.discard("p")
    with pytest.raises(ProposalUnknown, match="Nothing of the proposal 'p' is left to apply"):
        proposals.find("p")
    assert await proposals.undo(workspace) == Outcome(True)
    assert workspace.files == FILES
    assert left(proposals) == ["0.0", "1.1"]
    assert verdict(proposals.find("p").checks).state == "partly"


async def test_the_newest_that_can_be_looked_at(workspace: MemoryWorkspace) -> None:
    """Of those offered and those with a rest, the one that came there last; none once all is applied.

    One without changes, from a model that found nothing to do, is none of them.
    """
    proposals = kept(proposal(), proposal("q"), proposal("nothing", ()))
    assert proposals.newest() == "q"
    await proposals.apply(workspace, "p", ["0.0"])
    assert (proposals.newest(), proposals.newest([""]), proposals.newest(["/w"])) == ("p", "p", None)
    await proposals.apply(workspace, "p")
    proposals.discard("q")
    assert proposals.newest() is None


async def test_a_restart_keeps_the_rest(workspace: MemoryWorkspace, tmp_path: Path) -> None:
    """Another process applies it, and undoes one application after the other."""
    first = Proposals(OnDisk(tmp_path))
    first.keep(proposal())
    await first.apply(workspace, "p", ["0.0", "1.0"])
    journal = OnDisk(tmp_path)
    entry = journal.find("p")
    assert entry
    assert decoded(encoded(entry)) == entry
    assert (await Proposals(journal).apply(workspace, "p")).done
    assert workspace.files == DONE
    entry = journal.find("p")
    assert entry
    assert decoded(encoded(entry)) == entry
    for _ in range(2):
        assert (await Proposals(OnDisk(tmp_path)).undo(workspace)).done
    assert workspace.files == FILES


async def test_what_is_left_of_an_undo_is_kept_for_another_week(
    workspace: MemoryWorkspace, tmp_path: Path
) -> None:
    """What was applied before the part that is undone may be older than a week: the whole is kept from the undo on."""
    clock = Clock()
    proposals = Proposals(OnDisk(tmp_path, lambda: clock.now), clock)
    proposals.keep(proposal())
    await proposals.apply(workspace, "p", ["0.0"])
    clock.now = 0.9 * APPLIED_S
    await proposals.apply(workspace, "p", ["0.1"])
    clock.now = 1.1 * APPLIED_S
    assert await proposals.undo(workspace) == Outcome(True)
    clock.now = 2 * APPLIED_S
    assert left(proposals) == IDS[1:]
    assert (await proposals.apply(workspace, "p", ["0.1"])).done
    for _ in range(2):
        assert await proposals.undo(workspace) == Outcome(True)
    assert workspace.files == FILES


@pytest.mark.parametrize("done", [False, True], ids=["in the middle", "at the end"])
async def test_a_crash_while_the_rest_is_applied(workspace: MemoryWorkspace, done: bool) -> None:
    """What was applied before stays applied, and is undone as ever; the rest is all there or all done."""

    class Dying(InMemory):
        def write(self, entry: object) -> None:
            super().write(entry)  # type: ignore[arg-type]
            if getattr(entry, "state", "") == "applying" and self.is_armed:
                raise RuntimeError("cut off")

        is_armed = False

    journal = Dying()
    proposals = kept(journal=journal)
    await proposals.apply(workspace, "p", ["0.0"])
    first = dict(workspace.files)
    journal.is_armed = True
    with pytest.raises(RuntimeError):
        await proposals.apply(workspace, "p", ["0.1", "2.0"])
    journal.is_armed = False
    if done:
        workspace.files.update({"a.py": "A0\na1\nA2\nnew\na3\na4\na5\n", "n.py": "new\n"})
    said = await proposals.recover(workspace, "")
    assert len(said) == 1
    assert left(proposals) == (["0.2", "1.0", "1.1", "3.0"] if done else IDS[1:])
    if done:
        assert await proposals.undo(workspace) == Outcome(True)
    assert workspace.files == first
    assert await proposals.undo(workspace) == Outcome(True)
    assert workspace.files == FILES


TEXT = st.lists(st.sampled_from(["a\n", "b\n", "c\n"]), max_size=12).map("".join)


@settings(max_examples=40)
@given(TEXT, TEXT, st.sampled_from(["edit", "rename"]), st.data())
def test_part_and_rest_make_the_whole(before: str, after: str, kind: str, data: st.DataObject) -> None:
    """Whatever hunks are applied, what remains begins with the text that they leave, and ends with all of them in."""
    whole = change(kind, "a.py", before, after, "b.py" if kind == "rename" else None)
    ids = data.draw(st.sets(st.sampled_from([hunk.id for hunk in whole.hunks] or [""])))
    part, rest = chosen(whole, ids), remaining(whole, ids)
    assert (part.after if part else whole.before) == (rest.before if rest else whole.after)
    assert rest is None or rest.after == whole.after
    assert rest is None or (rest.new_path or rest.path) == (whole.new_path or whole.path)
