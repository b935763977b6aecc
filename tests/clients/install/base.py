"""What the installers of editors and tools share: folders that are filled once, commands that say why they failed."""

import fcntl
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path


class InstallError(Exception):
    """This machine cannot install that editor; the message says why."""


def once(directory: Path, name: str, build: Callable[[Path], None]) -> Path:
    """The folder `name` in `directory`, filled by `build` unless that was done before. Raises what `build` does.

    A second call does nothing, and two calls at once wait for each other.
    """
    home = directory.resolve() / name
    stamp = home / ".complete"
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / f".{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not stamp.exists():
            shutil.rmtree(home, ignore_errors=True)
            home.mkdir()
            build(home)
            stamp.touch()
    return home


def run(*command: str, cwd: Path | None = None) -> str:
    """What a command prints. Raises InstallError where it fails."""
    try:
        done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=True, timeout=600)
    except (OSError, subprocess.SubprocessError) as exc:
        output = (getattr(exc, "stderr", None) or str(exc)).strip()
        raise InstallError(f"`{' '.join(command[:4])} ...` failed: {output[-600:]}") from exc
    return done.stdout


def pip(target: Path, requirement: str) -> None:
    """Install a package from the Python index, without what it depends on. Raises InstallError."""
    run(
        *(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"),
        *("--pre", "--no-deps", "--target", str(target), requirement),
    )
