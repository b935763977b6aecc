"""Others change files at the very moment of writing: nothing of theirs is lost, and nothing goes elsewhere."""

import errno
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from support.act_kit import LOCAL, receipt
from support.crash import EditorOnDisk
from turnout.act.applying.entries import Entry
from turnout.act.applying.transactions import Outcome, Proposals
from turnout.act.proposals import Proposal
from turnout.core.documents import Document, split_lines
from turnout.core.edits.changes import (
    CreateFile,
    DeleteFile,
    FileChange,
    FileOperation,
    RenameFile,
    Transaction,
    file_change,
    inverse,
    numbered,
)
from turnout.core.edits.paths import aside_of
from turnout.files import Folder
from turnout.journal import DiskWorkspace, Journal
from turnout.lsp.workspace import EditorWorkspace

BEFORE = "one\ntwo\nthree\nfour\nfive\n"
AFTER = BEFORE.replace("two", "2")
MINE = "mine\n"


class MeddledFolder(Folder):
    """Somebody does something of their own right after the way to a file was looked at for writing."""

    meanwhile: Callable[[str], None] | None = None
    is_written = False

    def link(self, path: str) -> str | None:
        found = super().link(path)
        if self.is_written and self.meanwhile:
            self.meanwhile(path)
        return found


class Meddled(DiskWorkspace):
    folder: MeddledFolder

    async def apply(self, transaction: Transaction) -> bool:
        self.folder.is_written = True
        try:
            return await super().apply(transaction)
        finally:
            self.folder.is_written = False


@pytest.fixture
def project(tmp_path: Path) -> Meddled:
    root = tmp_path / "project"
    for folder in (root / "pkg", tmp_path / "elsewhere"):
        folder.mkdir(parents=True)
        (folder / "d.py").write_text(BEFORE)
    for name in ("a.py", "b.py", "c.py"):
        (root / name).write_text(BEFORE)
    return Meddled(MeddledFolder(root))


def edit(project: DiskWorkspace, path: str) -> FileChange:
    return file_change("edit", project.uri(path), path, split_lines(BEFORE), split_lines(AFTER))


async def outcome(project: DiskWorkspace, tmp_path: Path, *changes: FileChange) -> Outcome:
    proposals = Proposals(Journal(tmp_path / "journal"))
    proposals.keep(Proposal("p", "label", "plan", numbered(changes), (), receipt("refactor", LOCAL, (), 1)))
    return await proposals.apply(project, "p")


async def applied(project: DiskWorkspace, tmp_path: Path, *changes: FileChange) -> bool:
    return (await outcome(project, tmp_path, *changes)).done


def once(path: str, do: Callable[[], object]) -> Callable[[str], None]:
    """`do`, the first time that `path` is to be written."""
    left = [do]

    def meanwhile(asked: str) -> None:
        if asked == path and left:
            left.pop()()

    return meanwhile


def texts(project: DiskWorkspace) -> dict[str, str]:
    root = project.folder.root
    return {path.relative_to(root).as_posix(): path.read_text() for path in root.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("saved", "done", "now"),
    [
        (BEFORE + MINE, True, AFTER + MINE),
        (BEFORE.replace("two", "zwei"), False, BEFORE.replace("two", "zwei")),
    ],
)
async def test_a_save_while_other_files_are_written_is_kept(
    project: Meddled, tmp_path: Path, saved: str, done: bool, now: str
) -> None:
    """The edit is made around it, or no file is edited; what was written before it came is taken back."""
    project.folder.meanwhile = once("b.py", lambda: (project.folder.root / "b.py").write_text(saved))
    changes = [edit(project, path) for path in ("a.py", "b.py", "c.py")]
    assert await applied(project, tmp_path, *changes) is done
    others = AFTER if done else BEFORE
    assert texts(project) == {"a.py": others, "b.py": now, "c.py": others, "pkg/d.py": BEFORE}


async def test_typing_on_top_of_an_edit_is_kept_where_the_edit_is_taken_back(
    project: Meddled, tmp_path: Path
) -> None:
    """A file that was saved with the edit in it is no longer what was written: only the edit is taken out of it."""
    root = project.folder.root

    def save_both() -> None:
        (root / "a.py").write_text(AFTER + MINE)
        (root / "c.py").write_text(MINE)

    project.folder.meanwhile = once("c.py", save_both)
    changes = [edit(project, path) for path in ("a.py", "b.py", "c.py")]
    assert not await applied(project, tmp_path, *changes)
    assert texts(project) == {"a.py": BEFORE + MINE, "b.py": BEFORE, "c.py": MINE, "pkg/d.py": BEFORE}


