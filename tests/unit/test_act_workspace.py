"""A transaction goes to the editor as one edit that this editor can carry out, or not at all."""

import stat
import sys
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from lsprotocol import types

from support.crash import EditorOnDisk
from turnout.act.applying.effects import carry_out
from turnout.act.applying.recovery import look, sweep
from turnout.act.seams import Folder as FolderSeam
from turnout.core.documents import Document
from turnout.core.edits.changes import (
    CreateFile,
    DeleteFile,
    DocumentEdit,
    FileOperation,
    RenameFile,
    TextEdit,
    Transaction,
    file_change,
    inverse,
)
from turnout.core.edits.paths import aside_of, draft_of
from turnout.core.rows import line_span
from turnout.errors import DocumentStale, EditError
from turnout.files import Folder
from turnout.lsp.workspace import EditorWorkspace

KINDS = types.ResourceOperationKind


class Client:
    """The protocol as the workspace sees it: no open documents, and an editor that applies whatever comes."""

    encoding = "utf-16"

    def __init__(self, *operations: types.ResourceOperationKind, document_changes: bool = True) -> None:
        edit = types.WorkspaceEditClientCapabilities(
            document_changes=document_changes, resource_operations=operations or None
        )
        self.client_capabilities = types.ClientCapabilities(
            workspace=types.WorkspaceClientCapabilities(apply_edit=True, workspace_edit=edit)
        )
        self.documents: dict[str, Any] = {}
        self.applied: list[types.WorkspaceEdit] = []

    async def send_request_async(self, method: str, params: types.ApplyWorkspaceEditParams) -> Any:
        assert method == types.WORKSPACE_APPLY_EDIT
        self.applied.append(params.edit)
        return types.ApplyWorkspaceEditResult(applied=True)


def workspace(client: Client, tmp_path: Path) -> EditorWorkspace:
    return EditorWorkspace(client, Folder(tmp_path))  # type: ignore[arg-type]


A, B = "file:///w/a.py", "file:///w/b.py"


@pytest.mark.parametrize(
    ("operation", "takes", "is_sent"),
    [
        (CreateFile(A, "x"), [KINDS.Create], True),
        (CreateFile(A, "x"), [KINDS.Rename, KINDS.Delete], False),
        (RenameFile(A, B), [KINDS.Rename], True),
        (RenameFile(A, B), [KINDS.Create, KINDS.Delete], False),
        (DeleteFile(A), [KINDS.Create, KINDS.Rename, KINDS.Delete], True),
        (DeleteFile(A), [KINDS.Create, KINDS.Rename], False),
        (DeleteFile(A), [], False),
    ],
)
async def test_only_operations_that_the_editor_takes_are_sent(
    tmp_path: Path, operation: FileOperation, takes: list[types.ResourceOperationKind], is_sent: bool
) -> None:
    """An editor says which operations on files it takes; another one is never sent to it."""
    client = Client(*takes)
    transaction = Transaction("label", operations=(operation,))
    assert await workspace(client, tmp_path).apply(transaction) is is_sent
    assert len(client.applied) == is_sent


def test_an_edit_that_cannot_be_sent_says_why(tmp_path: Path) -> None:
    """Operations need a client that takes them, and edits a document at the version that they were made for."""
    create = Transaction("label", operations=(CreateFile(A, "x"),))
    for client in (Client(KINDS.Create, document_changes=False), Client(KINDS.Rename)):
        with pytest.raises(EditError, match="create"):
            workspace(client, tmp_path).edit(create)
    stale = Transaction("label", edits=(DocumentEdit(A, 3, (TextEdit(line_span((), 0, 0), "x"),)),))
    with pytest.raises(DocumentStale, match="changed"):
        workspace(Client(), tmp_path).edit(stale)


async def test_a_closed_file_that_changed_is_not_edited(tmp_path: Path) -> None:
    """A file that no editor has open has no version: its text is held against the one that the edit was made for."""
    (tmp_path / "a.py").write_text("one\n")
    uri = (tmp_path / "a.py").as_uri()
    edit = DocumentEdit(uri, None, (TextEdit(line_span(("one\n",), 0, 1), "two\n"),), ("one\n",))
    client = Client()
    subject = workspace(client, tmp_path)
    assert await subject.apply(Transaction("label", edits=(edit,)))
    (tmp_path / "a.py").write_text("uno\n")
    assert not await subject.apply(Transaction("label", edits=(edit,)))
    assert len(client.applied) == 1


