"""Files on disk are brought back by the journal: in an undo, or after a crash, with what their users made of them."""

import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from support.journal_kit import entry
from turnout.act.applying.entries import Entry, State
from turnout.act.applying.transactions import Proposals
from turnout.core.documents import split_lines
from turnout.core.edits.changes import FileChange, RenameFile, Transaction, file_change
from turnout.errors import FolderBusy, ProposalUnknown, Unrecorded
from turnout.files import Folder
from turnout.journal import DiskWorkspace, Journal


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
    assert "yourself: a.py: " in said
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