OPERATIONS: list[Callable[[DiskWorkspace], FileOperation]] = [
    lambda project: CreateFile(project.uri("pkg/new.py"), "new\n"),
    lambda project: CreateFile(project.uri("pkg/deep/new.py"), "new\n"),
    lambda project: DeleteFile(project.uri("pkg/d.py")),
    lambda project: RenameFile(project.uri("pkg/d.py"), project.uri("e.py")),
    lambda project: RenameFile(project.uri("a.py"), project.uri("pkg/e.py")),
]


@pytest.mark.skipif(sys.platform == "win32", reason="it has no folders to hold open")
@pytest.mark.parametrize("operation", [None, *OPERATIONS])
async def test_a_folder_that_becomes_a_link_at_the_last_moment(
    project: Meddled, tmp_path: Path, operation: Callable[[DiskWorkspace], FileOperation] | None
) -> None:
    """Nothing is written, made or removed where the link leads, and the change is refused."""
    root, elsewhere = project.folder.root, tmp_path / "elsewhere"
    wanted = operation(project) if operation else None
    change = edit(project, "pkg/d.py")

    def swap(path: str) -> None:
        if path.startswith("pkg") and not (root / "pkg").is_symlink():
            (root / "pkg").rename(root / "aside")
            (root / "pkg").symlink_to(elsewhere)

    project.folder.meanwhile = swap
    if wanted:
        assert not await project.apply(Transaction("label", operations=(wanted,)))
    else:
        assert not await applied(project, tmp_path, change)
    assert [path.name for path in elsewhere.iterdir()] == ["d.py"]
    assert (elsewhere / "d.py").read_text() == BEFORE
    assert (root / "aside/d.py").read_text() == BEFORE
    assert (root / "a.py").read_text() == BEFORE


@pytest.mark.parametrize("has_links", [True, False])
@pytest.mark.parametrize("old", [None, "a.py"])
async def test_a_file_that_is_made_at_the_last_moment_stays(
    project: Meddled, monkeypatch: pytest.MonkeyPatch, old: str | None, has_links: bool
) -> None:
    """A file that is created or moved takes nobody's place, also where files cannot have two names."""

    def refused(*_: object, **__: object) -> None:
        raise PermissionError(errno.EPERM, "no hard links")

    if not has_links:
        monkeypatch.setattr(os, "link", refused)
    operation = (
        RenameFile(project.uri(old), project.uri("n.py")) if old else CreateFile(project.uri("n.py"), "new\n")
    )
    before = texts(project)
    project.folder.meanwhile = once("n.py", lambda: (project.folder.root / "n.py").write_text(MINE))
    assert not await project.apply(Transaction("label", operations=(operation,)))
    assert texts(project) == {**before, "n.py": MINE}
    (project.folder.root / "n.py").unlink()
    assert await project.apply(Transaction("label", operations=(operation,)))
    assert texts(project) == {
        **{k: v for k, v in before.items() if k != old},
        "n.py": BEFORE if old else "new\n",
    }


@pytest.mark.skipif(sys.platform == "win32", reason="a file is moved in one step there")
@pytest.mark.parametrize("text", [BEFORE, AFTER])
async def test_a_move_that_was_cut_off_between_two_names(project: Meddled, tmp_path: Path, text: str) -> None:
    """A file that has its old and its new name is one that was not moved: it loses the new one, and its edit."""
    root = project.folder.root
    before = texts(project)
    lines = split_lines(BEFORE), split_lines(AFTER)
    change = file_change(
        "rename", project.uri("a.py"), "a.py", *lines, new_uri=project.uri("n.py"), new_path="n.py"
    )
    proposal = Proposal("p", "label", "plan", numbered([change]), (), receipt("refactor", LOCAL, (), 1))
    journal = Journal(tmp_path / "journal")
    journal.write(Entry(proposal, str(root), "applying", 0.0, proposal.changes))
    (root / "a.py").write_text(text)
    os.link(root / "a.py", root / "n.py")
    [said] = await Proposals(journal).recover(project, str(root))
    assert "taken back" in said
    assert texts(project) == before


