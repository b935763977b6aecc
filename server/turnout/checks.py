"""Runs the user's own checks on a proposed change, in a copy of the folder, before it is offered.

Invariants: the work tree is never touched; a check that fails without the change as well counts for nothing against it;
commands are run without a shell, without our keys, and not past their time.
Only files that git does not ignore are copied, as they are on disk, and the changed ones as they would be.
"""

import asyncio
import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from turnout.act.proposals import Check
from turnout.core.edits.changes import FileChange
from turnout.files import Folder

TIMEOUT_S = 300.0
MAX_OUTPUT_BYTES = 2000

_POLL_S = 0.02


async def run_checks(
    folder: Folder,
    changes: Sequence[FileChange],
    commands: Sequence[str],
    *,
    hidden_variables: Collection[str] = (),
    tell: Callable[[str], None] = lambda _command: None,
    timeout_s: float = TIMEOUT_S,
) -> tuple[Check, ...]:
    """One result for each of `commands`, in order; `hidden_variables` are not passed on to them."""
    if not commands or not changes:
        return ()
    environment = {name: value for name, value in os.environ.items() if name not in hidden_variables}
    found = []
    async with _copy(folder, changes) as after, _copy(folder, ()) as before:
        for command in commands:
            tell(command)
            found.append(await _check(command, before, after, environment, timeout_s))
    return tuple(found)


async def _check(
    command: str, before: Path, after: Path, environment: Mapping[str, str], timeout_s: float
) -> Check:
    try:
        words = shlex.split(command)
        if not words:
            raise ValueError("it is empty")
        failure = await _run(words, after, environment, timeout_s)
        if failure is None:
            return Check(command, True)
        earlier = await _run(words, before, environment, timeout_s)
    except (OSError, ValueError) as error:
        return Check(command, False, f"it cannot be run: {error}")
    if earlier is not None:
        return Check(command, True, f"fails without the change as well: {earlier}")
    return Check(command, False, failure)


@asynccontextmanager
async def _copy(folder: Folder, changes: Sequence[FileChange]) -> AsyncIterator[Path]:
    """A copy of `folder` with `changes` made in it; removed at the end, also where it was never finished."""
    copy = _Copy(folder, changes)
    try:
        yield await asyncio.to_thread(copy.make)
    finally:
        copy.stop.set()
        await asyncio.to_thread(copy.remove)


class _Copy:
    """One copy; a thread that makes it goes on after its task was cancelled, so `remove` waits for that thread.

    `stop` ends the copying after the file that it is at; a copy that was stopped is removed by whoever comes last.
    """

    def __init__(self, folder: Folder, changes: Sequence[FileChange]) -> None:
        self._folder = folder
        self._changes = changes
        self._made: list[Path] = []
        self._busy = threading.Lock()
        self.stop = threading.Event()

    def make(self) -> Path:
        """Copy the files into a new folder that only this user can look into."""
        with self._busy:
            target = Path(tempfile.mkdtemp(prefix="turnout-check-"))
            self._made.append(target)
            self._fill(target)
        if self.stop.is_set():
            self.remove()
        return target

    def _fill(self, target: Path) -> None:
        for path in self._folder.paths():
            if self.stop.is_set():
                return
            copy = target / path
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(self._folder.root / path, copy, follow_symlinks=False)
        _change(target, self._changes)

    def remove(self) -> None:
        """Remove what was copied, once nothing more is."""
        with self._busy:
            while self._made:
                shutil.rmtree(self._made.pop(), ignore_errors=True)


def _change(target: Path, changes: Sequence[FileChange]) -> None:
    for change in changes:
        old, new = target / change.path, target / (change.new_path or change.path)
        if change.kind in ("delete", "rename"):
            old.unlink(missing_ok=True)
        if change.kind != "delete":
            new.parent.mkdir(parents=True, exist_ok=True)
            new.write_bytes("".join(change.after).encode("utf-8", "surrogatepass"))


async def _run(
    words: Sequence[str], cwd: Path, environment: Mapping[str, str], timeout_s: float
) -> str | None:
    """Why a command failed, None where it did not; a cancelled one has ended when this returns."""
    stop = threading.Event()
    running = asyncio.ensure_future(asyncio.to_thread(_supervise, words, cwd, environment, timeout_s, stop))
    try:
        return await asyncio.shield(running)
    finally:
        stop.set()
        await asyncio.wait({running})


def _supervise(
    words: Sequence[str], cwd: Path, environment: Mapping[str, str], timeout_s: float, stop: threading.Event
) -> str | None:
    """Start a command, wait for its end, its time or `stop`, and end it with all its children."""
    deadline = time.monotonic() + timeout_s
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(  # noqa: S603  # the user's own commands, or a trusted workspace's
            words,
            cwd=cwd,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            while process.poll() is None and not stop.wait(_POLL_S):
                if time.monotonic() > deadline:
                    return f"it did not end within {timeout_s:g} s"
        finally:
            _end(process)
        output.seek(max(0, output.seek(0, os.SEEK_END) - MAX_OUTPUT_BYTES))
        text = output.read().decode("utf-8", "replace").strip().replace(str(cwd), "")
    return None if process.returncode == 0 else f"exit status {process.returncode}: {text}"


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the process group: a command may leave children behind."""
    if sys.platform == "win32":
        process.kill()
    else:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()
