"""A workspace folder without an editor in front of it: what is on disk is all there is, and changes go there.

Invariants: the texts of a transaction are all written beside their files before the first of them takes a file's
place; where one cannot, those that did are put back. Permissions and a byte order mark stay as they are.
"""

import os
import shutil
import tempfile
from codecs import BOM_UTF8
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from turnout.core.documents import Document
from turnout.core.edits.changes import (
    CreateFile,
    DeleteFile,
    DocumentEdit,
    FileOperation,
    RenameFile,
    Transaction,
)
from turnout.errors import EditError
from turnout.files import Folder, path_to_uri, uri_to_path


class WorktreeWorkspace:
    """One folder on disk: the `Workspace` of the use cases, for commands."""

    def __init__(self, folder: Folder, may_read: Callable[[str], bool] = lambda _uri: True) -> None:
        self.folder = folder
        self._may_read = may_read
        self.uri = folder.uri
        self.path = folder.path
        self.names = folder.names
        self.exists = folder.exists
        self.snapshot = folder.snapshot

    def paths(self) -> Iterator[str]:
        """Files that may be looked at: none that the settings say are never read."""
        return (path for path in self.folder.paths() if self._may_read(path_to_uri(self.folder.root / path)))

    async def apply(self, transaction: Transaction) -> bool:
        """Carry out `transaction`; False where a file is not there or cannot be written.

        It takes milliseconds and is not cut off half-way, so it does not leave the loop.
        """
        try:
            if transaction.edits:
                self._edit(transaction.edits)
            for operation in transaction.operations:
                self._operate(operation)
        except (OSError, EditError):
            return False
        return True

    def _edit(self, edits: tuple[DocumentEdit, ...]) -> None:
        made: list[Path] = []
        try:
            _swap([self._stage(edit, made) for edit in edits])
        finally:
            for path in made:
                path.unlink(missing_ok=True)

    def _stage(self, edit: DocumentEdit, made: list[Path]) -> "_Staged":
        """The new text of a file, and a copy of the old one, written beside it; both are added to `made`."""
        self.path(edit.uri)
        file = uri_to_path(edit.uri).resolve()  # a link stays one
        now = self.snapshot(edit.uri)
        if now is None or edit.version is not None:
            raise EditError(f"{edit.uri} is not a file on disk.")
        document = Document(edit.uri, "", 0, now.text)
        for piece in reversed(edit.edits):
            document.replace(piece.span, piece.text, 0)
        mark = BOM_UTF8 if file.read_bytes().startswith(BOM_UTF8) else b""
        text = mark + document.snapshot().text.encode("utf-8", "surrogatepass")
        return _Staged(file, _beside(file, text, made), _beside(file, file.read_bytes(), made))

    def _operate(self, operation: FileOperation) -> None:
        file = self._target(operation.uri)
        match operation:
            case CreateFile(text=text):
                file.parent.mkdir(parents=True, exist_ok=True)
                with file.open("x", encoding="utf-8", newline="") as created:
                    created.write(text)
            case DeleteFile():
                file.unlink()
            case RenameFile(new_uri=new_uri):
                target = self._target(new_uri)
                if os.path.lexists(target):
                    raise FileExistsError(target)
                target.parent.mkdir(parents=True, exist_ok=True)
                file.rename(target)

    def _target(self, uri: str) -> Path:
        """The path of `uri`. Raises PathRefused outside of the folder."""
        self.path(uri)
        return uri_to_path(uri)


@dataclass(frozen=True, slots=True)
class _Staged:
    """A file, the text that is to take its place, and a copy of the one that it has."""

    file: Path
    text: Path
    kept: Path


def _swap(staged: list[_Staged]) -> None:
    done: list[_Staged] = []
    try:
        for one in staged:
            one.text.replace(one.file)
            done.append(one)
    except OSError:
        for one in done:
            with suppress(OSError):
                one.kept.replace(one.file)
        raise


def _beside(file: Path, data: bytes, made: list[Path]) -> Path:
    """A new file with `data` and the permissions of `file`, in the same folder."""
    descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name[:100]}.", suffix=".turnout")
    made.append(Path(name))
    with os.fdopen(descriptor, "wb") as written:
        written.write(data)
        written.flush()
        os.fsync(written.fileno())
    shutil.copymode(file, name)
    return Path(name)
