"""The journal keeps proposals and transactions on disk: whole, private, bounded, and of use to the next process."""

import errno
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.act_kit import LOCAL, receipt
from turnout.act.applying.entries import APPLIED_S, KEPT_ITEMS, OFFERED_S, Entry, State
from turnout.act.applying.transactions import Proposals
from turnout.act.proposals import Check, Proposal, Skipped
from turnout.core.documents import split_lines
from turnout.core.edits.changes import FileChange, RenameFile, Transaction, file_change, numbered
from turnout.core.receipts import SentFile
from turnout.errors import FolderBusy, ProposalUnknown, Unrecorded
from turnout.files import Folder
from turnout.journal import DiskWorkspace, Journal, files
from turnout.journal.codec import decoded, encoded

ROOT = "/home/user/project"


def change(before: str, after: str, path: str = "a.py") -> FileChange:
    uri = f"file:///w/{path}"
    return file_change("edit", uri, path, split_lines(before), split_lines(after), version=3)


def entry(
    name: str, state: State = "offered", since: float = 0.0, *changes: FileChange, root: str = ROOT
) -> Entry:
    given = numbered(changes or [change("a\n", "b\n")])
    files = (SentFile("file:///w/a.py", 10),)
    proposal = Proposal(
        name, "label", "plan", given, (Check("syntax", True, ran=False),), receipt("refactor", LOCAL, files, 1),
        (Skipped("b.py", "binary"),), complete=False,
    )  # fmt: skip
    return Entry(proposal, root, state, since, given if state != "offered" else ())


TEXT = st.lists(st.sampled_from(["a", "\n", "\r\n", "\r", "\u2028", "\ud800", "ü", "\t"]), max_size=20).map(
    "".join
)


@given(TEXT, TEXT)
def test_what_is_read_is_what_was_written(before: str, after: str) -> None:
    """Any text comes back line for line, and so does everything else of an entry."""
    written = entry("p", "applied", 12.5, change(before, after))
    assert decoded(encoded(written)) == written


def test_another_process_finds_it(tmp_path: Path) -> None:
    """What one server kept, the next one applies; a discarded or overwritten entry is gone."""
    first, second = Journal(tmp_path, lambda: 0.0), Journal(tmp_path, lambda: 0.0)
    first.write(entry("p"))
    assert second.find("p") == entry("p")
    second.write(entry("p", "applied", 1.0))
    assert first.find("p") == entry("p", "applied", 1.0)
    assert first.heads() == (entry("p", "applied", 1.0).head,)
    first.discard("p")
    first.discard("p")
    assert second.find("p") is None


@pytest.mark.parametrize(("state", "kept_s"), [("offered", OFFERED_S), ("applied", APPLIED_S)])
def test_entries_expire(tmp_path: Path, state: State, kept_s: float) -> None:
    """A proposal waits a day, an undo a week; after that its texts are off the disk."""
    now = 0.0
    journal = Journal(tmp_path, lambda: now)
    journal.write(entry("p", state))
    now = kept_s
    assert journal.find("p")
    now = kept_s + 1
    assert journal.find("p") is None
    assert journal.heads() == ()
    assert list(tmp_path.rglob("*.entry")) == []


def test_what_cannot_be_removed_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a disk that cannot be written an entry that is over stays, and is none."""

    def refused(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "read-only")

    journal = Journal(tmp_path, lambda: 0.0)
    journal.write(entry("p"))
    monkeypatch.setattr(Path, "unlink", refused)
    late = Journal(tmp_path, lambda: 10 * APPLIED_S)
    assert (late.heads(), late.find("p")) == ((), None)
    late.discard("p")


def test_what_is_under_way_never_goes(tmp_path: Path) -> None:
    """A transaction that was cut off is found however long ago that was, and however many came after it."""
    journal = Journal(tmp_path, lambda: 100 * APPLIED_S)
    journal.write(entry("cut", "applying"))
    for number in range(KEPT_ITEMS + 5):
        journal.write(entry(f"p{number}", "offered", 100 * APPLIED_S + number))
    names = [head.id for head in journal.heads()]
    assert names == ["cut", *(f"p{number}" for number in range(5, KEPT_ITEMS + 5))]


def test_the_oldest_make_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The texts of one folder take a bounded number of bytes; the newest is kept whatever its size."""
    monkeypatch.setattr(files, "MAX_BYTES", 3 * len(encoded(entry("p0"))))
    journal = Journal(tmp_path, lambda: 0.0)
    for number in range(5):
        journal.write(entry(f"p{number}", "offered", float(number)))
    assert [head.id for head in journal.heads()] == ["p2", "p3", "p4"]
    journal.write(entry("big", "offered", 9.0, change("x\n" * 5000, "y\n")))
    assert [head.id for head in journal.heads()] == ["big"]


