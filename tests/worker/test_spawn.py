"""How a worker is started: on our own code alone, without the user's secrets, and never waited for in vain."""

import asyncio
import fcntl
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from support.processes import processes_of
from support.workers import end_workers
from turnout.errors import WorkerUnavailable
from turnout.local import LocalBackend
from turnout.local.address import WorkerSpec, socket_path
from turnout.local.spawn import log_path, log_tail, spawn
from worker import kit
from worker.backend_kit import collect, no_file

only_linux_tells = pytest.mark.skipif(
    not Path("/proc/self/environ").exists(), reason="only Linux tells the folder and environment of processes"
)
SPEC = WorkerSpec("test-model", "fake", None, idle_s=60.0)


@asynccontextmanager
async def spawned(spec: WorkerSpec = SPEC) -> AsyncIterator[int]:
    """The process id of a worker that was really started; it is gone at the end."""
    address = socket_path(spec)
    await spawn(spec, address, "unix")
    client = kit.RawClient(*await asyncio.open_unix_connection(str(address)))
    client.send(kit.hello())
    try:
        yield int((await client.until("hello"))["pid"])
    finally:
        client.send({"t": "unload", "id": 1})
        while await client.read() is not None:
            pass
        await client.close()


def folder_of(pid: int) -> Path:
    """The current folder of a process."""
    return Path(f"/proc/{pid}/cwd").readlink()


@pytest.mark.parametrize("name", ["turnout/__init__.py", "argparse.py", "platform.py", "queue.py"])
async def test_no_file_of_the_folder_that_is_open_is_run(
    short_dir: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Editors start the server in the workspace, and whoever wrote that may not choose what the worker imports."""
    module = short_dir / "work" / name
    module.parent.mkdir(parents=True)
    module.write_text(f"open({str(short_dir / 'ran')!r}, 'w').close()\n")
    monkeypatch.chdir(short_dir / "work")
    async with spawned():
        pass
    assert not (short_dir / "ran").exists()


@only_linux_tells
async def test_relative_python_paths_lead_nowhere(short_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker lives in a folder of this user alone, so that an empty PYTHONPATH entry is not the workspace."""
    (short_dir / "work").mkdir()
    (short_dir / "work" / "queue.py").write_text("raise SystemExit('the wrong queue')\n")
    monkeypatch.chdir(short_dir / "work")
    monkeypatch.setenv("PYTHONPATH", os.pathsep)
    async with spawned() as pid:
        assert folder_of(pid) == socket_path(SPEC).parent
        assert kit.mode(socket_path(SPEC).parent) == 0o700


async def test_relative_directories_of_the_user_still_work(
    short_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the user gave relative to the server's folder means that folder, wherever the worker lives."""
    monkeypatch.chdir(short_dir)
    monkeypatch.setenv("TURNOUT_RUNTIME_DIR", "run")
    monkeypatch.setenv("TURNOUT_STATE_DIR", "state")
    async with spawned():
        assert socket_path(SPEC).is_socket()


SECRETS = [
    "OPENAI_API_KEY",
    "AWS_ACCESS_KEY_ID",
    "Deploy_Key",
    "OPENAI_APIKEY",
    "GH_TOKEN",
    "NPM_TOKEN_2",
    "client_secret",
    "PGPASSWORD",
    "DB_PASSWD",
    "GOOGLE_APPLICATION_CREDENTIALS",
]


@only_linux_tells
async def test_the_worker_knows_no_secrets(short_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It outlives the editor and needs no key; Turnout's own variables and all others are passed on."""
    for name in [*SECRETS, "TURNOUT_TEST_KEY", "EDITOR"]:
        monkeypatch.setenv(name, f"value-of-{name}")
    async with spawned() as pid:
        environment = kit.read(Path(f"/proc/{pid}/environ"))
    assert [name for name in SECRETS if f"value-of-{name}" in environment] == []
    assert "TURNOUT_TEST_KEY=value-of-TURNOUT_TEST_KEY\0" in environment
    assert "EDITOR=value-of-EDITOR\0" in environment


async def test_a_worker_that_never_gets_ready_is_ended(short_dir: Path) -> None:
    """Also the process that it has forked: it would hold the start lock, and every later start with it."""
    address = socket_path(SPEC)
    with address.with_suffix(".lock").open("a+b") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(WorkerUnavailable, match=r"did not start within 2 s"):
            await spawn(SPEC, address, "unix", timeout_s=2.0)
    async with asyncio.timeout(kit.GUARD_S):
        while await asyncio.to_thread(processes_of, short_dir):  # killed, but perhaps not yet gone
            pass
    async with spawned():
        assert address.is_socket()


async def test_a_worker_that_is_killed_while_it_starts_is_started_again(
    short_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever waits for it does not notice."""
    marker, python = short_dir / "killed", short_dir / "python"
    python.write_text(
        f'#!/bin/sh\n[ -e {marker} ] || {{ touch {marker}; kill -9 $$; }}\nexec {sys.executable} "$@"\n'
    )
    python.chmod(0o755)
    monkeypatch.setenv("TURNOUT_ENGINE", "fake")
    monkeypatch.setattr(sys, "executable", str(python))
    backend = LocalBackend(no_file)
    assert (await collect(backend))[0] == "lo_from_fake(42)"
    assert marker.exists()
    (address,) = socket_path(SPEC).parent.glob("*.sock")
    await backend.close()
    await asyncio.to_thread(end_workers, address.parent)


async def test_a_log_that_cannot_be_written_is_done_without(short_dir: Path) -> None:
    """A full disk or a read-only home costs the log, not the completions."""
    log_path(SPEC).parent.parent.mkdir(parents=True, exist_ok=True)
    log_path(SPEC).parent.write_text("a file where the folder should be")
    async with spawned():
        assert not log_path(SPEC).exists()


async def test_a_worker_that_fails_is_quoted(short_dir: Path) -> None:
    """The error ends with what the worker said, and does not wait for the deadline."""
    with pytest.raises(WorkerUnavailable, match="invalid choice"):
        await spawn(WorkerSpec("test-model", "no such engine", None), short_dir / "w.sock", "unix")


def test_only_what_came_since_is_quoted_and_no_frames(short_dir: Path) -> None:
    """One log serves all workers of a model: an older one's end is not this one's, and people read no tracebacks."""
    path = log_path(SPEC)
    path.parent.mkdir(parents=True, exist_ok=True)
    old = 'Traceback (most recent call last):\n  File "old.py"\nOSError: old\n'
    path.write_text(old)
    assert log_tail(SPEC, len(old)) == ""
    path.write_text(
        f'{old}loads\nTraceback (most recent call last):\n  File "a.py"\n    f()\nOSError: new\nends\n'
    )
    assert log_tail(SPEC, len(old)) == "loads\nOSError: new\nends"
    assert log_tail(SPEC, 10_000).startswith("OSError: old")