def save_in_place(path: Path, text: str) -> None:
    path.write_text(text)


def save_by_replacement(path: Path, text: str) -> None:
    draft = path.with_name("theirs")
    draft.write_text(text)
    draft.replace(path)


@pytest.mark.parametrize("save", [save_in_place, save_by_replacement])
@pytest.mark.parametrize("is_late", [False, True])
@pytest.mark.parametrize("action", ["apply", "undo"])
async def test_a_save_while_a_file_is_removed_is_kept(
    project: Meddled,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    action: str,
    is_late: bool,
    save: Callable[[Path, str], None],
) -> None:
    """Up to the very call that takes its name away; a delete is refused, and so is the undo of a create."""
    path = project.folder.root / "a.py"
    proposals = Proposals(Journal(tmp_path / "journal"))
    change = removal(project)
    if action == "undo":
        path.unlink()
        change = inverse(change)
    proposals.keep(Proposal("p", "label", "plan", (change,), (), receipt("refactor", LOCAL, (), 1)))
    if action == "undo":
        assert (await proposals.apply(project, "p")).done
    if is_late:
        before_call(monkeypatch, "rename", lambda: save(path, MINE))
    else:
        project.folder.meanwhile = once("a.py", lambda: save(path, MINE))
    assert not (await (proposals.apply if action == "apply" else proposals.undo)(project, "p")).done
    assert texts(project) == {"a.py": MINE, "b.py": BEFORE, "c.py": BEFORE, "pkg/d.py": BEFORE}


def before_call(monkeypatch: pytest.MonkeyPatch, name: str, do: Callable[[], object]) -> None:
    """`do`, right before that function of the system is called the first time."""
    real = getattr(os, name)

    def called(*given: object, **named: object) -> object:
        monkeypatch.undo()
        do()
        return real(*given, **named)

    monkeypatch.setattr(os, name, called)


def removal(project: DiskWorkspace) -> FileChange:
    return file_change("delete", project.uri("a.py"), "a.py", split_lines(BEFORE), ())


