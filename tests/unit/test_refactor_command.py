"""`turnout refactor --apply`, once there is a proposal: what is said where it cannot be applied."""

import errno
import io
import os
import signal
import sys
from argparse import Namespace
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from support.journal_kit import entry
from turnout import paths
from turnout.__main__ import main
from turnout.act.applying.effects import Conflict
from turnout.act.applying.transactions import Outcome, real_root
from turnout.act.gathering.scope import Request
from turnout.act.proposals import Proposal
from turnout.commands.refactor import _Job
from turnout.commands.terminal import Terminal
from turnout.commands.undo import conflicts
from turnout.core.edits.changes import file_change
from turnout.errors import FolderBusy
from turnout.files import Folder, path_to_uri
from turnout.journal import DiskWorkspace, Journal
from turnout.journal.places import Place
from turnout.session.editor import Level

pytestmark = pytest.mark.usefixtures("signals")

BEFORE, AFTER = ("one\n",), ("two\n",)
AGAIN = "Run it again, on the files as they are now."


@pytest.fixture(autouse=True)
def heeding() -> Iterator[None]:
    """A command that changes files heeds no signal until its process ends, which is ours."""
    numbers = [getattr(signal, name, signal.SIGINT) for name in ("SIGINT", "SIGTERM", "SIGHUP")]
    before = {number: signal.getsignal(number) for number in numbers}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DiskWorkspace:
    """A folder with one file, and a journal beside it."""
    monkeypatch.setenv("TURNOUT_STATE_DIR", str(tmp_path / "state"))
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "a.py").write_text("".join(BEFORE))
    return DiskWorkspace(Folder(folder))


class Proposed(_Job):
    """A run of the command, once a model proposed to edit the file."""

    async def _proposed(self, request: Request, workspace: DiskWorkspace) -> Proposal:
        change = file_change("edit", workspace.uri("a.py"), "a.py", BEFORE, AFTER)
        return replace(entry("p", "offered", 0.0, change).proposal, complete=True)


def job(workspace: DiskWorkspace) -> _Job:
    """One that may change what git does not know."""
    args = Namespace(
        apply=True, allow_dirty=True, instruction="Do it", plan="auto", paths=[], json=False, diff=False
    )
    parts: Any = SimpleNamespace(workspaces=SimpleNamespace(may_read=lambda _uri: True))
    return Proposed(args, Terminal(), parts, workspace.folder.root)


@pytest.mark.parametrize("is_full", [True, False])
async def test_run_it_again_only_where_that_helps(
    workspace: DiskWorkspace,
    is_full: bool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A disk that is full is named with the file; asking a model again would only cost as much again."""

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    if is_full:
        monkeypatch.setattr(Place, "replace", full)
    else:
        (workspace.folder.root / "a.py").write_text("three\n")
    status = await job(workspace).run()
    said = capsys.readouterr().err
    assert status == 1
    assert "Nothing was changed." in said
    assert (AGAIN in said) is not is_full
    assert (f"a.py cannot be written: {os.strerror(errno.ENOSPC)}." in said) is is_full
    assert "editor" not in said


async def test_a_diff_has_the_bytes_of_its_files(
    workspace: DiskWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever stdout is set to, a patch of text beyond ASCII is whole, with the line endings that it has."""
    change = file_change("edit", workspace.uri("a.py"), "a.py", BEFORE, ("é\r\n",))
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, "ascii", newline="\r\n"))
    one = job(workspace)
    one.args.apply = False
    whole = replace(entry("p", "offered", 0.0, change).proposal, complete=True)
    one._print(whole, 0, {"notes": (), "conflicts": ()})
    assert written.getvalue() == change.diff.encode()
    assert "é\r\n" in change.diff


def test_a_result_beyond_what_stdout_can_show(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A command that did its work does not fail over the words that tell of it."""
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, "ascii"))
    monkeypatch.setenv("TURNOUT_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setattr("turnout.commands.undo.run", lambda _args: print("undone: é") or 0)
    assert main(["undo", str(tmp_path)]) == 0
    sys.stdout.flush()
    assert written.getvalue() == b"undone: \\xe9\n"


@pytest.mark.parametrize("ends", [True, False])
async def test_a_busy_folder_is_waited_for(
    workspace: DiskWorkspace, ends: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Trying again would cost as much again as the change did; the wait has an end."""
    monkeypatch.setattr("turnout.commands.refactor._PAUSE_S", 0)
    other = ExitStack()
    locked = Journal(paths.state_dir() / "journal").locked(real_root(workspace.folder.root))

    class Watched(Terminal):
        def say_once(self, text: str, level: Level = "info") -> None:
            super().say_once(text, level)
            if ends:
                other.close()

    one = replace(job(workspace), terminal=Watched())
    with other:
        other.enter_context(locked)
        if ends:
            assert await one.run() == 0
        else:
            with pytest.raises(FolderBusy):
                await one.run()
    assert capsys.readouterr().err.count("is changing files") == 1
    assert (workspace.folder.root / "a.py").read_text() == "".join(AFTER if ends else BEFORE)


@pytest.mark.skipif(sys.platform == "win32", reason="not everybody may make links there")
def test_a_file_is_named_by_its_path(workspace: DiskWorkspace, tmp_path: Path) -> None:
    """Also where a link that leads out of the folder has its place by now."""
    (workspace.folder.root / "out").symlink_to(tmp_path)
    uris = [workspace.uri("a.py"), path_to_uri(workspace.folder.root / "out" / "b.py")]
    found = conflicts(Outcome(False, tuple(Conflict(uri, "No.") for uri in uris)), workspace)
    assert [one["path"] for one in found] == ["a.py", str(workspace.folder.root / "out" / "b.py")]
