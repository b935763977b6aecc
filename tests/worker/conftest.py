"""Directories of their own for each worker test, and backends whose workers end with it."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from turnout.local import LocalBackend
from worker.backend_kit import Make, Workers, no_file


@pytest.fixture
def short_dir(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A directory whose path leaves room for a socket's name, set as Turnout's runtime and state directory."""
    path = Path(tempfile.mkdtemp(prefix="tw"))
    monkeypatch.setenv("TURNOUT_RUNTIME_DIR", str(path / "run"))
    monkeypatch.setenv("TURNOUT_STATE_DIR", str(path / "state"))
    monkeypatch.setenv("TURNOUT_CACHE_DIR", str(path / "cache"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def socket_path(short_dir: Path) -> Path:
    """Where a worker of this test listens."""
    return short_dir / "w.sock"


@pytest.fixture
async def workers() -> AsyncIterator[Workers]:
    made = Workers()
    yield made
    await made.kill()


@pytest.fixture
async def make(short_dir: Path, workers: Workers, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Make]:
    """Backends with the fake engine, closed at the end; no task of theirs may survive that."""
    monkeypatch.setenv("TURNOUT_ENGINE", "fake")
    backends: list[LocalBackend] = []

    def build(**options: Any) -> LocalBackend:
        backends.append(LocalBackend(no_file, **{"spawn": workers.spawn, **options}))
        return backends[-1]

    yield build
    for backend in backends:
        await backend.close()
    assert asyncio.all_tasks() == {asyncio.current_task()}
