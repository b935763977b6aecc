"""A file that an editor has open is there twice: no undo and no recovery takes the one side for the other."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from support.act_kit import LOCAL, receipt
from support.buffers import Buffer
from support.crash import EditorOnDisk
from turnout.act.applying.entries import Entry, State
from turnout.act.applying.transactions import Outcome, Proposals, real_root
from turnout.act.proposals import Proposal
from turnout.core.documents import Document, split_lines
from turnout.core.edits.changes import FileChange, file_change, numbered
from turnout.errors import CutOffInEditor
from turnout.files import Folder
from turnout.journal import DiskWorkspace, Journal
from turnout.lsp.workspace import EditorWorkspace

BEFORE = {
    "a.py": "def total():\n    pass\n\n\n# end\n",
    "b.py": "from a import total\n",
    "gone.py": "old = 1\n",
}
AFTER = {
    "a.py": "def sum_up():\n    pass\n\n\n# end\n",
    "b.py": "from a import sum_up\n",
    "new.py": "new = 1\n",
}


class EditorWithBuffers(EditorOnDisk):
    """An editor that shows the edits of an open document, and saves nothing by itself."""

    def _carry_out(self, change: Any) -> None:
        opened = self.documents.get(change.text_document.uri) if hasattr(change, "text_document") else None
        if opened is None:
            super()._carry_out(change)
            return
        buffer = Buffer(opened.uri, opened.snapshot().text)
        self.show(opened.uri, buffer.edited(change.edits, self.encoding))

    def show(self, uri: str, text: str) -> None:
        """Have a document open with `text`, which its user may have typed."""
        opened = self.documents.get(uri)
        self.documents[uri] = Document(uri, "python", opened.version + 1 if opened else 1, text)


class Project:
    """A folder on disk, a command line in it, an editor that shows it, and the journal that both share."""

    def __init__(self, tmp_path: Path) -> None:
        self.root = tmp_path / "project"
        self.root.mkdir()
        for path, text in BEFORE.items():
            (self.root / path).write_text(text)
        self.client = EditorWithBuffers()
        self.command = DiskWorkspace(Folder(self.root))
        self.editor = EditorWorkspace(self.client, Folder(self.root))  # type: ignore[arg-type]
        self.journal = Journal(tmp_path / "journal")
        self.proposals = Proposals(self.journal)
        self.proposals.keep(self.proposal, real_root(self.root))

    @property
    def proposal(self) -> Proposal:
        return Proposal("p", "label", "plan", self.changes, (), receipt("refactor", LOCAL, (), 1))

    @property
    def changes(self) -> tuple[FileChange, ...]:
        def change(kind: Any, path: str) -> FileChange:
            sides = (split_lines(files.get(path, "")) for files in (BEFORE, AFTER))
            return file_change(kind, self.uri(path), path, *sides)

        return numbered(
            [
                change("edit", "a.py"),
                change("edit", "b.py"),
                change("create", "new.py"),
                change("delete", "gone.py"),
            ]
        )

    def uri(self, path: str) -> str:
        return self.command.uri(path)

    def open(self, path: str, text: str) -> None:
        self.client.show(self.uri(path), text)

    def save(self) -> None:
        for uri, document in self.client.documents.items():
            (self.root / self.command.path(uri)).write_text(document.snapshot().text)

    def stored(self) -> dict[str, str]:
        return {path.name: path.read_text() for path in sorted(self.root.iterdir())}

    def shown(self) -> dict[str, str]:
        found = self.client.documents.items()
        return {self.command.path(uri): document.snapshot().text for uri, document in found}

    def cut_off(self, state: State, *, in_editor: bool) -> None:
        """Have the journal say that the change was under way."""
        changes = tuple(replace(change, in_editor=in_editor) for change in self.changes)
        self.journal.write(Entry(self.proposal, real_root(self.root), state, 0.0, changes))


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def refused(outcome: Outcome, path: str, why: str) -> bool:
    named = [conflict.message for conflict in outcome.conflicts if conflict.uri.endswith(f"/{path}")]
    return not outcome.done and not outcome.is_half_done and len(named) == 1 and why in named[0]


@pytest.mark.parametrize("path", ["a.py", "gone.py"])
async def test_an_undo_where_the_editor_shows_an_older_text(project: Project, path: str) -> None:
    """What is on disk is not undone because an editor that has not loaded it shows it as before: nothing is."""
    assert (await project.proposals.apply(project.command, "p")).done
    project.open(path, BEFORE[path])
    outcome = await project.proposals.undo(project.editor)
    assert refused(outcome, path, "Load it again from disk")
    assert project.stored() == AFTER
    if path == "a.py":
        project.open(path, AFTER[path])  # loaded again
    else:
        project.client.documents.clear()  # closed
    assert (await project.proposals.undo(project.editor)).done
    project.save()
    assert project.stored() == BEFORE


async def test_an_undo_of_a_move_where_the_editor_shows_the_old_name(project: Project) -> None:
    """A document is in the way that is no file: it says so, and nothing is undone."""
    lines = split_lines(BEFORE["b.py"])
    there: dict[str, Any] = {"new_uri": project.uri("c.py"), "new_path": "c.py"}
    move = file_change("rename", project.uri("b.py"), "b.py", lines, lines, **there)
    proposal = replace(project.proposal, id="m", changes=numbered([project.changes[0], move]))
    project.proposals.keep(proposal, real_root(project.root))
    assert (await project.proposals.apply(project.command, "m")).done
    project.open("b.py", BEFORE["b.py"])
    before = project.stored()
    assert refused(await project.proposals.undo(project.editor), "b.py", "It is open, and not on disk")
    assert project.stored() == before


async def test_an_undo_where_the_user_took_some_back_and_saved(project: Project) -> None:
    """What is as before on both sides, lines that were typed on disk aside, is undone already."""
    assert (await project.proposals.apply(project.command, "p")).done
    project.open("a.py", BEFORE["a.py"])
    (project.root / "a.py").write_text(f"{BEFORE['a.py']}typed = 1\n")
    assert (await project.proposals.undo(project.editor)).done
    assert project.stored() == {**BEFORE, "a.py": f"{BEFORE['a.py']}typed = 1\n"}


@pytest.mark.parametrize("opened", [["a.py"], ["a.py", "b.py"]])
async def test_a_command_undoes_nothing_that_an_editor_has_not_saved(
    project: Project, opened: list[str]
) -> None:
    """The texts are in the editor alone: the command says so, and changes no file."""
    for path in opened:
        project.open(path, BEFORE[path])
    assert (await project.proposals.apply(project.editor, "p")).done
    before = project.stored()
    outcome = await Proposals(project.journal).undo(project.command)
    assert all(refused(outcome, path, "not saved yet") for path in opened)
    assert (project.stored(), {path: project.shown()[path] for path in opened}) == (
        before,
        {path: AFTER[path] for path in opened},
    )
    project.save()
    assert (await Proposals(project.journal).undo(project.command)).done
    assert project.stored() == BEFORE


async def test_a_created_file_that_its_user_removed_keeps_nothing_from_its_undo(project: Project) -> None:
    """It waits for no text of an editor: a file that is gone is gone."""
    for path in ("a.py", "b.py"):
        project.open(path, BEFORE[path])
    await project.proposals.apply(project.editor, "p")
    project.save()
    (project.root / "new.py").unlink()
    undone = await project.proposals.undo(project.command)
    assert undone.done, undone
    assert project.stored() == BEFORE


async def test_an_undo_of_the_second_part_alone(project: Project) -> None:
    """Each part knows who applied it: what an editor has not saved does not hold up what a command did."""
    edit = project.changes[0].hunks[0].id
    project.open("a.py", BEFORE["a.py"])
    assert (await project.proposals.apply(project.editor, "p", [edit])).done
    others = [hunk.id for change in project.changes[1:] for hunk in change.hunks]
    assert (await project.proposals.apply(project.command, "p", others)).done
    assert (await project.proposals.undo(project.command)).done
    assert project.stored() == BEFORE
    assert refused(await project.proposals.undo(project.command), "a.py", "not saved yet")
    assert (await project.proposals.undo(project.editor)).done
    assert project.shown() == {"a.py": BEFORE["a.py"]}


def half_on_disk(project: Project) -> None:
    (project.root / "a.py").write_text(AFTER["a.py"])
    (project.root / "new.py").write_text(AFTER["new.py"])


@pytest.mark.parametrize("shown", [BEFORE["a.py"], AFTER["a.py"], "mine = 1\n"])
async def test_recovery_of_a_command_goes_by_the_disk(project: Project, shown: str) -> None:
    """Whatever an editor shows by then: every file is as before on disk, and what is open otherwise is named."""
    project.cut_off("applying", in_editor=False)
    half_on_disk(project)
    project.open("a.py", shown)
    [said] = await project.proposals.recover(project.editor, real_root(project.root))
    assert "What had been done is taken back." in said
    assert ("These are open with another text than on disk: a.py." in said) is (shown != BEFORE["a.py"])
    assert (project.stored(), project.shown()) == (BEFORE, {"a.py": shown})


async def test_an_undo_by_a_command_that_was_cut_off(project: Project) -> None:
    """What it had done stands on disk, and is not asked of an editor that shows the file as it was before it."""
    assert (await project.proposals.apply(project.command, "p")).done
    found = project.journal.find("p")
    assert found
    inverses = (
        file_change(
            "edit", project.uri("a.py"), "a.py", split_lines(AFTER["a.py"]), split_lines(BEFORE["a.py"])
        ),
    )
    project.journal.write(replace(found, state="undoing", changes=inverses))
    (project.root / "a.py").write_text(BEFORE["a.py"])
    project.open("a.py", AFTER["a.py"])
    [said] = await project.proposals.recover(project.editor, real_root(project.root))
    assert "An undo was cut off" in said
    assert "These are open with another text than on disk: a.py." in said


@pytest.mark.parametrize("state", ["applying", "undoing"])
async def test_a_command_leaves_to_an_editor_what_it_did(project: Project, state: State) -> None:
    """A server that died left texts in its editor: a command names what was cut off, and neither mends nor undoes."""
    project.cut_off(state, in_editor=True)
    half_on_disk(project)
    before = project.stored()
    [said] = await project.proposals.recover(project.command, real_root(project.root))
    assert "Open the folder in an editor" in said
    for again in _further(project):
        with pytest.raises(CutOffInEditor, match="cut off in an editor"):
            await again()
    assert project.stored() == before
    [said] = await project.proposals.recover(project.editor, real_root(project.root))
    assert "cut off" in said


def _further(project: Project) -> list[Callable[[], Any]]:
    return [
        lambda: project.proposals.undo(project.command, "p"),
        lambda: project.proposals.apply(project.command, "p"),
    ]
