"""Kills a process in the middle of a transaction, at any line of our code, and looks at what recovery makes of it.

Invariant: this runs as a process of its own with one thread, and every attempt is a fork of it, so that an attempt
costs milliseconds and dies without a handler and without a flush: SIGKILL.

    python -m support.crash FOLDER disk|editor apply|undo POINT...

A point from 0 to 1 is how far through the transaction the kill falls. Prints one line of JSON: what became of each.
"""

import asyncio
import json
import os
import shutil
import signal
import sys
import threading
import traceback
from codecs import BOM_UTF8
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from types import FrameType
from typing import Any

from lsprotocol import types

import turnout
from support.act_kit import LOCAL, receipt
from support.buffers import Buffer, to_path
from turnout.act.applying.transactions import Proposals, real_root
from turnout.act.proposals import Check, Proposal
from turnout.core.documents import split_lines
from turnout.core.edits.changes import FileChange, file_change, numbered
from turnout.errors import ProposalUnknown
from turnout.files import Folder
from turnout.journal import DiskWorkspace, Journal
from turnout.lsp.workspace import EditorWorkspace

BEFORE = {
    "a.py": b"a = 1\nb = 2\nc = 3\n",
    "pkg/crlf.py": b"\xef\xbb\xbfx = 1\r\ny = 2\nz = 3",
    "pkg/old.py": b"old = 1\n",
    "gone.py": b"\xef\xbb\xbfbye\r\n",
    "kept.py": b"kept\n",
}
AFTER = {
    "a.py": b"a = 1\nb = 20\nc = 3\n",
    "pkg/crlf.py": b"\xef\xbb\xbfx = 1\r\ny = 20\nz = 3",
    "far/off/moved.py": b"new = 1\n",
    "made/deep/n.py": b"n = 1\n",
    "kept.py": b"kept\n",
}
_OURS = tuple(
    str(Path(turnout.__file__).parent / part) for part in ("act", "core", "files.py", "journal", "lsp")
)


def main() -> int:
    """Try every point of the command line."""
    folder, kind, action, *points = sys.argv[1:]
    attempt = Attempt(Path(folder), kind, action)
    total = attempt.lines()
    print(json.dumps([attempt.killed_at(max(1, int(float(point) * total))) for point in points]))
    return 0


class Attempt:
    """One way to do one thing, again and again from the same start."""

    def __init__(self, folder: Path, kind: str, action: str) -> None:
        self._work, self._state = folder / "work", folder / "state"
        self._kind, self._action = kind, action

    def lines(self) -> int:
        """How many lines of ours run when nobody is killed."""
        self._prepare()
        count = self._work.parent / "count"
        _in_a_child(lambda: count.write_text(str(_traced(self._act, None))))
        return int(count.read_text())

    def killed_at(self, line: int) -> dict[str, Any]:
        """What there is after a kill at that line and a new start: each file, and whether one can go on."""
        self._prepare()
        status = _in_a_child(lambda: _traced(self._act, line))
        result = self._work.parent / "result"
        _in_a_child(lambda: result.write_text(json.dumps(self._after_restart())))
        return {"line": line, "killed": status == signal.SIGKILL, **json.loads(result.read_text())}

    def _prepare(self) -> None:
        for path in (self._work, self._state):
            shutil.rmtree(path, ignore_errors=True)
        for name, data in BEFORE.items():
            path = self._work / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        _in_a_child(self._propose)

    def _propose(self) -> None:
        self._proposals().keep(proposal(self._workspace()), real_root(self._work))
        if self._action == "undo":
            asyncio.run(self._proposals().apply(self._workspace(), "p"))

    def _act(self) -> None:
        proposals, workspace = self._proposals(), self._workspace()
        asyncio.run(
            proposals.undo(workspace, "p") if self._action == "undo" else proposals.apply(workspace, "p")
        )

    def _after_restart(self) -> dict[str, Any]:
        proposals, workspace = self._proposals(), self._workspace()
        said = asyncio.run(proposals.recover(workspace, real_root(self._work)))
        side = self._side()
        try:
            if side == "before":
                outcome = asyncio.run(proposals.apply(workspace, "p"))
            else:
                outcome = asyncio.run(proposals.undo(workspace, "p"))
            goes_on = outcome.done and self._side() == {"before": "after", "after": "before"}.get(side)
        except ProposalUnknown:
            goes_on = False
        return {"side": side, "said": said, "goes_on": goes_on}

    def _side(self) -> str:
        found = {
            path.relative_to(self._work).as_posix(): path.read_bytes() if path.is_file() else None
            for path in self._work.rglob("*")
        }
        sides = {"before": _tree(BEFORE), "after": _tree(AFTER)}
        return next((side for side, tree in sides.items() if found == tree), f"between: {found}")

    def _proposals(self) -> Proposals:
        return Proposals(Journal(self._state))

    def _workspace(self) -> DiskWorkspace | EditorWorkspace:
        folder = Folder(self._work)
        return DiskWorkspace(folder) if self._kind == "disk" else EditorWorkspace(EditorOnDisk(), folder)  # type: ignore[arg-type]


