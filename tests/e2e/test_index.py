"""The repository index beside a real server, and `turnout index`."""

import asyncio
import json
import subprocess
import time
from pathlib import Path
from typing import Any

from lsprotocol import types

from support.editor import GUARD_S, editing, vscode
from support.home import TURNOUT, Home
from turnout.index import RepositoryIndex, Spec


def index(home: Home, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run `turnout index` in the workspace."""
    return subprocess.run(
        [TURNOUT, "index", *arguments], cwd=home.work, env=home.environment(), stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=GUARD_S, check=False,
    )  # fmt: skip


async def found(home: Home, name: str, paths: list[str]) -> None:
    """Wait until the index knows `name` in exactly these files."""
    await asyncio.to_thread(_wait, home, name, paths)


def _wait(home: Home, name: str, paths: list[str]) -> None:
    give_up_s = time.monotonic() + GUARD_S
    while defining(home, name) != paths:
        assert time.monotonic() < give_up_s
        time.sleep(0.05)


def defining(home: Home, name: str) -> list[str]:
    """The files that define `name`, as the server's index says."""
    for database in (home.root / "cache" / "index").glob("*.db"):
        index = RepositoryIndex(Spec(home.work, database))
        found = [one.path for one in index.definitions([name])]
        index.close()
        return found
    return []


def test_the_command(home: Home) -> None:
    """`turnout index` builds, says what there is and what is left out, and finds definitions."""
    (home.work / "a.py").write_text("class Cart:\n    def total(self): pass\n")
    (home.work / "b.bin").write_bytes(b"\0")
    (home.work / ".gitignore").write_text("c.py\n")
    (home.work / "c.py").write_text("def ignored(): pass\n")
    early = index(home, str(home.work), "--find", "total")
    assert (early.returncode, early.stdout) == (1, "")
    assert "run: turnout index" in early.stderr
    built = index(home, str(home.work), "--rebuild")
    assert (built.returncode, built.stderr) == (0, "")
    assert "1 files, 2 definitions, 1 passages" in built.stdout
    assert "left out: not text" in built.stdout
    hit = index(home, str(home.work), "--find", "total")
    assert hit.stdout == "a.py:2: method Cart.total\n    def total(self):\n"
    status = json.loads(index(home, str(home.work), "--status", "--json").stdout)
    assert (status["files"], status["definitions"]) == ({"python": 1}, 2)
    assert Path(status["database"]).stat().st_mode & 0o077 == 0


def test_the_command_where_it_cannot(home: Home) -> None:
    """No folder, or an index that is switched off, is said in a sentence."""
    assert "is not a folder" in index(home, str(home.work / "none")).stderr
    home.configure("[index]\nenabled = false\n")
    assert "index.enabled" in index(home, str(home.work)).stderr


async def test_a_folder_is_indexed_while_its_editor_is_open(home: Home) -> None:
    """What is there is indexed, and then what the editor saves, and what it says has changed on disk."""
    (home.work / "a.py").write_text("def first(): pass\n")
    async with editing(home, vscode(), options={}) as editor:
        await found(home, "first", ["a.py"])
        assert [one.id for one in editor.registered] == ["turnout-files"]
        (home.work / "b.py").write_text("def second(): pass\n")
        editor.text_document_did_save(
            types.DidSaveTextDocumentParams(types.TextDocumentIdentifier(home.uri("b.py")))
        )
        await found(home, "second", ["b.py"])
        (home.work / "b.py").rename(home.work / "c.py")
        moved = [
            types.FileEvent(home.uri("b.py"), types.FileChangeType.Deleted),
            types.FileEvent(home.uri("c.py"), types.FileChangeType.Created),
        ]
        editor.workspace_did_change_watched_files(types.DidChangeWatchedFilesParams(moved))
        await found(home, "second", ["c.py"])


async def test_an_index_that_is_switched_off(home: Home) -> None:
    """Nothing is kept of a folder whose user does not want it, and no file is watched."""
    home.configure("[index]\nenabled = false\n")
    (home.work / "a.py").write_text("def first(): pass\n")
    async with editing(home, vscode(), options={}) as editor:
        answer: Any = await editor.request("turnout/explain", {"kind": "inline"})
        assert answer["chosen"] == "near"
        assert editor.registered == []
    assert not (home.root / "cache" / "index").exists()
