"""Folders that a refactor makes for its files go when the files go, and no other folder does."""

from pathlib import Path

import pytest

from support.act_kit import LOCAL, receipt
from turnout.act.applying.transactions import Proposals, real_root
from turnout.act.proposals import Proposal
from turnout.core.edits.changes import FileChange, RenameFile, Transaction, file_change, numbered
from turnout.files import Folder
from turnout.journal import DiskWorkspace, Journal


@pytest.fixture
def project(tmp_path: Path) -> DiskWorkspace:
    root = tmp_path / "project"
    root.mkdir()
    (root / "b.py").write_text("b = 1\n")
    return DiskWorkspace(Folder(root))


def kept(proposals: Proposals, project: DiskWorkspace) -> Proposals:
    changes = numbered(filling(project))
    proposal = Proposal("p", "label", "plan", changes, (), receipt("refactor", LOCAL, (), 1))
    proposals.keep(proposal, real_root(project.folder.root))
    return proposals


def folders(project: DiskWorkspace) -> set[str]:
    top = project.folder.root
    return {path.relative_to(top).as_posix() for path in top.rglob("*") if path.is_dir()}


def filling(project: DiskWorkspace) -> list[FileChange]:
    """Files that come into folders, of which only `own` is there."""
    lines = ("b = 1\n",)
    to = "far/off/b.py"
    created = ("made/n.py", "made/deep/n.py", "own/sub/n.py")
    return [
        *(file_change("create", project.uri(path), path, (), ("n = 1\n",)) for path in created),
        file_change(
            "rename", project.uri("b.py"), "b.py", lines, lines, new_uri=project.uri(to), new_path=to
        ),
    ]


@pytest.mark.parametrize(
    ("since", "left"),
    [
        ([], set()),
        (["made/deep/mine.txt"], {"made", "made/deep"}),
        (["own/mine.txt", "far/mine.txt"], {"far"}),
        (["-made/deep/n.py", "-own/sub/n.py"], set()),
    ],
)
async def test_folders_that_came_with_files_go_with_them(
    project: DiskWorkspace, tmp_path: Path, since: list[str], left: set[str]
) -> None:
    """After a restart, too; a folder that was there, or has anything else in it by now, stays."""
    top = project.folder.root
    (top / "own").mkdir()
    first = kept(Proposals(Journal(tmp_path / "journal")), project)
    assert (await first.apply(project, "p")).done
    assert folders(project) == {"own", "own/sub", "made", "made/deep", "far", "far/off"}
    for path in since:
        (top / path.removeprefix("-")).unlink() if path.startswith("-") else (top / path).write_text("mine")
    second = Proposals(Journal(tmp_path / "journal"))
    assert (await second.undo(project)).done
    assert folders(project) == {"own", *left}
    assert (await second.apply(project, "p")).done


async def test_an_apply_that_fails_leaves_no_folder(project: DiskWorkspace, tmp_path: Path) -> None:
    """What it made before the step that failed, and for that step, is taken back; so for an undo that fails."""

    class Refusing(DiskWorkspace):
        async def apply(self, transaction: Transaction) -> bool:
            moves = [step for step in transaction.operations if isinstance(step, RenameFile)]
            for step in moves:
                (self.folder.root / self.path(step.new_uri)).parent.mkdir(parents=True, exist_ok=True)
            return not moves and await super().apply(transaction)

    proposals = kept(Proposals(Journal(tmp_path / "journal")), project)
    assert not (await proposals.apply(Refusing(project.folder), "p")).done
    assert folders(project) == set()
    assert (await proposals.apply(project, "p")).done
    filled = folders(project)
    assert not (await proposals.undo(Refusing(project.folder), "p")).done
    assert folders(project) == filled