class EditorOnDisk:
    """The protocol of an editor that has no document open and writes each change to disk as it comes."""

    encoding = "utf-16"

    def __init__(self) -> None:
        edit = types.WorkspaceEditClientCapabilities(
            document_changes=True, resource_operations=list(types.ResourceOperationKind)
        )
        self.client_capabilities = types.ClientCapabilities(
            workspace=types.WorkspaceClientCapabilities(apply_edit=True, workspace_edit=edit)
        )
        self.documents: dict[str, Any] = {}

    async def send_request_async(self, _: str, params: types.ApplyWorkspaceEditParams) -> Any:
        """Apply an edit."""
        for change in params.edit.document_changes or ():
            self._carry_out(change)
        return types.ApplyWorkspaceEditResult(applied=True)

    def _carry_out(self, change: Any) -> None:
        match change:
            case types.TextDocumentEdit(text_document=document, edits=edits):
                path = to_path(document.uri)
                data = path.read_bytes()
                mark = BOM_UTF8 if data.startswith(BOM_UTF8) else b""
                buffer = Buffer(document.uri, data.removeprefix(mark).decode())
                path.write_bytes(mark + buffer.edited(edits, self.encoding).encode())
            case types.CreateFile(uri=uri):
                to_path(uri).parent.mkdir(parents=True, exist_ok=True)
                to_path(uri).touch(exist_ok=False)
            case types.RenameFile(old_uri=old, new_uri=new):
                to_path(new).parent.mkdir(parents=True, exist_ok=True)
                to_path(old).rename(to_path(new))
            case types.DeleteFile(uri=uri):
                to_path(uri).unlink()


def _tree(files: Mapping[str, bytes]) -> dict[str, bytes | None]:
    """`files` and the folders that they are in."""
    folders = {parent.as_posix() for name in files for parent in PurePosixPath(name).parents}
    return {**dict.fromkeys(folders - {"."}), **files}


def proposal(workspace: DiskWorkspace | EditorWorkspace) -> Proposal:
    """Every kind of change, from BEFORE to AFTER."""

    def change(kind: Any, path: str, new_path: str | None = None) -> FileChange:
        before, after = (
            tuple(split_lines(files.get(name, b"").decode("utf-8-sig")))
            for files, name in ((BEFORE, path), (AFTER, new_path or path))
        )
        new_uri = workspace.uri(new_path) if new_path else None
        return file_change(kind, workspace.uri(path), path, before, after, new_uri=new_uri, new_path=new_path)

    changes = numbered(
        [
            change("edit", "a.py"),
            change("create", "made/deep/n.py"),
            change("edit", "pkg/crlf.py"),
            change("rename", "pkg/old.py", "far/off/moved.py"),
            change("delete", "gone.py"),
        ]
    )
    checks = (Check("edits", True),)
    return Proposal("p", "label", "plan", changes, checks, receipt("refactor", LOCAL, (), 1))


def _traced(work: Callable[[], object], kill_at: int | None) -> int:
    """The lines of ours that `work` runs, in all threads; the process ends at the one numbered `kill_at`."""
    count = 0

    def on_line(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal count
        if event == "line":
            count += 1
            if count == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)
        return on_line

    def on_call(frame: FrameType, event: str, argument: Any) -> Any:
        return on_line if frame.f_code.co_filename.startswith(_OURS) else None

    threading.settrace(on_call)
    sys.settrace(on_call)
    try:
        work()
    finally:
        sys.settrace(None)
        threading.settrace(None)
    return count


def _in_a_child(work: Callable[[], object]) -> int:
    """The signal that ended a fork of this process in which `work` ran, 0 where none did."""
    child = os.fork()
    if child == 0:
        try:
            work()
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if not os.WIFSIGNALED(status) and os.WEXITSTATUS(status):
        raise RuntimeError("an attempt failed; its traceback is above")
    return os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0


if __name__ == "__main__":
    sys.exit(main())
