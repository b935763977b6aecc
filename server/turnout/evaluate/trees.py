"""The tree that a replayed commit began from, on disk, for the project's checks to be run in a copy of it.

Invariant: it is a folder of its own outside of the repository, without the files that are never read today, and gone
at the end; nothing that the repository configures is run to make it.
"""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from turnout import git
from turnout.core.edits.paths import normalise
from turnout.errors import EditError
from turnout.evaluate.edits import Past, Replay

_FILE_BYTES = 2_000_000
_TREE_BYTES = 200_000_000
"""More is left out, with and without the change alike."""


@asynccontextmanager
async def laid_out(folder: Path, replay: Replay, past: Past) -> AsyncIterator[Path]:
    """A new folder with the files of the commit's parent, as git stores them."""
    parent = f"{replay.commit}^1"
    listed = await git.listing(folder, parent, _FILE_BYTES)
    kept = await asyncio.to_thread(_readable, listed, past)
    contents = await git.blobs(folder, sorted(set(kept.values())), _TREE_BYTES)
    runnable = await git.executables(folder, parent)
    root = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="turnout-replay-"))
    try:
        await asyncio.to_thread(
            _write, root, {p: contents[b] for p, b in kept.items() if b in contents}, runnable
        )
        yield root
    finally:
        await asyncio.to_thread(shutil.rmtree, root, ignore_errors=True)


def _readable(listed: Mapping[str, str], past: Past) -> dict[str, str]:
    return {path: blob for path, blob in listed.items() if _is_plain(path) and past.may_have(path)}


def _is_plain(path: str) -> bool:
    try:
        return normalise(path) == path
    except EditError:
        return False


def _write(root: Path, files: Mapping[str, bytes], runnable: frozenset[str]) -> None:
    for path, content in files.items():
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        if path in runnable:
            target.chmod(0o755)