async def test_typing_while_an_edit_is_made_keeps_it_from_being_sent(tmp_path: Path) -> None:
    """Not every editor looks at versions, so they are looked at last, right before the edit goes out."""
    client = Client()
    document = Document(A, "python", 1, "one\n")

    class Typing(dict[str, Any]):
        """The open documents; looking at one takes so long that the user types meanwhile."""

        def get(self, key: str, default: Any = None) -> Any:
            found = SimpleNamespace(version=document.version)
            document.version += 1
            return found

    client.documents = Typing({A: document})
    edit = DocumentEdit(A, 1, (TextEdit(line_span(("one\n",), 0, 1), "two\n"),), ("one\n",))
    assert not await workspace(client, tmp_path).apply(Transaction("label", edits=(edit,)))
    assert client.applied == []


async def test_a_document_that_nobody_works_on_any_more_is_not_removed(tmp_path: Path) -> None:
    """It grew past what is worked on while files were read: the removal is refused with that reason."""
    client, file = Client(KINDS.Delete), tmp_path / "a.py"
    file.write_text("one\n")
    document = Document(file.as_uri(), "python", 1, "one\n")
    client.documents = {file.as_uri(): document}

    class Growing(EditorWorkspace):
        """Its document grows right after it was looked at."""

        def edit(self, transaction: Transaction) -> types.WorkspaceEdit:
            found = super().edit(transaction)
            document.skipped = "it is too large"
            return found

    subject = Growing(client, Folder(tmp_path))  # type: ignore[arg-type]
    removal = file_change("delete", file.as_uri(), "a.py", ("one\n",), (), version=1)
    done, [conflict] = await carry_out(subject, "label", [removal])
    assert (done, client.applied) == ((), [])
    assert "it is too large. Nothing is changed." in conflict.message


@pytest.mark.parametrize("mark", ["", "\ufeff"])
async def test_a_file_that_changed_is_not_removed(tmp_path: Path, mark: str) -> None:
    """The editor is not asked to remove what was typed or saved since the file was looked at."""
    file = tmp_path / "a.py"
    file.write_text(mark + "one\n", encoding="utf-8")
    client = Client(KINDS.Delete)
    subject = workspace(client, tmp_path)
    removal = Transaction("label", operations=(DeleteFile(file.as_uri(), mark + "one\n"),))
    assert await subject.apply(removal)
    file.write_text(mark + "uno\n", encoding="utf-8")
    assert not await subject.apply(removal)
    client.documents = {file.as_uri(): Document(file.as_uri(), "python", 1, "one\n")}
    assert await subject.apply(removal)
    client.documents = {file.as_uri(): Document(file.as_uri(), "python", 2, "uno\n")}
    assert not await subject.apply(removal)
    assert len(client.applied) == 2


@pytest.mark.skipif(sys.platform == "win32", reason="a file has no such bits there")
async def test_files_have_their_permissions_after_the_editor_made_them(tmp_path: Path) -> None:
    """An editor creates a file as any other; what it was before is set afterwards, and a link is left alone."""
    made, moved, link = tmp_path / "a.py", tmp_path / "b.py", tmp_path / "c.py"
    for path in (made, moved):
        path.write_text("x")
        path.chmod(0o600)
    link.symlink_to(made)
    subject = workspace(Client(KINDS.Create, KINDS.Rename), tmp_path)
    operations = (
        CreateFile(made.as_uri(), "x", 0o4755),
        RenameFile((tmp_path / "old.py").as_uri(), moved.as_uri(), 0o751),
        CreateFile(link.as_uri(), "x", 0o777),
    )
    for operation in operations:
        assert await subject.apply(Transaction("label", operations=(operation,)))
    assert [stat.S_IMODE(path.stat().st_mode) for path in (made, moved)] == [0o755, 0o751]
    assert (subject.folder.mode(moved.as_uri()), subject.folder.mode(link.as_uri())) == (0o751, None)


@pytest.mark.parametrize("mark", ["", "\ufeff"])
async def test_a_deleted_file_that_was_open_comes_back_with_its_mark(tmp_path: Path, mark: str) -> None:
    """A document in an editor has no byte order mark; the one of its file is in the text that makes it anew."""
    file = tmp_path / "a.py"
    file.write_text(mark + "one\n", encoding="utf-8")
    client = Client(KINDS.Delete, KINDS.Create)
    client.documents = {file.as_uri(): Document(file.as_uri(), "python", 1, "one\n")}
    subject = workspace(client, tmp_path)
    change = file_change("delete", file.as_uri(), "a.py", ("one\n",), (), version=1)
    [done], _ = await carry_out(subject, "label", [change])
    file.unlink()
    client.documents = {}
    assert (await carry_out(subject, "label", [inverse(done)]))[1] == ()
    created = (client.applied[-1].document_changes or ())[-1]
    assert isinstance(created, types.TextDocumentEdit)
    assert [edit.new_text for edit in created.edits if isinstance(edit, types.TextEdit)] == [f"{mark}one\n"]


