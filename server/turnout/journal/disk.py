"""A workspace folder that is changed on disk, for the command line: nobody has documents open.

Invariants: a file that is edited is the old one or the new one at any moment, with its permissions, byte order mark and
line endings; a file is only edited if its text is the one that the edit was made for; nothing is ever overwritten, and
nothing is written through a link or done to one.
"""

import asyncio
import logging
import os
import stat
from codecs import BOM_UTF8
from collections.abc import Callable, Hashable, Iterator
from pathlib import Path

from turnout.core.documents import Snapshot
from turnout.core.edits.changes import (
    CreateFile,
    DeleteFile,
    DocumentEdit,
    FileOperation,
    RenameFile,
    Transaction,
    spliced,
)
from turnout.core.edits.paths import draft_of, through_link
from turnout.errors import DocumentStale, EditError, PathRefused
from turnout.files import Folder, path_to_uri
from turnout.journal.files import sync_folder

logger = logging.getLogger(__name__)


class DiskWorkspace:
    """One folder on disk: the `Workspace` of the use cases."""

    def __init__(self, folder: Folder, may_read: Callable[[str], bool] = lambda _uri: True) -> None:
        self.folder = folder
        self._may_read = may_read

    def uri(self, path: str) -> str:
        """The URI of `path`."""
        return self.folder.uri(path)

    def path(self, uri: str) -> str:
        """The path of `uri` in the folder."""
        return self.folder.path(uri)

    def paths(self, *, hidden: bool = False) -> Iterator[str]:
        """Files that may be looked at: none that the settings say are never read."""
        found = self.folder.paths(hidden=hidden)
        return (path for path in found if self._may_read(path_to_uri(self.folder.root / path)))

    def names(self, folder: str) -> tuple[str, ...]:
        """Names of the files right in `folder`."""
        return self.folder.names(folder)

    def exists(self, uri: str) -> bool:
        """Whether there is a file."""
        return self.folder.exists(uri)

    def link(self, path: str) -> str | None:
        """The first link on the way to `path` on disk."""
        return self.folder.link(path)

    def identity(self, uri: str) -> Hashable:
        """What all names of one file on disk have in common."""
        return self.folder.identity(uri)

    def mode(self, uri: str) -> int | None:
        """The permissions of a file."""
        return self.folder.mode(uri)

    def missing(self, path: str) -> tuple[str, ...]:
        """The folders on the way to `path` that are not there."""
        return self.folder.missing(path)

    def remove_empty(self, path: str) -> None:
        """Remove a folder with nothing in it."""
        self.folder.remove_empty(path)

    def snapshot(self, uri: str) -> Snapshot | None:
        """The file."""
        return self.folder.snapshot(uri)

    async def apply(self, transaction: Transaction) -> bool:
        """Carry out `transaction`; False where a file is not as it was or cannot be written, and then none is."""
        return await asyncio.to_thread(self._apply, transaction)

    def _apply(self, transaction: Transaction) -> bool:
        try:
            self._edit(transaction.edits)
            for operation in transaction.operations:
                self._operate(operation)
        except (OSError, EditError) as failure:
            logger.info("not written: %s", failure)
            return False
        return True

    def _edit(self, edits: tuple[DocumentEdit, ...]) -> None:
        """Write every file, or put back what was there as far as that can be: all texts are made before."""
        texts = [(self._place(edit.uri), self._edited(edit)) for edit in edits]
        written: list[tuple[Path, bytes]] = []
        try:
            for path, data in texts:
                before = path.read_bytes()
                replace_whole(path, data)
                written.append((path, before))
        except OSError:
            for path, before in reversed(written):
                try:
                    replace_whole(path, before)
                except OSError as failure:  # the others can be put back all the same
                    logger.warning("not put back: %s: %s", path, failure)
            raise

    def _edited(self, edit: DocumentEdit) -> bytes:
        now = self.snapshot(edit.uri)
        if now is None or (edit.before is not None and now.lines != edit.before):
            raise DocumentStale(f"{edit.uri} changed since the edit was made.")
        mark = BOM_UTF8 if self._place(edit.uri).read_bytes().startswith(BOM_UTF8) else b""
        return mark + "".join(spliced(now.lines, edit.edits)).encode("utf-8", "surrogatepass")

    def _operate(self, operation: FileOperation) -> None:
        path = self._place(operation.uri)
        match operation:
            case CreateFile(text=text, mode=mode):
                path.parent.mkdir(parents=True, exist_ok=True)
                _create_whole(path, text.encode("utf-8", "surrogatepass"), mode)
            case DeleteFile():
                path.unlink()
                sync_folder(path.parent)
            case RenameFile(new_uri=new_uri):
                target = self._place(new_uri)
                target.parent.mkdir(parents=True, exist_ok=True)
                _move(path, target)

    def _place(self, uri: str) -> Path:
        """Where to write for `uri`, in the folder. Raises PathRefused where a link is on the way."""
        path = self.path(uri)
        if link := self.link(path):
            raise PathRefused(through_link(path, link))
        return self.folder.root / path


def replace_whole(path: Path, data: bytes) -> None:
    """`data` as the content of `path`, with its permissions; the old content or the new one is there at any moment."""
    _put(path, data, stat.S_IMODE(path.stat().st_mode))


def _create_whole(path: Path, data: bytes, mode: int | None) -> None:
    """A new file, there with all of its content or not at all. Raises FileExistsError where one is."""
    _must_be_free(path)
    _put(path, data, mode)


def _move(path: Path, target: Path) -> None:
    """Move a file. Raises FileExistsError where one is already."""
    _must_be_free(target)
    path.rename(target)
    sync_folder(target.parent)
    sync_folder(path.parent)


def _must_be_free(path: Path) -> None:
    if os.path.lexists(path):
        raise FileExistsError(f"{path.name} exists")


def _put(path: Path, data: bytes, mode: int | None) -> None:
    draft = path.with_name(draft_of(path.name))
    draft.unlink(missing_ok=True)  # of a process that was killed
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666 if mode is None else 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            if mode is not None:
                draft.chmod(mode)
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError:
        draft.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)
