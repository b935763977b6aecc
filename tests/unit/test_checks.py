"""The user's checks: run on a copy with the change in it, and only new failures count."""

import asyncio
import os
import stat
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from turnout.act.proposals import Check
from turnout.checks import run_checks
from turnout.core.documents import split_lines
from turnout.core.edits.changes import FileChange, file_change
from turnout.files import Folder

PYTHON = sys.executable


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    root = tmp_path / "work"
    (root / "pkg").mkdir(parents=True)
    (root / "pkg/a.py").write_text("VALUE = 1\n")
    (root / ".gitignore").write_text("*.secret\n")
    (root / "x.secret").write_text("hidden")
    return Folder(root)


def edit(folder: Folder, path: str, after: str) -> FileChange:
    before = split_lines(folder.read(path) or "")
    return file_change("edit", folder.uri(path), path, before, split_lines(after))


ROWS = [
    ("passes", f"{PYTHON} -c 'import pkg.a'", True, ""),
    (
        "fails only with the change",
        f"{PYTHON} -c 'import pkg.a; assert pkg.a.VALUE == 1'",
        False,
        "AssertionError",
    ),
    ("fails without it as well", f"{PYTHON} -c 'raise SystemExit(3)'", True, "without the change as well"),
    ("sees the changed text", f"{PYTHON} -c 'import pkg.a; assert pkg.a.VALUE == 2'", True, ""),
    ("no ignored files", f"""{PYTHON} -c 'import os; assert not os.path.exists("x.secret")'""", True, ""),
    ("not a shell", "true && false", True, ""),
    ("no such program", "no-such-program-here", False, "cannot be run"),
    ("bad quoting", "echo 'open", False, "cannot be run"),
    ("nothing", "", False, "cannot be run"),
]


@pytest.mark.parametrize(("name", "command", "ok", "message"), ROWS, ids=[row[0] for row in ROWS])
async def test_only_new_failures_count(
    folder: Folder, name: str, command: str, ok: bool, message: str
) -> None:
    """A check fails where it fails because of the change, and says what it printed."""
    [check] = await run_checks(folder, [edit(folder, "pkg/a.py", "VALUE = 2\n")], [command])
    assert (check.name, check.ok) == (command, ok)
    assert message in check.message


async def test_the_work_tree_is_not_touched(folder: Folder) -> None:
    """Whatever a check writes, it writes into the copy, which is gone afterwards."""
    command = f"""{PYTHON} -c 'open("left", "w").close(); raise SystemExit(1)'"""
    changes = [edit(folder, "pkg/a.py", "VALUE = 2\n")]
    before = sorted(path.name for path in folder.root.rglob("*"))
    await run_checks(folder, changes, [command])
    assert sorted(path.name for path in folder.root.rglob("*")) == before
    assert folder.read("pkg/a.py") == "VALUE = 1\n"


async def test_file_operations_are_in_the_copy(folder: Folder) -> None:
    """New, moved and removed files are as they would be."""
    uri = folder.uri
    changes = [
        file_change("create", uri("new/b.py"), "new/b.py", (), ("B = 1\n",)),
        file_change(
            "rename", uri("pkg/a.py"), "pkg/a.py", ("VALUE = 1\n",), ("VALUE = 1\n",),
            new_uri=uri("pkg/c.py"), new_path="pkg/c.py",
        ),
    ]  # fmt: skip
    command = f"{PYTHON} -c 'import new.b, pkg.c\nimport importlib.util as u\nassert u.find_spec(\"pkg.a\") is None'"
    assert await run_checks(folder, changes, [command]) == (Check(command, True),)


async def test_our_keys_are_not_passed_on(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    """A check, which runs a repository's own code, does not see the keys of models."""
    monkeypatch.setenv("SOME_KEY", "secret")
    command = f"""{PYTHON} -c 'import os, pkg.a; assert pkg.a.VALUE == 1 or "SOME_KEY" not in os.environ'"""
    changes = [edit(folder, "pkg/a.py", "VALUE = 2\n")]
    [seen] = await run_checks(folder, changes, [command])
    [unseen] = await run_checks(folder, changes, [command], hidden_variables={"SOME_KEY"})
    assert (seen.ok, unseen.ok) == (False, True)


async def test_a_late_or_cancelled_check_is_ended_with_its_children(folder: Folder, tmp_path: Path) -> None:
    """Neither a time-out nor a cancelled refactor leaves a process behind."""
    fifo = tmp_path / "alive"
    os.mkfifo(fifo)
    # The child holds the pipe open for as long as it lives.
    command = f"sh -c 'exec 3>{fifo}; sleep 1000 & wait'"
    changes = [edit(folder, "pkg/a.py", "VALUE = 2\n")]
    task = asyncio.create_task(run_checks(folder, changes, [command]))
    with await asyncio.to_thread(fifo.open, "rb") as reader:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await asyncio.to_thread(reader.read) == b""
    [late] = await run_checks(folder, changes, ["sleep 1000"], timeout_s=0.05)
    assert late.ok  # it is just as late without the change


class EndlessFolder(Folder):
    """Lists its file again and again until the listing is closed, or the test gives up."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.copying, self.closed, self.given_up = threading.Event(), threading.Event(), threading.Event()

    def paths(self) -> Iterator[str]:
        try:
            while not self.given_up.is_set():
                yield "pkg/a.py"
                self.copying.set()
        finally:
            self.closed.set()


async def test_a_cancelled_copy_leaves_nothing(
    folder: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A refactor that is cancelled while the folder is copied ends with the copying ended and the copy removed."""
    copies = tmp_path / "copies"
    copies.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(copies))
    endless = EndlessFolder(folder.root)
    changes = [edit(folder, "pkg/a.py", "VALUE = 2\n")]
    task = asyncio.create_task(run_checks(endless, changes, ["true"]))
    try:
        await asyncio.to_thread(endless.copying.wait)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert endless.closed.is_set()
        assert list(copies.iterdir()) == []
    finally:
        endless.given_up.set()


async def test_a_copy_is_private(folder: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody else on the machine can look into the copies."""
    copies = tmp_path / "copies"
    copies.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(copies))
    modes: list[int] = []
    await run_checks(
        folder,
        [edit(folder, "pkg/a.py", "VALUE = 2\n")],
        ["true"],
        tell=lambda _: modes.extend(stat.S_IMODE(copy.stat().st_mode) for copy in copies.iterdir()),
    )
    assert modes == [0o700, 0o700]