def test_what_is_no_entry_is_passed_over(tmp_path: Path) -> None:
    """A file cut short, of another version or of somebody else does not keep the others from being found."""
    journal = Journal(tmp_path, lambda: 0.0)
    journal.write(entry("p"))
    folder = next(tmp_path.iterdir())
    data = (folder / "p.entry").read_bytes()
    rows = {
        "empty": b"",
        "cut": data[:20],
        "newer": data.replace(b'"format": 1', b'"format": 9'),
        "not": b"[]\n",
    }
    for name, content in rows.items():
        (folder / f"{name}.entry").write_bytes(content)
    (folder / "half.entry").write_bytes(
        data.replace(b'"id": "p"', b'"id": "half"').partition(b"\n")[0] + b"\n{"
    )
    assert {head.id for head in journal.heads()} == {"p", "half"}
    assert journal.find("half") is None
    assert journal.find("p")


@pytest.mark.skipif(sys.platform == "win32", reason="permission bits")
def test_only_the_user_can_read_it(tmp_path: Path) -> None:
    """It holds the text of files, so nobody else may look."""
    journal = Journal(tmp_path / "journal", lambda: 0.0)
    journal.write(entry("p"))
    with journal.locked(ROOT):
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.rglob("*")}
    assert modes.pop("p.entry") == 0o600
    assert not any(mode & 0o077 for name, mode in modes.items() if name != "lock")


def test_one_at_a_time_per_folder(tmp_path: Path) -> None:
    """Two editors on one folder do not apply at once; another folder is free, and so is this one afterwards."""
    one, other = Journal(tmp_path), Journal(tmp_path)
    with one.locked(ROOT):
        with pytest.raises(FolderBusy, match="Try again"), other.locked(ROOT):
            pass
        with other.locked("/elsewhere"):
            pass
    with other.locked(ROOT):
        pass


@pytest.mark.skipif(sys.platform == "win32", reason="locks are not shared there")
def test_one_at_a_time_in_folders_inside_each_other(tmp_path: Path) -> None:
    """A folder of an open folder is the same files; two folders of one are not each other's."""
    one, other = Journal(tmp_path, lambda: 0.0), Journal(tmp_path, lambda: 0.0)
    inside, beside, alike = f"{ROOT}/a", f"{ROOT}/b", f"{ROOT}-a"
    for number, folder in enumerate((ROOT, inside, beside, alike)):
        one.write(entry(f"p{number}", root=folder))
    for mine, busy, free in [(ROOT, [inside, beside], [alike]), (inside, [ROOT, inside], [beside, alike])]:
        with one.locked(mine):
            for folder in busy:
                with pytest.raises(FolderBusy, match="Try again"), other.locked(folder):
                    pass
            for folder in free:
                with other.locked(folder):
                    pass


@pytest.fixture
def project(tmp_path: Path) -> DiskWorkspace:
    root = tmp_path / "project"
    root.mkdir()
    (root / "a.py").write_bytes(b"\xef\xbb\xbfone = 1\r\ntwo = 2\r\n")
    (root / "b.py").write_bytes(b"b = 1\n" * 10)
    return DiskWorkspace(Folder(root))


def edit(project: DiskWorkspace, path: str, old: str, new: str) -> FileChange:
    now = project.snapshot(project.uri(path))
    assert now
    return file_change("edit", now.uri, path, now.lines, split_lines(now.text.replace(old, new)))


def kept(project: DiskWorkspace, proposals: Proposals, *changes: FileChange) -> str:
    proposals.keep(replace(entry("p", "offered", 0.0, *changes).proposal, complete=True), root(project))
    return "p"


def root(project: DiskWorkspace) -> str:
    return os.path.realpath(project.folder.root)


def text(project: DiskWorkspace, path: str) -> bytes:
    return (project.folder.root / path).read_bytes()


