"""Where files are kept: for their user alone, and never under a name in /tmp that another user could take first."""

from collections.abc import Callable
from pathlib import Path

import pytest

from turnout import paths

DIRECTORIES = {
    "TURNOUT_CONFIG_DIR": paths.config_dir,
    "TURNOUT_CACHE_DIR": paths.cache_dir,
    "TURNOUT_STATE_DIR": paths.state_dir,
    "TURNOUT_RUNTIME_DIR": paths.runtime_dir,
}


@pytest.mark.parametrize(("variable", "directory"), DIRECTORIES.items(), ids=DIRECTORIES)
def test_each_directory_has_a_variable(
    variable: str, directory: Callable[[], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A directory that is named is made, readable by its user alone."""
    monkeypatch.setenv(variable, str(tmp_path / "a/b"))
    assert directory() == tmp_path / "a/b"
    assert directory().stat().st_mode & 0o077 == 0


@pytest.mark.skipif(
    "not __import__('sys').platform.startswith('linux')", reason="XDG directories are Linux's"
)
def test_without_a_session_the_socket_is_in_the_state_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where XDG_RUNTIME_DIR is not set the socket's directory is the user's own, and nothing is warned about."""
    monkeypatch.setenv("TURNOUT_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.delenv("TURNOUT_RUNTIME_DIR", raising=False)
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    assert paths.runtime_dir() == tmp_path / "state/run"
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "session"))
    assert paths.runtime_dir() == tmp_path / "session/turnout"
