"""Real repositories for tests, made with git itself."""

import subprocess
from collections.abc import Mapping
from pathlib import Path

_AS_SOMEBODY = (
    "-c",
    "user.name=A",
    "-c",
    "user.email=a@example.org",
    "-c",
    "commit.gpgSign=false",
    "-c",
    "gc.auto=0",
)


def repository(folder: Path, files: Mapping[str, str]) -> Path:
    """A new repository in `folder` with `files` staged."""
    folder.mkdir(parents=True, exist_ok=True)
    git(folder, "init", "--quiet", "--initial-branch=main")
    git(folder, "config", "core.autocrlf", "false")
    stage(folder, files)
    return folder


def stage(folder: Path, files: Mapping[str, str | None]) -> None:
    """Write and stage `files`; None removes one."""
    for name, text in files.items():
        path = folder / name
        if text is None:
            path.unlink()
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode())
    git(folder, "add", "--all", "--", *files)


def commit(folder: Path, message: str) -> str:
    """Commit what is staged; returns the name of the commit."""
    git(folder, "commit", "--quiet", "--no-verify", "--message", message)
    return git(folder, "rev-parse", "HEAD").strip()


def git(folder: Path, *arguments: str) -> str:
    """What git says."""
    done = subprocess.run(
        ["git", *_AS_SOMEBODY, *arguments], cwd=folder, check=True, capture_output=True, text=True
    )
    return done.stdout
