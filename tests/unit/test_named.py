"""What the paths of a command line name: never more than was written."""

import sys
from pathlib import Path

import pytest

from turnout.commands.named import named_files
from turnout.errors import FileUnusable, PathRefused
from turnout.files import Folder
from turnout.journal import DiskWorkspace


@pytest.fixture
def workspace(tmp_path: Path) -> DiskWorkspace:
    """A folder with files, and with folders of which nothing may be looked at."""
    root = tmp_path / "work"
    for name in (".git/config", ".hidden/a.py", "ignored/a.py", "shop/a.py", "shop/b.py", "top.py"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("x = 1\n")
    (root / ".gitignore").write_text("ignored/\n")
    (root / "empty").mkdir()
    return DiskWorkspace(Folder(root), lambda _uri: True)


@pytest.mark.parametrize(
    ("paths", "named", "swept"),
    [
        ([], [], set()),
        (["."], ["top.py", "shop/a.py", "shop/b.py"], {"top.py", "shop/a.py", "shop/b.py"}),
        (["shop"], ["shop/a.py", "shop/b.py"], {"shop/a.py", "shop/b.py"}),
        (["top.py", "shop/../shop"], ["top.py", "shop/a.py", "shop/b.py"], {"shop/a.py", "shop/b.py"}),
        (["~w.py"], ["~w.py"], set()),
        (["shop", "shop/b.py", "new.py"], ["shop/a.py", "shop/b.py", "new.py"], {"shop/a.py"}),
    ],
)
def test_what_is_named(workspace: DiskWorkspace, paths: list[str], named: list[str], swept: set[str]) -> None:
    """Files stand for themselves, folders for what is in them and below; both are told apart."""
    found = named_files([workspace.folder.root / path for path in paths], workspace)
    assert [workspace.path(uri) for uri in found.files] == named
    assert {workspace.path(uri) for uri in found.swept} == swept


def test_folders_are_known_by_their_place(workspace: DiskWorkspace) -> None:
    """What is below the workspace begins with nothing, and a file is no folder."""
    root = workspace.folder.root
    found = named_files([root / "shop", root / "top.py", root / "."], workspace)
    assert found.folders == ("shop/", "")


@pytest.mark.skipif(sys.platform == "win32", reason="no file of Windows has these names")
def test_odd_names_stop_nothing(workspace: DiskWorkspace) -> None:
    """A file whose name reads as another place is left out of its folder, and said."""
    odd = ["c:b.py", "shop\\b.py", " top.py"]
    for name in (*odd, "~a.py", "shop/ ok.py"):
        (workspace.folder.root / name).write_text("x = 1\n")
    found = named_files([workspace.folder.root], workspace)
    taken = {"top.py", "~a.py", "shop/ ok.py", "shop/a.py", "shop/b.py"}
    assert {workspace.path(uri) for uri in found.files} == taken
    assert sorted(found.odd) == sorted(odd)
    for name in odd:
        with pytest.raises(PathRefused, match=r"reads as another place|not relative"):
            named_files([workspace.folder.root / name], workspace)


@pytest.mark.parametrize("path", ["empty", "ignored", ".hidden", ".git"])
def test_a_folder_without_a_file_is_an_error(workspace: DiskWorkspace, path: str) -> None:
    """A folder of which no file may be looked at does not come to stand for the whole workspace."""
    with pytest.raises(FileUnusable, match=f"no file to change in .*{path}: .* Name a folder"):
        named_files([workspace.folder.root / "top.py", workspace.folder.root / path], workspace)


@pytest.mark.parametrize("path", ["..", "../other", "../outside.py"])
def test_outside_is_refused(workspace: DiskWorkspace, path: str) -> None:
    """Neither a file nor a folder outside of the workspace can be named."""
    root = workspace.folder.root
    (root.parent / "other").mkdir()
    with pytest.raises(PathRefused, match="outside of the workspace"):
        named_files([root / path], workspace)