async def test_undo_after_a_restart(project: DiskWorkspace, tmp_path: Path) -> None:
    """Another process finds what was applied last in its folder and takes it back, byte for byte."""
    before = text(project, "a.py")
    first = Proposals(Journal(tmp_path / "journal"))
    await first.apply(project, kept(project, first, edit(project, "a.py", "two", "zwei")))
    assert text(project, "a.py") == b"\xef\xbb\xbfone = 1\r\nzwei = 2\r\n"
    second = Proposals(Journal(tmp_path / "journal"))
    with pytest.raises(ProposalUnknown, match="nothing to undo"):
        second.last_applied({"/elsewhere"})
    assert (await second.undo(project, second.last_applied({root(project)}))).done
    assert text(project, "a.py") == before
    assert (await second.apply(project, "p")).done


async def test_undo_where_some_is_undone_already(project: DiskWorkspace, tmp_path: Path) -> None:
    """A file that is as it was, because its editor closed it unsaved, does not keep the others from being undone."""
    before = {path: text(project, path) for path in ("a.py", "b.py")}
    proposals = Proposals(Journal(tmp_path / "journal"))
    changes = [edit(project, "a.py", "two", "zwei"), edit(project, "b.py", "b = 1\n" * 10, "b = 2\n")]
    await proposals.apply(project, kept(project, proposals, *changes))
    (project.folder.root / "b.py").write_bytes(before["b.py"])
    assert (await proposals.undo(project, "p")).done
    assert {path: text(project, path) for path in before} == before


async def test_nothing_is_changed_without_a_journal(project: DiskWorkspace, tmp_path: Path) -> None:
    """What cannot be written down is not done: a full disk leaves every file as it is, and says so."""

    class Full(Journal):
        def write(self, entry: Entry) -> None:
            if entry.state == "applying":
                raise Unrecorded("The journal of changes cannot be written: no space.")
            super().write(entry)

    before = text(project, "a.py")
    proposals = Proposals(Full(tmp_path / "journal"))
    name = kept(project, proposals, edit(project, "a.py", "two", "zwei"))
    with pytest.raises(Unrecorded, match="no space"):
        await proposals.apply(project, name)
    assert text(project, "a.py") == before


@pytest.mark.parametrize("action", ["apply", "undo"])
async def test_a_journal_that_is_full_at_the_end(project: DiskWorkspace, tmp_path: Path, action: str) -> None:
    """What was done is said to be done, and can be undone, or applied again, once there is room."""

    class Full(Journal):
        def write(self, entry: Entry) -> None:
            if entry.state == {"apply": "applied", "undo": "offered"}[action]:
                raise Unrecorded("The journal of changes cannot be written: no space.")
            super().write(entry)

    before, journal = text(project, "a.py"), Journal(tmp_path / "journal")
    name = kept(project, Proposals(journal), edit(project, "a.py", "two", "zwei"))
    if action == "undo":
        assert (await Proposals(journal).apply(project, name)).done
    full = Proposals(Full(tmp_path / "journal"))
    assert (await getattr(full, action)(project, name)).done
    assert (text(project, "a.py") == before) is (action == "undo")
    other = {"apply": "undo", "undo": "apply"}[action]
    assert (await getattr(Proposals(journal), other)(project, name)).done
    assert (text(project, "a.py") == before) is (action == "apply")


def cut_off(
    project: DiskWorkspace, tmp_path: Path, state: State, *changes: FileChange
) -> tuple[Proposals, Journal]:
    """A journal that says that `changes` were under way."""
    journal = Journal(tmp_path / "journal")
    found = entry("p", state, 0.0, *changes, root=root(project))
    journal.write(found)
    return Proposals(journal), journal


async def test_recovery_keeps_what_the_user_typed(project: DiskWorkspace, tmp_path: Path) -> None:
    """Lines elsewhere that were typed since the crash stay; an edit is taken back around them."""
    changes = [
        edit(project, "a.py", "two", "zwei"),
        edit(project, "b.py", "b = 1\n" * 10, "b = 1\nb = 2\n" + "b = 1\n" * 9),
    ]
    proposals, _ = cut_off(project, tmp_path, "applying", *changes)
    (project.folder.root / "a.py").write_bytes(b"\xef\xbb\xbfone = 1\r\nzwei = 2\r\n")
    (project.folder.root / "b.py").write_bytes(b"b = 1\n" * 10 + b"typed\n")
    [said] = await proposals.recover(project, root(project))
    assert "taken back" in said
    assert text(project, "a.py") == b"\xef\xbb\xbfone = 1\r\ntwo = 2\r\n"
    assert text(project, "b.py") == b"b = 1\n" * 10 + b"typed\n"
    assert await proposals.recover(project, root(project)) == ()


