"""A disk without room: no file is left half changed, and what stands in the way is told by name."""

import errno
from dataclasses import replace
from pathlib import Path

import pytest

from support.journal_kit import entry
from turnout.act.applying.transactions import Outcome, Proposals
from turnout.core.edits.changes import FileChange, file_change
from turnout.files import Folder
from turnout.journal import DiskWorkspace, Journal
from turnout.journal.places import Place

BEFORE, AFTER = "one\n", "two\n"


@pytest.fixture
def project(tmp_path: Path) -> DiskWorkspace:
    root = tmp_path / "project"
    root.mkdir()
    for name in ("a.py", "b.py"):
        (root / name).write_text(BEFORE)
    return DiskWorkspace(Folder(root))


def edit(project: DiskWorkspace, path: str) -> FileChange:
    return file_change("edit", project.uri(path), path, (BEFORE,), (AFTER,))


async def outcome(project: DiskWorkspace, tmp_path: Path, *changes: FileChange) -> Outcome:
    proposals = Proposals(Journal(tmp_path / "journal"))
    proposals.keep(replace(entry("p", "offered", 0.0, *changes).proposal, complete=True))
    return await proposals.apply(project, "p")


def texts(project: DiskWorkspace) -> dict[str, str]:
    return {path.name: path.read_text() for path in project.folder.root.iterdir()}


async def test_a_full_disk_is_told_with_its_file(
    project: DiskWorkspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Trying again would not help, so it is not; what was written before is put back, and the system's reason told."""
    written: list[str] = []
    replace_ = Place.replace

    def full(place: Place, before: bytes, data: bytes) -> None:
        written.append(place.name)
        if place.name.endswith("b.py"):
            raise OSError(errno.ENOSPC, "No space left on device")
        replace_(place, before, data)

    monkeypatch.setattr(Place, "replace", full)
    before = texts(project)
    found = await outcome(project, tmp_path, edit(project, "a.py"), edit(project, "b.py"))
    said = [(conflict.message, conflict.is_lasting) for conflict in found.conflicts]
    assert said == [("b.py cannot be written: No space left on device.", True)]
    assert texts(project) == before
    assert [Path(name).name for name in written] == ["a.py", "b.py", "b.py", "a.py"]


async def test_what_a_full_disk_keeps_from_being_put_back_can_be_undone(
    project: DiskWorkspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then some of it is done: the files are named, and the journal knows of them."""
    replace_ = Place.replace

    def full(place: Place, before: bytes, data: bytes) -> None:
        if place.name.endswith("b.py") or before == AFTER.encode():
            raise OSError(errno.ENOSPC, "No space left on device")
        replace_(place, before, data)

    before = texts(project)
    with monkeypatch.context() as patch:
        patch.setattr(Place, "replace", full)
        found = await outcome(project, tmp_path, edit(project, "a.py"), edit(project, "b.py"))
    assert [conflict.message for conflict in found.conflicts] == [
        "b.py cannot be written: No space left on device. These changes could not be taken back: a.py was edited."
    ]
    assert (found.is_half_done, texts(project)) == (True, {**before, "a.py": AFTER})
    assert (await Proposals(Journal(tmp_path / "journal")).undo(project, "p")).done
    assert texts(project) == before


async def test_a_file_that_cannot_be_created_is_told_with_the_reason(
    project: DiskWorkspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was edited before it is put back."""

    def full(_place: Place, _data: bytes, _mode: int | None) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Place, "create", full)
    before = texts(project)
    new = file_change("create", project.uri("c.py"), "c.py", (), (AFTER,))
    found = await outcome(project, tmp_path, edit(project, "a.py"), new)
    said = [(conflict.message, conflict.is_lasting) for conflict in found.conflicts]
    assert said == [("c.py cannot be written: No space left on device. Nothing is changed.", True)]
    assert texts(project) == before
