"""Directories of their own for each worker test."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


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
