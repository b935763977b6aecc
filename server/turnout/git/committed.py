"""Which files of a folder git keeps, and which of them are as its last commit has them."""

import asyncio
import hashlib
import os
from codecs import BOM_UTF8
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from types import MappingProxyType

from turnout.errors import GitFailed
from turnout.git.calls import Missing, NoRepository, run, run_waiting


async def dirty(
    folder: Path, paths: Sequence[str], texts: Mapping[str, str | None] = MappingProxyType({})
) -> tuple[str, ...]:
    """Those of `paths` (in `folder`) that the last commit does not hold as they are on disk; a submodule has its own.

    None without a repository or a commit, nor one that it holds as it was a while ago, where `texts` says how that was
    (None: no file; a byte order mark is no part of a text). Raises GitFailed where git does not say.

    Files are compared here and not by git, which would run the filters that a repository names for it.
    """
    known: dict[str, str] = {}
    committed: set[str] = set()
    for inside, own in (await asyncio.to_thread(_by_repository, folder, paths)).items():
        held = await _held(
            folder / inside, [PurePosixPath(path).relative_to(inside).as_posix() for path in own]
        )
        if held is not None:
            known |= {(inside / path).as_posix(): blob for path, blob in held.items()}
            committed.update(own)
    asked = [path for path in paths if path in committed]
    return await asyncio.to_thread(_changed, folder, asked, known, texts)


def _by_repository(folder: Path, paths: Sequence[str]) -> dict[PurePosixPath, list[str]]:
    """`paths` by the folder in `folder` that is the top of their repository, which is mostly not in there."""
    found: dict[PurePosixPath, list[str]] = {}
    for path in paths:
        around = (
            inside for inside in PurePosixPath(path).parents if os.path.lexists(folder / inside / ".git")
        )
        found.setdefault(next(around, PurePosixPath()), []).append(path)
    return found


async def _held(folder: Path, paths: Sequence[str]) -> dict[str, str] | None:
    """The blobs of `paths` in the last commit; None without a repository or a commit."""
    try:
        listed = await run(folder, "ls-tree", "-z", "HEAD", "--", *paths)
    except (Missing, NoRepository):
        return None
    except GitFailed:
        if await _has_no_commit(folder):
            return None
        raise
    entries = (entry.partition("\t") for entry in listed.decode("utf-8", "surrogateescape").split("\0"))
    return {path: head.split(" ")[2] for head, _, path in entries if path}


async def _has_no_commit(folder: Path) -> bool:
    """Whether git reads the repository around `folder`, and there is none in it."""
    try:
        return not await run(folder, "rev-list", "--all", "--max-count=1")
    except GitFailed:
        return False


def _changed(
    folder: Path, paths: Sequence[str], known: Mapping[str, str], texts: Mapping[str, str | None]
) -> tuple[str, ...]:
    def is_known(path: str) -> bool:
        oid = known.get(path)
        return is_blob(content(folder / path), oid) or (path in texts and _was_blob(texts[path], oid))

    return tuple(path for path in paths if not is_known(path))


def content(file: Path) -> bytes | None:
    try:
        return file.read_bytes()
    except OSError:
        return None


def _was_blob(text: str | None, oid: str | None) -> bool:
    if text is None:
        return oid is None
    data = text.encode("utf-8", "surrogatepass")
    return any(is_blob(mark + data, oid) for mark in (b"", BOM_UTF8))


def is_blob(data: bytes | None, oid: str | None) -> bool:
    """Whether `data` is the blob `oid`, also where git turns its line endings; None is a file that is not there."""
    if data is None or oid is None:
        return data is None and oid is None
    algorithm = "sha1" if len(oid) == 40 else "sha256"
    return any(
        hashlib.new(algorithm, b"blob %d\0" % len(text) + text, usedforsecurity=False).hexdigest() == oid
        for text in (data, data.replace(b"\r\n", b"\n"))
    )


def kept_though_ignored(folder: Path) -> frozenset[str]:
    """The files in `folder` that are tracked although an ignore file names them, as paths from the top.

    None where git does not say. Waits for git: call it in a thread.
    """
    try:
        said = run_waiting(
            folder, "ls-files", "--cached", "--ignored", "--exclude-standard", "--full-name", "-z"
        )
    except GitFailed:
        return frozenset()
    return frozenset(said.decode("utf-8", "surrogateescape").split("\0")[:-1])
