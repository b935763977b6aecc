"""Starts a worker process that outlives its editor, and keeps its log within bounds.

Invariant: `spawn` returns only when something listens at the address, or raises with the reason and leaves no
process behind. The worker runs nothing out of the folder that the server was started in, and knows no secrets.
"""

import asyncio
import contextlib
import os
import queue
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO

from turnout import paths
from turnout.errors import WorkerUnavailable
from turnout.local.address import Transport, WorkerSpec

_START_TIMEOUT_S = 30.0
_END_TIMEOUT_S = 5.0
_MAX_LOG_BYTES = 1024 * 1024
_TAIL_LINES = 8
_TAIL_BYTES = 16 * 1024
_WINDOWS_DETACHED = getattr(subprocess, "CREATE_NO_WINDOW", 0) | getattr(
    subprocess, "CREATE_NEW_PROCESS_GROUP", 0
)
_SECRET = re.compile(r"API_?KEY|_KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIALS", re.IGNORECASE)


class WorkerKilledError(Exception):
    """The worker that was to be started was killed before it said anything: worth another attempt."""


async def spawn(
    spec: WorkerSpec, address: Path, transport: Transport, *, timeout_s: float = _START_TIMEOUT_S
) -> None:
    """Start a worker for `spec` at `address`; where another one already listens, that is as good.

    Raises WorkerUnavailable, also where the worker is not ready after `timeout_s`; it is ended then. Raises
    WorkerKilledError where it ended without a word.
    """
    await asyncio.to_thread(_spawn, spec, address, transport, timeout_s)


def log_path(spec: WorkerSpec) -> Path:
    """The file with everything that the workers of this model and engine say."""
    name = re.sub(r"[^\w.-]+", "_", f"{spec.model}-{spec.engine}")
    return paths.state_dir() / "logs" / f"worker-{name}.log"


def log_tail(spec: WorkerSpec, since: int) -> str:
    """The last lines of that log after byte `since`, for an error message: without the frames of tracebacks.

    A log that is shorter was begun anew since then.
    """
    try:
        with log_path(spec).open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            start = since if since <= size else 0
            file.seek(max(start, size - _TAIL_BYTES))
            lines = file.read().decode("utf-8", "replace").splitlines()
    except OSError:
        return ""
    return "\n".join(_without_frames(lines)[-_TAIL_LINES:])


def log_size(spec: WorkerSpec) -> int:
    """Bytes of that log: where the words of a worker begin that is started next."""
    try:
        return log_path(spec).stat().st_size
    except OSError:
        return 0


def _spawn(spec: WorkerSpec, address: Path, transport: Transport, timeout_s: float) -> None:
    try:
        with _open_log(spec) as log:
            logged = log.tell()
            process = subprocess.Popen(  # noqa: S603 (our own interpreter and module, no shell)
                _command(spec, address, transport),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                env=_environment(),
                cwd=address.absolute().parent,
                start_new_session=True,
                creationflags=_WINDOWS_DETACHED,
            )
    except OSError as exc:
        raise WorkerUnavailable(f"The worker cannot be started: {exc}.") from exc
    said = _first_line(process, timeout_s)
    if said != b"ready":
        _end(process)
        if said == b"" and log_size(spec) == logged:
            raise WorkerKilledError(f"the worker for {spec.model} was killed")
        late = f" within {timeout_s:g} s" if said is None else ""
        raise WorkerUnavailable(
            f"The worker for {spec.model} did not start{late}: {log_tail(spec, logged) or 'it said nothing'}",
            advice=f"Its log is {log_path(spec)}.",
        )
    if sys.platform != "win32":  # there the worker itself is this process, and lives on
        process.wait()


def _first_line(process: "subprocess.Popen[bytes]", timeout_s: float) -> bytes | None:
    """What the process says first, empty where it ends without a word; None where that takes too long."""
    assert process.stdout is not None
    output, said = process.stdout, queue.SimpleQueue[bytes]()

    def read() -> None:
        with output:
            said.put(output.readline())

    # On a thread, as pipes cannot be read with a deadline on Windows.
    threading.Thread(target=read, name="first words of a worker", daemon=True).start()
    try:
        return said.get(timeout=timeout_s).strip()
    except queue.Empty:
        return None


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Kill the process and, as it leads a session of its own, what it has forked."""
    if sys.platform == "win32":
        process.kill()
    else:
        # Before it is waited for: until then its id belongs to nobody else. macOS refuses where all have ended.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_END_TIMEOUT_S)


def _environment() -> dict[str, str]:
    """The server's variables without those that sound like secrets: the worker outlives the editor."""
    return {
        name: value
        for name, value in os.environ.items()
        if name.startswith("TURNOUT_") or not _SECRET.search(name)
    }


def _command(spec: WorkerSpec, address: Path, transport: Transport) -> list[str]:
    # -P: a package called turnout in the folder that the editor has open must not be taken for ours.
    command = [sys.executable, "-P", "-m", "turnout.worker", "--detach"]
    command += ["--model", spec.model, "--engine", spec.engine, "--transport", transport]
    command += ["--socket", str(address.absolute())]  # absolute, as the worker lives in a folder of its own
    command += ["--idle-s", str(spec.idle_s), "--context", str(spec.context_tokens)]
    if spec.path is not None:
        command += ["--path", str(spec.path.absolute())]
    for name, needed_bytes in spec.smaller:
        command += ["--smaller", f"{name}={needed_bytes}"]
    return command


def _without_frames(lines: list[str]) -> list[str]:
    """What a person can read: of a traceback only its last line, which names the error."""
    kept: list[str] = []
    within = False
    for line in lines:
        if line.startswith("Traceback (most recent call last)"):
            within = True
        elif line.strip() and not (within and line[0].isspace()):
            within = False
            kept.append(line)
    return kept


def _open_log(spec: WorkerSpec) -> IO[bytes]:
    """The log to append to; nothing where it cannot be written, since completions are worth more than their log."""
    try:
        return _append_to(log_path(spec))
    except OSError:
        return Path(os.devnull).open("ab")


def _append_to(path: Path) -> IO[bytes]:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if path.exists() and path.stat().st_size > _MAX_LOG_BYTES:
        path.replace(path.with_suffix(".log.1"))
    log = path.open("ab")
    log.seek(0, os.SEEK_END)
    return log
