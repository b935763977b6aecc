"""Runs one command in a folder and keeps what it prints.

Invariants: there is no shell; a command has ended when this returns, whatever the reason, with all children that did
not leave its process group, and on Linux with daemons that stayed in its folder.
"""

import asyncio
import contextlib
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

TIMEOUT_S = 300.0
MAX_OUTPUT_BYTES = 2_000_000
ENDLESS_BYTES = 64_000_000
"""So much on disk, and a command is taken for one that prints without end: nothing of it is worth reading."""

_POLL_S = 0.02


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command ended: its status, None where it was `cut` off and why, and the end of what it printed.

    `whole` is False where that is not all of it. It took `seconds`. `doubt` is why it may not tell of the copy.
    """

    status: int | None
    output: str
    cut: str = ""
    whole: bool = True
    seconds: float = 0.0
    doubt: str = ""

    def tail(self, most: int) -> str:
        """How it ended, with the last `most` characters that it printed."""
        if self.status is None:
            return self.cut
        return f"exit status {self.status}: {self.output[-most:]}".strip()


async def run(command: str, cwd: Path, environment: Mapping[str, str], timeout_s: float) -> Ran:
    """Run `command`. Raises ValueError for what is no command, OSError for what cannot be started."""
    words = shlex.split(command)
    if not words:
        raise ValueError("it is empty")
    stop = threading.Event()
    running = asyncio.ensure_future(asyncio.to_thread(_supervise, words, cwd, environment, timeout_s, stop))
    try:
        return await asyncio.shield(running)
    finally:
        stop.set()
        await asyncio.wait({running})


def _supervise(
    words: Sequence[str], cwd: Path, environment: Mapping[str, str], timeout_s: float, stop: threading.Event
) -> Ran:
    """Start a command, wait for its end, for what cuts it off or for `stop`, and end it with all its children."""
    begun = time.monotonic()
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
        cut = ""
        try:
            while process.poll() is None and not cut and not stop.wait(_POLL_S):
                cut = _excess(time.monotonic() - begun, timeout_s, os.fstat(output.fileno()).st_size)
        finally:
            _end(process)
            _end_inside(cwd)
        seconds = time.monotonic() - begun
        size = output.seek(0, os.SEEK_END)
        kept = 0 if cut and size > ENDLESS_BYTES else MAX_OUTPUT_BYTES
        output.seek(max(0, size - kept))
        text = output.read().decode("utf-8", "replace").strip()
    for root in {str(cwd), str(cwd.resolve())}:
        text = text.replace(f"{root}{os.sep}", "").replace(root, "")
    return Ran(None if cut else process.returncode, text, cut, size <= MAX_OUTPUT_BYTES, seconds)


def _excess(seconds: float, timeout_s: float, size: int) -> str:
    """Why a command is to be cut off; empty where it may go on."""
    if seconds > timeout_s:
        return f"it did not end within {timeout_s:g} s"
    if size > ENDLESS_BYTES:
        return f"it had printed more than {ENDLESS_BYTES // 1_000_000} MB and was stopped"
    return ""


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the process group: a command may leave children behind."""
    if sys.platform == "win32":
        process.kill()
    else:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _end_inside(folder: Path) -> None:
    """End what was left in `folder` by a command, out of its process group: a daemon would go on writing there."""
    if sys.platform != "linux":
        return
    real = folder.resolve()
    for known in Path("/proc").glob("[0-9]*/cwd"):
        with contextlib.suppress(OSError):
            if known.readlink().is_relative_to(real):
                os.kill(int(known.parent.name), signal.SIGKILL)
