"""Runs one command in a folder and keeps what it prints.

Invariants: there is no shell; a command, with all its children, has ended when this returns, whatever the reason.
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

_POLL_S = 0.02


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command ended: its status, None where it did not end in time, and the end of what it printed.

    `whole` is False where that is not all of it. It took `seconds`. `doubt` is why it may not tell of the copy.
    """

    status: int | None
    output: str
    timeout_s: float = TIMEOUT_S
    whole: bool = True
    seconds: float = 0.0
    doubt: str = ""

    def tail(self, most: int) -> str:
        """How it ended, with the last `most` characters that it printed."""
        if self.status is None:
            return f"it did not end within {self.timeout_s:g} s"
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
    """Start a command, wait for its end, its time or `stop`, and end it with all its children."""
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
        late = False
        try:
            while process.poll() is None and not stop.wait(_POLL_S):
                if time.monotonic() > begun + timeout_s:
                    late = True
                    break
        finally:
            _end(process)
        seconds = time.monotonic() - begun
        size = output.seek(0, os.SEEK_END)
        output.seek(max(0, size - MAX_OUTPUT_BYTES))
        text = output.read().decode("utf-8", "replace").strip()
    for root in {str(cwd), str(cwd.resolve())}:
        text = text.replace(f"{root}{os.sep}", "").replace(root, "")
    return Ran(None if late else process.returncode, text, timeout_s, size <= MAX_OUTPUT_BYTES, seconds)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the process group: a command may leave children behind."""
    if sys.platform == "win32":
        process.kill()
    else:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()
