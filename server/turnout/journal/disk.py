"""A workspace folder that is changed on disk, for the command line: nobody has documents open.

Invariants: a file that is edited is the old one or the new one at any moment, with its permissions, byte order mark and
line endings; a file is only edited if its text is the one that the edit was made for, which is looked at again right
before it is replaced; nothing is ever overwritten, and nothing is written through a link or done to one.
"""

import asyncio
import errno
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

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
from turnout.core.edits.paths import through_link
from turnout.errors import DocumentStale, EditError, FileUnusable, PathRefused
from turnout.files import Folder, path_to_uri
from turnout.journal.places import Place, held

logger = logging.getLogger(__name__)

_WRITABLE = 0o222
"""Who may write anything has taken these bits away to be kept from it."""


_LASTING = {
    errno.EACCES, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.ENAMETOOLONG, errno.ENOSPC, errno.EPERM, errno.EROFS,
}  # fmt: skip
"""A system that has no room, or that refuses; with anything else, a file may have changed while it was written."""


class _Text(NamedTuple):
    """A file with its content before and after."""

    uri: str
    before: bytes
    after: bytes


class DiskWorkspace:
    """One folder on disk: the `Workspace` of the use cases."""

    def __init__(self, folder: Folder, may_read: Callable[[str], bool] = lambda _uri: True) -> None:
        self.folder = folder
        self._real = folder.root.resolve()
        self._may_read = may_read

    @property
    def on_disk(self) -> "DiskWorkspace":
        """The workspace itself."""
        return self

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

    def exists(self, uri: str) -> bool:
        """Whether there is a file."""
        return self.folder.exists(uri)

    def snapshot(self, uri: str) -> Snapshot | None:
        """The file."""
        return self.folder.snapshot(uri)

    async def apply(self, transaction: Transaction) -> bool:
        """Carry out `transaction`; False where a file is not as it was or cannot be written, and then none is.

        Raises FileUnusable where a file must not be written or cannot be; what was written before it is put back as
        far as that can be.
        """
        return await asyncio.to_thread(self._apply, transaction)

    def _apply(self, transaction: Transaction) -> bool:
        try:
            self._edit(transaction.edits)
            for operation in transaction.operations:
                self._operate(operation)
        except FileUnusable:
            raise
        except (OSError, EditError) as failure:
            logger.info("not written: %s", failure)
            return False
        return True

    def _edit(self, edits: tuple[DocumentEdit, ...]) -> None:
        """Write every file, or put back what was there as far as that can be: all texts are made before."""
        texts = [self._text(edit) for edit in edits]
        begun: list[_Text] = []
        try:
            for text in texts:
                begun.append(text)
                with self._held(text.uri) as place:
                    place.replace(text.before, text.after)
        except (OSError, EditError):
            for text in reversed(begun):
                try:
                    with self._held(text.uri) as place:
                        place.replace(text.after, text.before)
                except (
                    OSError,
                    EditError,
                ) as failure:  # not written, or its user was there: the others are put back
                    logger.info("not put back: %s: %s", text.uri, failure)
            raise

    def _text(self, edit: DocumentEdit) -> _Text:
        now = self.snapshot(edit.uri)
        if now is None or (edit.before is not None and now.lines != edit.before):
            raise DocumentStale(f"{edit.uri} changed since the edit was made.")
        path, mode = self.path(edit.uri), self.folder.mode(edit.uri)
        if mode is not None and not (mode & _WRITABLE and os.access(self.folder.root / path, os.W_OK)):
            raise FileUnusable(f"{path} is write-protected.")
        after = "".join(spliced(now.lines, edit.edits))
        return _Text(edit.uri, _bytes(now.mark + now.text), _bytes(now.mark + after))

    def _operate(self, operation: FileOperation) -> None:
        match operation:
            case CreateFile(uri=uri, text=text, mode=mode):
                with self._held(uri, may_make=True) as place:
                    place.create(_bytes(text), mode)
            case DeleteFile(uri=uri, before=before):
                with self._held(uri) as place:
                    place.remove(None if before is None else _bytes(before))
            case RenameFile(uri=uri, new_uri=new_uri):
                with self._held(uri) as place, self._held(new_uri, may_make=True) as target:
                    place.move(target)

    @contextmanager
    def _held(self, uri: str, *, may_make: bool = False) -> Iterator[Place]:
        """Where to write for `uri`, in the folder. Raises PathRefused and OSError where a link is on the way.

        What would fail the next time, too, is a FileUnusable that names the file and the reason.
        """
        path = self.path(uri)
        if link := self.folder.link(path):
            raise PathRefused(through_link(path, link))
        try:
            with held(self._real, path, may_make=may_make) as place:
                yield place
        except OSError as error:
            if error.errno not in _LASTING:
                raise
            raise FileUnusable(f"{path} cannot be written: {error.strerror}.") from error


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
