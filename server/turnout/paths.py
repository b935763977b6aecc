"""Where Turnout keeps its files: one function per kind, each with an environment variable that overrides it.

Directories are created on first use, readable by the user alone.
"""

import os
import sys
from pathlib import Path

WORKSPACE_SETTINGS = ".turnout.toml"
"""Name of the settings file of a workspace folder."""

WORKSPACE_MARKS = (WORKSPACE_SETTINGS, ".git")
"""What makes a folder a workspace of its own."""


def lies_in_workspace(folder: str, workspace: str) -> bool:
    """Whether `folder` is below `workspace`, both real paths, and in no other workspace in between."""
    here = Path(folder)
    if not (folder and workspace) or here == Path(workspace) or not here.is_relative_to(workspace):
        return False
    between = (
        one for one in (here, *here.parents) if one != Path(workspace) and one.is_relative_to(workspace)
    )
    return not any((one / mark).exists() for one in between for mark in WORKSPACE_MARKS)


def _directory(variable: str, default: str) -> Path:
    override = os.environ.get(variable)
    if override:
        path = Path(override).expanduser()
    else:
        import platformdirs  # 7 ms: only when no override is set

        path = Path(getattr(platformdirs, default)("turnout", appauthor=False))
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    return path


def config_dir() -> Path:
    """Directory of the user's `config.toml` (`TURNOUT_CONFIG_DIR`)."""
    return _directory("TURNOUT_CONFIG_DIR", "user_config_dir")


def cache_dir() -> Path:
    """Directory of downloaded models and other things that can be fetched again (`TURNOUT_CACHE_DIR`)."""
    return _directory("TURNOUT_CACHE_DIR", "user_cache_dir")


def state_dir() -> Path:
    """Directory of receipts, trusted workspaces and logs (`TURNOUT_STATE_DIR`)."""
    return _directory("TURNOUT_STATE_DIR", "user_state_dir")


def runtime_dir() -> Path:
    """Directory of the worker's socket and lock (`TURNOUT_RUNTIME_DIR`).

    Without a runtime directory of the session it is in the state directory: a name in `/tmp` that anybody can guess
    is no place for a socket.
    """
    homeless = sys.platform.startswith("linux") and not os.environ.get("XDG_RUNTIME_DIR")
    if homeless and not os.environ.get("TURNOUT_RUNTIME_DIR"):
        path = state_dir() / "run"
        path.mkdir(exist_ok=True, mode=0o700)
        return path
    return _directory("TURNOUT_RUNTIME_DIR", "user_runtime_dir")
