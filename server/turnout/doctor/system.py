"""Python, the machine, and the directories that Turnout writes to."""

import errno
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from turnout import __version__, paths
from turnout.doctor.findings import Case, Finding
from turnout.errors import WorkerUnavailable
from turnout.local import address

_LITTLE_ROOM_BYTES = {"cache": 1_000_000_000}
_LITTLE_ROOM_ANYWHERE_BYTES = 50_000_000

_FULL = {errno.ENOSPC, errno.EDQUOT}

_PROBE_BYTES = 16_384
"""On a full disk an empty file can still be made; this much takes room."""

_DIRECTORIES: tuple[tuple[str, str, Callable[[], Path], str], ...] = (
    ("configuration", "TURNOUT_CONFIG_DIR", paths.config_dir, "settings cannot be kept"),
    ("cache", "TURNOUT_CACHE_DIR", paths.cache_dir, "no model can be fetched"),
    ("state", "TURNOUT_STATE_DIR", paths.state_dir, "no receipts and no logs are kept"),
    ("runtime", "TURNOUT_RUNTIME_DIR", paths.runtime_dir, "the worker's socket goes elsewhere"),
)


def python(_case: Case) -> Iterator[Finding]:
    """The interpreter and the version of Turnout."""
    version = platform.python_version()
    yield Finding(
        "python",
        "ok",
        f"Turnout {__version__} on Python {version}, {platform.platform(terse=True)}, {platform.machine()}",
        facts={"turnout": __version__, "python": version, "executable": sys.executable},
    )


def machine(case: Case) -> Iterator[Finding]:
    """Memory, cores and what they can do."""
    here = case.machine
    facts = {"cores": here.cores, "ram_bytes": here.ram_bytes, "bandwidth_bytes_per_s": round(here.bandwidth)}
    yield Finding(
        "machine",
        "ok",
        f"{here.cores} cores, {here.ram_bytes / 1e9:.1f} GB of memory, read at {here.bandwidth / 1e9:.0f} GB/s now",
        facts=facts,
    )


def directories(_case: Case) -> Iterator[Finding]:
    """Whether the directories can be written, and what is free."""
    for name, variable, find, consequence in _DIRECTORIES:
        yield _directory(name, variable, find, consequence)


def _directory(name: str, variable: str, find: Callable[[], Path], consequence: str) -> Finding:
    topic = f"directory.{name}"
    path = Path(name)
    try:
        path = find()
        _write(path)
        free = shutil.disk_usage(path).free
    except OSError as exc:
        where = Path(exc.filename) if isinstance(exc.filename, str) else path
        remedy = "Free some space there" if exc.errno in _FULL else "Make it writable"
        return Finding(
            topic,
            "note" if name == "runtime" else "problem",
            f"The {name} directory cannot be written ({exc.strerror}: {_shown(where)}), so {consequence}.",
            f"{remedy}, or choose another with {variable}.",
        )
    facts = {"path": str(path), "free_bytes": free}
    if free < _LITTLE_ROOM_BYTES.get(name, _LITTLE_ROOM_ANYWHERE_BYTES):
        when = ", before you fetch a model" if name == "cache" else f"; on a full disk {consequence}"
        return Finding(
            topic,
            "note",
            f"Only {free / 1e6:,.0f} MB are free in the {name} directory {path}.",
            f"Free some space, or choose another directory with {variable}{when}.",
            facts,
        )
    return Finding(topic, "ok", f"{path} can be written; {free / 1e9:,.1f} GB free", facts=facts)


def _write(directory: Path) -> None:
    """Write a few KB to the disk itself; OSError where that cannot be."""
    with tempfile.NamedTemporaryFile(dir=directory, prefix=".turnout-doctor-", buffering=0) as file:
        left = _PROBE_BYTES
        while left:  # what a full disk takes part of fails at the next piece
            left -= file.write(bytes(left))
        os.fsync(file.fileno())


def _shown(path: Path) -> str:
    """The directory rather than the file that was tried in it."""
    return str(path.parent if path.name.startswith(".turnout-doctor-") else path)


def socket(_case: Case) -> Iterator[Finding]:
    """Where workers are reached."""
    kind = address.transport()
    spec = address.WorkerSpec("doctor", "fake", None)
    try:
        path = address.socket_path(spec)
    except (WorkerUnavailable, OSError) as exc:
        advice = (
            exc.advice if isinstance(exc, WorkerUnavailable) else "Set TURNOUT_RUNTIME_DIR to a short path."
        )
        text = exc.message if isinstance(exc, WorkerUnavailable) else str(exc)
        yield Finding("socket", "problem", text, advice)
        return
    length = len(os.fsencode(path))
    facts = {"transport": kind, "path": str(path.parent), "length": length}
    try:
        preferred = paths.runtime_dir() == path.parent
    except OSError:
        preferred = False
    if preferred:
        yield Finding("socket", "ok", f"{path.parent} ({length} bytes with the name)", facts=facts)
        return
    yield Finding(
        "socket",
        "note",
        f"The runtime directory cannot hold a socket, so {path.parent} is used.",
        "Set TURNOUT_RUNTIME_DIR to a short path that only you can write.",
        facts,
    )