@pytest.mark.parametrize(
    ("stored", "is_deleted"),
    [
        ("größe\n".encode(), True),
        ("größe\n".encode("latin-1"), False),
        ("größe\n".encode("utf-16"), False),
        ("größe\n".encode("utf-16-le"), False),
        (b"", True),
        (None, True),
    ],
)
async def test_an_open_file_that_only_its_editor_can_read_is_not_deleted(
    tmp_path: Path, stored: bytes | None, is_deleted: bool
) -> None:
    """An undo would write UTF-8 in the place of another encoding, so that it would not bring back what was there."""
    file = tmp_path / "a.py"
    if stored is not None:
        file.write_bytes(stored)
    client = Client(KINDS.Delete)
    client.documents = {file.as_uri(): Document(file.as_uri(), "python", 1, "größe\n")}
    change = file_change("delete", file.as_uri(), "a.py", ("größe\n",), (), version=1)
    done, conflicts = await carry_out(workspace(client, tmp_path), "label", [change])
    assert (len(client.applied), len(done), not conflicts) == (is_deleted, is_deleted, is_deleted)


@pytest.mark.parametrize("is_cut_off", [False, True], ids=["applied", "cut off"])
async def test_the_disk_is_not_looked_at_where_messages_are_answered(
    tmp_path: Path, is_cut_off: bool
) -> None:
    """Every file is looked at on a thread: nobody who types waits for a disk, which may be far away."""
    loop = threading.get_ident()

    class Watched(Folder):
        """Keeps what it was asked on the thread of the event loop."""

        def __getattribute__(self, name: str) -> Any:
            if threading.get_ident() == loop and name in vars(FolderSeam):
                asked.append(name)
            return super().__getattribute__(name)

    asked: list[str] = []
    root = tmp_path / "work"
    root.mkdir()
    for name in ("a.py", aside_of("a.py"), draft_of("b.py"), "b.py", "c.py", aside_of("d.py")):
        (root / name).write_text("one\n")
    uris = {name: (root / f"{name}.py").as_uri() for name in "abcden"}
    here: dict[str, Any] = {"new_uri": uris["e"], "new_path": "e.py"}
    changes = (
        *(file_change("delete", uris[name], f"{name}.py", ("one\n",), ()) for name in "ab"),
        file_change("create", uris["n"], "n.py", (), ("new\n",)),
        file_change("rename", uris["c"], "c.py", ("one\n",), ("one\n",), **here),
        file_change("delete", uris["d"], "d.py", ("one\n",), ()),
    )
    subject = EditorWorkspace(EditorOnDisk(), Watched(root))  # type: ignore[arg-type]
    if is_cut_off:
        assert (await look(subject, "label", changes)).done == ()
        await sweep(subject, "label", changes)
        assert sorted(path.name for path in root.iterdir()) == ["a.py", "b.py", "c.py", "d.py"]
    else:
        assert (await carry_out(subject, "label", changes[:-1]))[1] == ()
        assert not {"a.py", "b.py", "c.py"} & {path.name for path in root.iterdir()}
    assert asked == []


def test_what_is_typed_and_not_saved_is_told(tmp_path: Path) -> None:
    """Of files that are there and can be read: their text as it is open, with nothing that is to change."""
    (tmp_path / "same.py").write_bytes(b"one\n")
    (tmp_path / "typed.py").write_bytes(b"\xef\xbb\xbfone\n")
    (tmp_path / "latin.py").write_bytes(b"\xe9\n")
    (tmp_path / "large.py").write_bytes(b"one\n")
    client = Client()
    for name in ("same.py", "typed.py", "latin.py", "large.py", "new.py"):
        uri = (tmp_path / name).as_uri()
        client.documents[uri] = Document(uri, "python", 1, "one\n" if name == "same.py" else "two\n")
    client.documents[(tmp_path / "large.py").as_uri()].skipped = "it is too large"
    client.documents["untitled:1"] = Document("untitled:1", "python", 1, "two\n")
    client.documents["file:///elsewhere.py"] = Document("file:///elsewhere.py", "python", 1, "two\n")
    [found] = workspace(client, tmp_path).unsaved()
    assert (found.path, found.before, found.after, found.hunks) == ("typed.py", ("two\n",), ("two\n",), ())
