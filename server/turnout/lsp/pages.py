"""Answers in Markdown, as documents for an editor that has no place of its own for them.

Invariant: only their user can read the files; they go with the server, and those of one that was killed within a day.
"""

import asyncio
import os
import time
from contextlib import suppress
from pathlib import Path

from turnout import paths

_PREFIX = "pages-"
_KEPT_S = 24 * 3600
_TITLE_CHARACTERS = 60


class Pages:
    """The pages of this server, in a folder that is made for the first of them."""

    def __init__(self) -> None:
        self._folder: Path | None = None
        self._written = 0

    async def write(self, title: str, markdown: str) -> Path:
        """Write a page; its file is named after `title`. Raises OSError."""
        return await asyncio.to_thread(self._write, title, markdown)

    async def clear(self) -> None:
        """Delete all pages."""
        if self._folder is not None:
            await asyncio.to_thread(_remove, self._folder)

    def _write(self, title: str, markdown: str) -> Path:
        if self._folder is None:
            from tempfile import mkdtemp  # nobody waits for this one before the first page

            _sweep()
            self._folder = Path(mkdtemp(prefix=_PREFIX, dir=paths.runtime_dir()))
        self._written += 1
        path = self._folder / f"{_file_name(title)} {self._written}.md"
        # New, and never through a link; a folder of ours alone is no reason to be careless.
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(markdown.encode("utf-8", "replace"))
        return path


def _file_name(title: str) -> str:
    """`title` without what a file's name may not hold somewhere."""
    kept = "".join(char if char.isalnum() or char in "-_" else " " for char in title)
    return " ".join(kept.split())[:_TITLE_CHARACTERS].strip() or "Turnout"


def _sweep() -> None:
    """Delete what servers left that were killed."""
    oldest = time.time() - _KEPT_S
    for folder in paths.runtime_dir().glob(f"{_PREFIX}*"):
        with suppress(OSError):
            if folder.stat(follow_symlinks=False).st_mtime < oldest:
                _remove(folder)


def _remove(folder: Path) -> None:
    import shutil

    shutil.rmtree(folder, ignore_errors=True)
