"""Where the worker of a model is found: one address for all editors of the user that want the same thing.

Invariant: an address belongs to one protocol, version, engine and model file.
After an upgrade the new server looks elsewhere. The first half of the name stands for the model file alone, so that
it finds the old worker all the same, and can ask it to leave with its last client (`superseded`).
"""

import hashlib
import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from turnout import __version__, paths
from turnout.errors import WorkerUnavailable
from turnout.worker import wire

_HALF = 8
_NAME_BYTES = 2 * _HALF + len("-.sock")
_MAX_SOCKET_PATH_BYTES = 96
"""Less than any system allows (103 on macOS, 107 on Linux): an engine may put a longer name beside it."""

Transport = Literal["unix", "tcp"]


@dataclass(frozen=True, slots=True)
class WorkerSpec:
    """What a worker shall run; `path` is None for the fake engine.

    `smaller` are models with the bytes that each takes of a GPU, to name one that fits where this one does not.
    """

    model: str
    engine: str
    path: Path | None
    idle_s: float = 300.0
    context_tokens: int = 4096
    smaller: tuple[tuple[str, int], ...] = ()

    def address_name(self) -> str:
        """Short name of the model, and of everything else that two servers must agree on to share a worker."""
        facts = [str(wire.PROTOCOL), __version__, self.engine, str(self.context_tokens)]
        if self.path is not None:
            stat = self.path.stat()
            facts += [str(stat.st_size), str(stat.st_mtime_ns)]
        else:
            facts.append(os.environ.get("TURNOUT_FAKE_SCRIPT", ""))
        return f"{_digest(self.model, str(self.path and self.path.resolve()))}-{_digest(*facts)}"


def _digest(*facts: str) -> str:
    return hashlib.sha256("\0".join(facts).encode("utf-8", "surrogateescape")).hexdigest()[:_HALF]


def transport() -> Transport:
    """How workers are reached on this machine (`TURNOUT_WORKER_TRANSPORT`)."""
    override = os.environ.get("TURNOUT_WORKER_TRANSPORT")
    if override in ("unix", "tcp"):
        return "tcp" if override == "tcp" else "unix"
    return "tcp" if sys.platform == "win32" else "unix"


def socket_path(spec: WorkerSpec) -> Path:
    """The file that leads to the worker of `spec`, in a directory of this user alone.

    Where the runtime directory cannot be written or makes the path too long for a Unix socket, a private
    directory beside other temporary files takes its place.
    """
    name = f"{spec.address_name()}.sock"
    try:
        directory = paths.runtime_dir()
        if _fits(directory / name):
            _probe(directory)
            _make_private(directory)
            return directory / name
    except OSError:
        pass  # read-only or missing home: the fallback says what is wrong if it fails as well
    return _short_directory() / name


def superseded(address: Path) -> list[Path]:
    """Where other workers of the same model file may listen: of another version, engine or context."""
    model, _, _ = address.stem.partition("-")
    others = address.parent.glob(f"{model}-{'?' * _HALF}.sock")
    return sorted(other for other in others if other != address)


def _fits(path: Path) -> bool:
    return len(os.fsencode(path)) <= _MAX_SOCKET_PATH_BYTES


def _probe(directory: Path) -> None:
    """Raise OSError where no file can be made there: `os.access` says yes to root, also of `/sys`."""
    with tempfile.NamedTemporaryFile(prefix=".probe-", dir=directory):
        pass


def _make_private(directory: Path) -> None:
    if sys.platform != "win32" and directory.stat().st_mode & 0o077:
        directory.chmod(0o700)


def _short_directory() -> Path:
    """A directory that every server of this user finds, and that nobody else can have prepared."""
    uid = os.getuid() if sys.platform != "win32" else 0
    for base in (Path(tempfile.gettempdir()), Path("/tmp")):  # noqa: S108 (checked for its owner below)
        directory = base / f"turnout-{uid}"
        try:
            directory.mkdir(mode=0o700, exist_ok=True)
            facts = directory.lstat()
            private = sys.platform == "win32" or (facts.st_uid == uid and not facts.st_mode & 0o077)
            if private and not directory.is_symlink() and _fits(directory / ("x" * _NAME_BYTES)):
                _probe(directory)
                return directory
        except OSError:
            continue
    raise WorkerUnavailable(
        "No directory can hold the worker's socket.",
        advice="Set TURNOUT_RUNTIME_DIR to a short path that only you can write.",
    )
