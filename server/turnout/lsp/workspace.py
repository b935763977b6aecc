"""A workspace folder as the editor shows it: open documents in front of the disk, edits through the editor.

Invariant: an edit is only sent with the versions that it was made for, and never when one of them is not current.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from lsprotocol import types
from pygls.exceptions import JsonRpcException

from turnout.core.documents import Document, Snapshot
from turnout.core.edits.changes import (
    CreateFile,
    DeleteFile,
    DocumentEdit,
    FileChange,
    FileOperation,
    RenameFile,
    Transaction,
    file_change,
)
from turnout.errors import DocumentStale, EditError, FileUnusable, PathRefused
from turnout.files import Folder, path_to_uri, uri_to_path
from turnout.lsp.positions import span_to_lsp
from turnout.lsp.protocol import TurnoutProtocol

if TYPE_CHECKING:
    from turnout.journal import DiskWorkspace

logger = logging.getLogger(__name__)

_KINDS: dict[type[FileOperation], types.ResourceOperationKind] = {
    CreateFile: types.ResourceOperationKind.Create,
    DeleteFile: types.ResourceOperationKind.Delete,
    RenameFile: types.ResourceOperationKind.Rename,
}

DocumentChange = types.TextDocumentEdit | types.CreateFile | types.RenameFile | types.DeleteFile


class EditorWorkspace:
    """One folder of one editor: the `Workspace` of the use cases."""

    def __init__(
        self, protocol: TurnoutProtocol, folder: Folder, may_read: Callable[[str], bool] = lambda _uri: True
    ) -> None:
        self._protocol = protocol
        self.folder = folder
        self._may_read = may_read

    @property
    def on_disk(self) -> "DiskWorkspace":
        """The folder as it is whatever is open."""
        from turnout.journal import DiskWorkspace

        return DiskWorkspace(self.folder, self._may_read)

    def uri(self, path: str) -> str:
        """The URI of `path`, spelled as the editor does where it has the file open."""
        uri = self.folder.uri(path)
        target = uri_to_path(uri)
        return next((known for known in tuple(self._open_files()) if _same(known, target)), uri)

    def path(self, uri: str) -> str:
        """The path of `uri` in the folder."""
        return self.folder.path(uri)

    def paths(self, *, hidden: bool = False) -> Iterator[str]:
        """Files on disk that may be looked at: none that the settings say are never read."""
        found = self.folder.paths(hidden=hidden)
        return (path for path in found if self._may_read(path_to_uri(self.folder.root / path)))

    def exists(self, uri: str) -> bool:
        """Whether there is a document or a file."""
        return uri in self._protocol.documents or self.folder.exists(uri)

    def snapshot(self, uri: str) -> Snapshot | None:
        """The open document, else the file."""
        document = self._protocol.documents.get(uri)
        if document is not None:
            if document.skipped:
                raise FileUnusable(f"{uri} is left out: {document.skipped}.")
            return document.snapshot()
        return self.folder.snapshot(uri)

    def unsaved(self) -> list[FileChange]:
        """Files whose open documents say something else than the disk: as they are open, and without a hunk. Reads."""
        found = []
        for document in tuple(self._open_files().values()):
            with suppress(EditError):  # not of this folder, or nothing that could be written again
                path, now = self.path(document.uri), self.snapshot(document.uri)
                saved = self.folder.snapshot(document.uri)
                if now is not None and saved is not None and now.lines != saved.lines:
                    found.append(file_change("edit", document.uri, path, now.lines, now.lines))
        return found

    async def apply(self, transaction: Transaction) -> bool:
        """Have the editor carry out `transaction`; False where it did not, or where a document has moved on."""
        can = self._protocol.client_capabilities.workspace
        if not can or not can.apply_edit:
            logger.info("not sent to the editor: it does not say that it takes a server's edits")
            return False
        try:
            edit = await asyncio.to_thread(self.edit, transaction)
        except EditError as failure:
            logger.info("not sent to the editor: %s", type(failure).__name__)
            return False
        opened = [done for done in transaction.operations if done.uri in self._protocol.documents]
        if not all(map(self._has_version, transaction.edits)) or not all(map(self._is_as_before, opened)):
            return False  # typed in while files were read; not every editor looks at versions
        params = types.ApplyWorkspaceEditParams(
            edit=edit,
            label=transaction.label,
            metadata=types.WorkspaceEditMetadata(is_refactoring=True) if self._takes_metadata() else None,
        )
        try:
            result = await self._protocol.send_request_async(types.WORKSPACE_APPLY_EDIT, params)
        except JsonRpcException:
            return False
        if result.applied:
            await asyncio.to_thread(self._permit, transaction.operations)
        return bool(result.applied)

    def _permit(self, operations: Iterable[FileOperation]) -> None:
        """Give files their permissions, of which editors know nothing. A link of the same name is left alone."""
        for operation in operations:
            match operation:
                case CreateFile(uri=uri, mode=mode) | RenameFile(new_uri=uri, mode=mode):
                    self.folder.set_mode(uri, mode)
                case DeleteFile():
                    pass

    def edit(self, transaction: Transaction) -> types.WorkspaceEdit:
        """`transaction` for an editor to carry out: edits first, then operations on files. Reads those not open.

        Raises DocumentStale where a document has moved on, EditError for operations that this editor does not take.
        """
        if not all(map(self._current, transaction.edits)) or not all(
            map(self._is_as_before, transaction.operations)
        ):
            raise DocumentStale("The document changed since the edit was made.", advice="Ask for it again.")
        self._must_take(transaction.operations)
        changes: list[DocumentChange] = [self._edit_to_lsp(edit) for edit in transaction.edits]
        for operation in transaction.operations:
            changes += _operation_to_lsp(operation)
        return self._edit(changes)

    def _current(self, edit: DocumentEdit) -> bool:
        if not self._has_version(edit) or edit.version is not None:
            return self._has_version(edit)
        return edit.before is None or self._closed_text(edit.uri) == edit.before

    def _has_version(self, edit: DocumentEdit) -> bool:
        document = self._protocol.documents.get(edit.uri)
        return (document.version if document else None) == edit.version

    def _is_as_before(self, operation: FileOperation) -> bool:
        """Whether a file to be removed still holds what is known of it."""
        match operation:
            case DeleteFile(uri=uri, before=str() as before):
                now = self.snapshot(uri)
                return now is not None and now.text == before.removeprefix("\ufeff")
            case _:
                return True

    def _closed_text(self, uri: str) -> tuple[str, ...] | None:
        file = self.folder.snapshot(uri)
        return file.lines if file else None

    def _edit_to_lsp(self, edit: DocumentEdit) -> types.TextDocumentEdit:
        if edit.before is None:
            snapshot = self.snapshot(edit.uri)
            assert snapshot is not None
        else:
            snapshot = Snapshot(edit.uri, "", edit.version, edit.before)
        encoding = self._protocol.encoding
        return types.TextDocumentEdit(
            types.OptionalVersionedTextDocumentIdentifier(uri=edit.uri, version=edit.version),
            [types.TextEdit(span_to_lsp(snapshot, e.span, encoding), e.text) for e in edit.edits],
        )

    def _edit(self, changes: list[DocumentChange]) -> types.WorkspaceEdit:
        """`documentChanges` where the client knows them, else the older map, which cannot carry file operations."""
        can = self._edit_capabilities()
        if can and can.document_changes:
            return types.WorkspaceEdit(document_changes=changes)
        return types.WorkspaceEdit(
            changes={
                change.text_document.uri: [edit for edit in change.edits if isinstance(edit, types.TextEdit)]
                for change in changes
                if isinstance(change, types.TextDocumentEdit)
            }
        )

    def _edit_capabilities(self) -> types.WorkspaceEditClientCapabilities | None:
        can = self._protocol.client_capabilities.workspace
        return can.workspace_edit if can else None

    def _takes_metadata(self) -> bool:
        can = self._edit_capabilities()
        return bool(can and can.metadata_support)

    def _must_take(self, operations: Iterable[FileOperation]) -> None:
        can = self._edit_capabilities()
        taken = set(can.resource_operations or ()) if can and can.document_changes else set()
        wanted = {_KINDS[type(operation)] for operation in operations}
        refused = sorted(kind.value for kind in wanted - taken)
        if refused:
            raise EditError(
                f"This editor does not let a language server {' or '.join(refused)} files.",
                advice="Make the change by hand, or ask for it in another editor.",
            )

    def _open_files(self) -> Mapping[str, Document]:
        return self._protocol.documents


def _same(uri: str, target: Path) -> bool:
    try:
        return uri_to_path(uri) == target
    except PathRefused:
        return False


def _operation_to_lsp(operation: FileOperation) -> list[DocumentChange]:
    match operation:
        case CreateFile(uri=uri, text=text):
            start = types.Range(types.Position(0, 0), types.Position(0, 0))
            document = types.OptionalVersionedTextDocumentIdentifier(uri=uri, version=None)
            return [
                types.CreateFile(
                    uri=uri, options=types.CreateFileOptions(overwrite=False, ignore_if_exists=False)
                ),
                types.TextDocumentEdit(document, [types.TextEdit(start, text)]),
            ]
        case DeleteFile(uri):
            return [types.DeleteFile(uri=uri)]
        case RenameFile(uri=uri, new_uri=new_uri):
            return [types.RenameFile(old_uri=uri, new_uri=new_uri)]
