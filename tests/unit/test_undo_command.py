"""`turnout undo`: which refactor it takes back, in folders that lie in one another."""

import json
from argparse import Namespace
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from support.journal_kit import entry
from turnout.act.applying.transactions import real_root
from turnout.commands.undo import _run, journalled, way_back
from turnout.core.edits.changes import FileChange, file_change
from turnout.errors import CutOffInEditor, ProposalUnknown
from turnout.files import Folder
from turnout.journal import DiskWorkspace, Journal
from turnout.lsp.server import TurnoutServer
from turnout.lsp.services import Services

OLD, NEW = ("x = 1\n",), ("x = 2\n",)


@pytest.fixture
def top(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with a folder and a file in each, around the current folder."""
    monkeypatch.setenv("TURNOUT_STATE_DIR", str(tmp_path / "state"))
    top = tmp_path / "project"
    (top / ".git").mkdir(parents=True)
    for folder in ("lib", "shop"):
        (top / folder).mkdir()
        (top / folder / "a.py").write_text(OLD[0])
    (top / "a.py").write_text(OLD[0])
    monkeypatch.chdir(top / "shop")
    return top


def change(workspace: DiskWorkspace, path: str) -> FileChange:
    return file_change("edit", workspace.uri(path), path, OLD, NEW)


async def applied(root: Path, path: str, label: str) -> None:
    """Apply an edit of a file in the workspace `root`."""
    workspace = DiskWorkspace(Folder(root))
    proposal = entry(label, "offered", 0.0, change(workspace, path)).proposal
    proposals = journalled()
    proposals.keep(replace(proposal, label=label, complete=True), real_root(root))
    assert (await proposals.apply(workspace, label)).done


async def undo(folder: Path | None = None, *, as_json: bool = False) -> int:
    return await _run(Namespace(path=folder, json=as_json))


def changed(top: Path) -> list[str]:
    found = (path for path in top.rglob("*.py") if path.read_text() == NEW[0])
    return sorted(path.relative_to(top).as_posix() for path in found)


async def test_the_last_in_the_workspace_is_undone(top: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Also one that was made for a folder in it: the newest first, and each is named."""
    await applied(top, "lib/a.py", "first")
    await applied(top / "shop", "a.py", "second")
    assert way_back(top / "shop") == way_back(top) == "turnout undo"
    assert (await undo(), changed(top)) == (0, ["lib/a.py"])
    assert capsys.readouterr().out == f"undone: second (in {real_root(top / 'shop')})\n"
    assert (await undo(as_json=True), changed(top)) == (0, [])
    answer = json.loads(capsys.readouterr().out)
    assert (answer["label"], answer["folder"]) == ("first", real_root(top))


async def test_one_of_a_folder_around_is_not_passed_over(top: Path) -> None:
    """Where it changed a file in this one, it is named with the way to undo it; else it is nothing to this one."""
    await applied(top / "shop", "a.py", "first")
    await applied(top, "lib/a.py", "elsewhere")
    assert (await undo(top / "shop"), changed(top)) == (0, ["lib/a.py"])
    await applied(top / "shop", "a.py", "second")
    (top / "shop/a.py").write_text(OLD[0])
    await applied(top, "shop/a.py", "around")
    with pytest.raises(ProposalUnknown, match="folder around it") as refused:
        await undo(top / "shop")
    assert f"turnout undo {real_root(top)}" in str(refused.value.advice)
    assert changed(top) == ["lib/a.py", "shop/a.py"]


async def test_an_editor_reaches_the_same_folders(top: Path) -> None:
    """One that has the repository open can undo what a command did for a folder in it, and in no other repository."""
    (top / "lib/.git").mkdir()
    for folder in ("shop", "lib"):
        await applied(top / folder, "a.py", folder)

    async def none(*_: object) -> Services:
        raise AssertionError("nothing is built here")

    server = TurnoutServer(none)
    server.protocol.folders = [top.as_uri()]
    settings = SimpleNamespace(may_read=lambda _uri: True)
    services = cast("Services", SimpleNamespace(proposals=journalled(), settings=settings))
    reached = await server.reachable(services)
    assert set(reached) == {real_root(top), real_root(top / "shop")}
    assert services.proposals.last_applied(reached.keys()) == "shop"
    assert (await server.owner(services, "shop")).path((top / "shop/a.py").as_uri()) == "a.py"
    with pytest.raises(ProposalUnknown, match="not open here"):
        await server.owner(services, "lib")


async def test_a_folder_elsewhere_is_named(
    top: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where an undo in the current folder would not find it."""
    monkeypatch.chdir(tmp_path)
    assert way_back(top) == f"turnout undo {top}"
    (top / "shop/.turnout.toml").touch()
    monkeypatch.chdir(top / "shop")
    assert way_back(top) == f"turnout undo {top}"
    assert way_back(top / "shop") == "turnout undo"


async def test_a_workspace_in_another_is_its_own(top: Path) -> None:
    """What was done in a repository, or a folder with settings, is not undone from around it."""
    await applied(top, "lib/a.py", "first")
    (top / "shop/.turnout.toml").touch()
    await applied(top / "shop", "a.py", "second")
    assert (await undo(top), changed(top)) == (0, ["shop/a.py"])
    assert (await undo(), changed(top)) == (0, [])


async def test_what_is_refused_is_named(top: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With the files that stand against it."""
    await applied(top, "lib/a.py", "first")
    (top / "lib/a.py").write_text("mine = 1\n")
    assert await undo() == 1
    said = capsys.readouterr().err
    assert said.startswith("lib/a.py:1: ")
    assert said.endswith("not undone: first\n")


async def test_what_an_editor_was_doing_is_not_passed_over(
    top: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A change that a server left half is put right by the next one: no older one is undone in its place."""
    await applied(top, "lib/a.py", "first")
    shop = replace(change(DiskWorkspace(Folder(top / "shop")), "a.py"), in_editor=True)
    journal = Journal(tmp_path / "state/journal")
    journal.write(entry("second", "applying", 9e9, shop, root=real_root(top / "shop")))
    with pytest.raises(CutOffInEditor, match="cut off in an editor"):
        await undo()
    assert changed(top) == ["lib/a.py"]
    assert "not undone: label" in capsys.readouterr().err
