"""Python, the machine, and the directories that Turnout writes to."""

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

_LITTLE_ROOM_BYTES = 1_000_000_000

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
    try:
        path = find()
        with tempfile.NamedTemporaryFile(dir=path, prefix=".turnout-doctor-"):
            free = shutil.disk_usage(path).free
    except OSError as exc:
        where = exc.filename if isinstance(exc.filename, str) else name
        return Finding(
            topic,
            "note" if name == "runtime" else "problem",
            f"The {name} directory cannot be written ({exc.strerror}: {_shown(Path(where))}), so {consequence}.",
            f"Make it writable, or choose another with {variable}.",
        )
    facts = {"path": str(path), "free_bytes": free}
    if name == "cache" and free < _LITTLE_ROOM_BYTES:
        return Finding(
            topic,
            "note",
            f"Only {free / 1e6:,.0f} MB are free in the cache directory {path}.",
            f"Free some space, or choose another directory with {variable}, before you fetch a model.",
            facts,
        )
    return Finding(topic, "ok", f"{path} can be written; {free / 1e9:,.1f} GB free", facts=facts)


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