async def test_recovery_with_a_journal_that_is_full(project: DiskWorkspace, tmp_path: Path) -> None:
    """What was taken back is said, although it cannot be noted; it is looked at again once there is room."""

    class Full(Journal):
        def write(self, entry: Entry) -> None:
            raise Unrecorded("The journal of changes cannot be written: no space.")

    changes = [edit(project, "a.py", "two", "zwei"), edit(project, "b.py", "b = 1\n" * 10, "b = 2\n")]
    proposals, _ = cut_off(project, tmp_path, "applying", *changes)
    before = text(project, "a.py")
    (project.folder.root / "a.py").write_bytes(before.replace(b"two", b"zwei"))
    [said] = await Proposals(Full(tmp_path / "journal")).recover(project, root(project))
    assert "taken back" in said
    assert text(project, "a.py") == before
    [said] = await proposals.recover(project, root(project))
    assert "Nothing had been changed." in said
    assert await proposals.recover(project, root(project)) == ()


async def test_recovery_names_what_it_leaves(project: DiskWorkspace, tmp_path: Path) -> None:
    """Lines that were edited since are the user's: the file is named, left alone, and the rest is taken back."""
    changes = [edit(project, "a.py", "two", "zwei"), edit(project, "b.py", "b = 1\n" * 10, "b = 2\n")]
    proposals, _ = cut_off(project, tmp_path, "applying", *changes)
    (project.folder.root / "a.py").write_bytes(b"one = 1\r\ndrei = 3\r\n")
    (project.folder.root / "b.py").write_bytes(b"b = 2\n")
    [said] = await proposals.recover(project, root(project))
    assert "a.py" in said
    assert "b.py" not in said
    assert text(project, "a.py") == b"one = 1\r\ndrei = 3\r\n"
    assert text(project, "b.py") == b"b = 1\n" * 10


async def test_an_undo_that_was_cut_off_can_be_asked_again(project: DiskWorkspace, tmp_path: Path) -> None:
    """What an undo had not reached is still applied, and undone by the next one."""
    done = edit(project, "a.py", "two", "zwei")
    inverse = file_change("edit", done.uri, "a.py", done.after, done.before)
    proposals, _ = cut_off(project, tmp_path, "undoing", inverse)
    (project.folder.root / "a.py").write_bytes(b"one = 1\r\nzwei = 2\r\n")
    [said] = await proposals.recover(project, root(project))
    assert "Nothing had been changed" in said
    assert (await proposals.undo(project, "p")).done
    assert text(project, "a.py") == b"one = 1\r\ntwo = 2\r\n"


@pytest.mark.parametrize("state", ["applying", "undoing"])
async def test_a_link_on_the_way_does_not_end_recovery(
    project: DiskWorkspace, tmp_path: Path, state: State
) -> None:
    """A folder that became a link out of the workspace is named and left alone, and the next start finds an end."""
    (project.folder.root / "pkg").mkdir()
    (project.folder.root / "pkg/d.py").write_bytes(b"d = 1\n")
    changes = [edit(project, "a.py", "two", "zwei"), edit(project, "pkg/d.py", "1", "2")]
    proposals, _ = cut_off(project, tmp_path, state, *changes)
    before = text(project, "a.py")
    (project.folder.root / "a.py").write_bytes(before.replace(b"two", b"zwei"))
    (project.folder.root / "pkg").rename(tmp_path / "pkg")
    (project.folder.root / "pkg").symlink_to(tmp_path / "pkg")
    [said] = await proposals.recover(project, root(project))
    assert "pkg/d.py" in said
    assert text(project, "a.py") == before
    assert await proposals.recover(project, root(project)) == ()


async def test_recovery_leaves_a_living_transaction_alone(project: DiskWorkspace, tmp_path: Path) -> None:
    """A second editor that starts while the first one applies touches nothing."""
    proposals, journal = cut_off(project, tmp_path, "applying", edit(project, "a.py", "two", "zwei"))
    (project.folder.root / "a.py").write_bytes(b"one = 1\r\nzwei = 2\r\n")
    with journal.locked(root(project)):
        assert await proposals.recover(project, root(project)) == ()
    assert text(project, "a.py") == b"one = 1\r\nzwei = 2\r\n"


