"""A process that is ended together with all that it has started: compilers below ninja below torch below a build.

Invariant: when `end` returns, nothing of it runs, unless it has left the group that it was started in.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

_PATIENCE_S = 5.0


def apart() -> dict[str, Any]:
    """What `subprocess.Popen` is given so that `end` finds the whole tree; Ctrl-C of a terminal does not reach it."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    return {"process_group": 0}


def end(process: "subprocess.Popen[str]", patience_s: float | None = None) -> None:
    """End a process that was started `apart` and its descendants: asked first, killed after `patience_s` (5)."""
    if sys.platform == "win32":
        program = os.path.join(os.environ.get("SYSTEMROOT", r"C:\Windows"), "System32", "taskkill.exe")  # noqa: PTH118
        subprocess.run([program, "/T", "/F", "/PID", str(process.pid)], capture_output=True, check=False)  # noqa: S603
        process.wait()
        return
    try:
        _signal(process, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_PATIENCE_S if patience_s is None else patience_s)
    finally:
        # Also where the first one has ended: what it started may have been deaf.
        _signal(process, signal.SIGKILL)
        process.wait()


@contextlib.contextmanager
def ended_by_sigterm() -> Iterator[None]:
    """Turn a request to end into SystemExit, so that a `finally` can end what was started; on the main thread only."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def leave(number: int, _frame: object) -> None:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _signal(process: "subprocess.Popen[str]", number: int) -> None:
    # PermissionError is what macOS says of a group in which everybody has ended.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