async def test_a_file_that_is_made_where_one_was_taken_away_stays(
    project: Meddled, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A save that the removal came upon and one after it are both kept, the former beside the file."""
    path = project.folder.root / "a.py"
    rename = os.rename

    def between_saves(old: str, new: str, **named: int) -> None:
        monkeypatch.undo()
        save_in_place(path, MINE)
        rename(old, new, **named)
        save_in_place(path, "newer\n")

    monkeypatch.setattr(os, "rename", between_saves)
    told = ".a.py.turnout-aside lies beside a.py: it is what that was when it was to be removed."
    found = [await outcome(project, tmp_path, removal(project))]
    others = {"b.py": BEFORE, "c.py": BEFORE, "pkg/d.py": BEFORE}
    assert texts(project) == {**others, "a.py": "newer\n", aside_of("a.py"): MINE}
    again = replace(removal(project), before=("newer\n",))
    found.append(await outcome(project, tmp_path, edit(project, "b.py"), again))
    assert texts(project) == {**others, "a.py": "newer\n", aside_of("a.py"): MINE}
    assert [told in one.conflicts[0].message for one in found] == [True, True]
    (project.folder.root / aside_of("a.py")).unlink()
    assert await applied(project, tmp_path, again)


@pytest.mark.skipif(sys.platform == "win32", reason="a path ends sooner there")
@pytest.mark.parametrize("name", ["n" * 252 + ".py", "ü" * 124 + ".py"])
async def test_a_file_with_the_longest_of_names(project: Meddled, tmp_path: Path, name: str) -> None:
    """It is edited and removed as any other, although no name is longer by a byte."""
    (project.folder.root / name).write_text(BEFORE)
    assert await applied(project, tmp_path, edit(project, name))
    gone = file_change("delete", project.uri(name), name, split_lines(AFTER), ())
    assert await applied(project, tmp_path, gone)
    assert sorted(texts(project)) == ["a.py", "b.py", "c.py", "pkg/d.py"]


@pytest.mark.parametrize(
    ("aside", "there", "now", "told"),
    [
        (BEFORE, None, {"a.py": BEFORE}, "Nothing had been changed."),
        (MINE, None, {"a.py": MINE}, "Nothing had been changed."),
        (BEFORE, MINE, {"a.py": MINE}, "Nothing had been changed."),
        (MINE, MINE, {"a.py": MINE}, "Nothing had been changed."),
        (MINE, "newer\n", {"a.py": "newer\n", ".a.py.turnout-aside": MINE}, ".a.py.turnout-aside"),
        ("\0", MINE, {"a.py": MINE, ".a.py.turnout-aside": "\0"}, ".a.py.turnout-aside: It was a.py before."),
    ],
)
async def test_a_removal_that_was_cut_off(
    project: Meddled, tmp_path: Path, aside: str, there: str | None, now: dict[str, str], told: str
) -> None:
    """A file that was taken aside has its name again; what nobody can tell apart stays, and is named."""
    root = project.folder.root
    journal = cut_off(tmp_path, root, removal(project))
    (root / "a.py").unlink()
    (root / aside_of("a.py")).write_text(aside)
    if there == aside:
        os.link(root / aside_of("a.py"), root / "a.py")
    elif there:
        (root / "a.py").write_text(there)
    [said] = await Proposals(journal).recover(project, str(root))
    assert told in said
    assert texts(project) == {"b.py": BEFORE, "c.py": BEFORE, "pkg/d.py": BEFORE, **now}


@pytest.mark.parametrize(
    ("aside", "in_editor", "now", "told"),
    [
        (BEFORE, False, {"a.py": BEFORE}, "Nothing had been changed."),
        (MINE, False, {"a.py": MINE}, "Nothing had been changed."),
        (None, False, {}, "These are open with another text than on disk: a.py."),
        (None, True, {}, "a.py: It is open here, and no longer on disk"),
    ],
)
async def test_a_removal_of_an_open_file_that_was_cut_off(
    project: Meddled, tmp_path: Path, aside: str | None, in_editor: bool, now: dict[str, str], told: str
) -> None:
    """What is open in an editor is no file on disk: the only one that there is comes back, and no other is missed."""
    root = project.folder.root
    change = replace(removal(project), in_editor=in_editor)
    journal = cut_off(tmp_path, root, change)
    (root / "a.py").unlink()
    if aside is not None:
        (root / aside_of("a.py")).write_text(aside)
    editor = EditorOnDisk()
    editor.documents[change.uri] = Document(change.uri, "python", 1, BEFORE)
    workspace = EditorWorkspace(editor, Folder(root))  # type: ignore[arg-type]
    [said] = await Proposals(journal).recover(workspace, str(root))
    assert told in said
    assert texts(project) == {"b.py": BEFORE, "c.py": BEFORE, "pkg/d.py": BEFORE, **now}


def cut_off(tmp_path: Path, root: Path, *changes: FileChange) -> Journal:
    """A journal that says that `changes` were being applied."""
    proposal = Proposal("p", "label", "plan", changes, (), receipt("refactor", LOCAL, (), 1))
    journal = Journal(tmp_path / "journal")
    journal.write(Entry(proposal, str(root), "applying", 0.0, changes))
    return journal


@pytest.mark.skipif(sys.platform == "win32", reason="it has no pipes with a name in a folder")
async def test_what_is_no_file_is_not_waited_for(project: Meddled) -> None:
    """A pipe in the place of a file keeps nobody waiting, and stays."""
    root = project.folder.root

    def put_pipe() -> None:
        (root / "a.py").unlink()
        os.mkfifo(root / "a.py")

    project.folder.meanwhile = once("a.py", put_pipe)
    assert not await project.apply(Transaction("label", operations=(DeleteFile(project.uri("a.py")),)))
    assert (root / "a.py").is_fifo()


async def test_a_write_protected_file_is_not_edited(project: Meddled, tmp_path: Path) -> None:
    """Who took the right to write a file away is not got around, by root neither; the file is named."""
    (project.folder.root / "b.py").chmod(0o444)
    before = texts(project)
    found = await outcome(project, tmp_path, edit(project, "a.py"), edit(project, "b.py"))
    assert [conflict.message for conflict in found.conflicts] == ["b.py is write-protected."]
    assert texts(project) == before
    (project.folder.root / "b.py").chmod(0o644)
    assert await applied(project, tmp_path, edit(project, "a.py"), edit(project, "b.py"))