async def test_what_was_put_right_is_told_whoever_comes_in_between(
    project: DiskWorkspace, tmp_path: Path
) -> None:
    """Another process may settle one of several first, or begin with something else before the last one."""

    class Shared(Journal):
        """Another process settles the first entry right before it is locked here, and holds the third."""

        @contextmanager
        def locked(self, root: str) -> Iterator[None]:
            names.append(next(head.id for head in self.heads() if head.id not in names))
            if names[-1] == "p0":
                self.write(entry("p0", "applied", 0.0, root=root))
            if names[-1] == "p2":
                raise FolderBusy("Another editor is changing files.")
            with super().locked(root):
                yield

    names: list[str] = []
    journal = Shared(tmp_path / "journal")
    for number in range(3):
        changes = edit(project, "a.py", "two", "zwei")
        journal.write(entry(f"p{number}", "applying", float(number), changes, root=root(project)))
    [said] = await Proposals(journal, lambda: 10.0).recover(project, root(project))
    assert "Nothing had been changed." in said
    assert names == ["p0", "p1", "p2"]


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.skipif(sys.platform == "win32", reason="a file has no such bits there")
@pytest.mark.parametrize("cut", [False, True], ids=["undone", "cut off"])
async def test_a_deleted_script_comes_back_as_one(project: DiskWorkspace, tmp_path: Path, cut: bool) -> None:
    """With its permissions, after an undo and after a crash."""
    script = project.folder.root / "b.py"
    script.chmod(0o751)
    journal = Journal(tmp_path / "journal")
    proposals = Proposals(journal)
    gone = file_change("delete", project.uri("b.py"), "b.py", ("b = 1\n",) * 10, ())
    kept(project, proposals, edit(project, "a.py", "two", "zwei"), gone)
    before = text(project, "a.py")
    assert (await proposals.apply(project, "p")).done
    assert not script.exists()
    if cut:
        found = journal.find("p")
        assert found
        journal.write(replace(found, state="applying"))
        (project.folder.root / "a.py").write_bytes(before)
        await proposals.recover(project, root(project))
    else:
        assert (await proposals.undo(project, "p")).done
    assert (text(project, "a.py"), mode_of(script)) == (before, 0o751)


@pytest.mark.skipif(sys.platform == "win32", reason="a file has no such bits there")
async def test_a_failed_undo_gives_a_created_script_back(project: DiskWorkspace, tmp_path: Path) -> None:
    """What its user made of a new file since is kept where the undo that removed it is taken back."""
    script = project.folder.root / "new.py"

    class Refusing(DiskWorkspace):
        async def apply(self, transaction: Transaction) -> bool:
            renames = any(isinstance(step, RenameFile) for step in transaction.operations)
            return not renames and await super().apply(transaction)

    proposals = Proposals(Journal(tmp_path / "journal"))
    there: dict[str, Any] = {"new_uri": project.uri("c.py"), "new_path": "c.py"}
    lines = ("b = 1\n",) * 10
    changes = [
        file_change("create", project.uri("new.py"), "new.py", (), ("x = 1\n",)),
        file_change("rename", project.uri("b.py"), "b.py", lines, lines, **there),
    ]
    kept(project, proposals, *changes)
    assert (await proposals.apply(project, "p")).done
    script.chmod(0o751)
    stubborn = Refusing(project.folder)
    assert not (await proposals.undo(stubborn, "p")).done
    assert mode_of(script) == 0o751


@pytest.mark.skipif(sys.platform == "win32", reason="a file has no such bits there")
async def test_a_renamed_script_stays_one(project: DiskWorkspace, tmp_path: Path) -> None:
    """Also where whoever moves it writes it anew."""
    (project.folder.root / "b.py").chmod(0o751)
    lines = ("b = 1\n",) * 10
    there: dict[str, Any] = {"new_uri": project.uri("c.py"), "new_path": "c.py"}
    change = file_change("rename", project.uri("b.py"), "b.py", lines, lines, **there)
    proposals = Proposals(Journal(tmp_path / "journal"))
    kept(project, proposals, change)
    assert (await proposals.apply(project, "p")).done
    moved = project.folder.root / "c.py"
    moved.chmod(0o600)
    project.folder.set_mode(project.uri("c.py"), 0o751)
    assert mode_of(moved) == 0o751
    assert (await proposals.undo(project, "p")).done
    assert mode_of(project.folder.root / "b.py") == 0o751
