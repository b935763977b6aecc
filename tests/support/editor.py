"""An editor for tests: pytest-lsp's client with open documents, and with every message of the server kept until read.

Invariant: a session ends with nothing unread, so a message that a test does not expect makes it fail.
"""

import asyncio
import inspect
from codecs import BOM_UTF8
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Union

import attrs
from cattrs import Converter
from lsprotocol import converters, types
from pygls.protocol import JsonRPCNotification, JsonRPCResponseMessage
from pytest_lsp import LanguageClient, client_capabilities

from support.buffers import Buffer, to_path
from support.home import TURNOUT, Home

GUARD_S = 30
"""How long a test waits for anything before it fails."""

Answer = Callable[[Any], Any]


class Editor(LanguageClient):
    """A client with one server; `open`, `change` and `close` keep both sides' documents the same."""

    server: types.ServerCapabilities

    def __init__(self) -> None:
        super().__init__(converter_factory=_converter)
        self.buffers: dict[str, Buffer] = {}
        self.unread: list[tuple[str, Any]] = []
        self.registered: list[types.Registration] = []
        self.encoding = "utf-16"
        self.asked_at: dict[str, types.Position] = {}
        """Where ghost text was last asked for, by document."""
        self.answers: dict[str, Answer] = {
            types.WORKSPACE_APPLY_EDIT: self.carry_out,
            types.WINDOW_SHOW_DOCUMENT: lambda _params: types.ShowDocumentResult(success=False),
        }
        """What to answer the server's requests, now or later; None where a method is not here."""
        self.faults: list[Exception] = []
        self._arrived = asyncio.Event()
        for method in (*_REQUESTS, *_NOTIFICATIONS):
            self._listen(method)

    # Life

    async def greet(
        self, home: Home, can: types.ClientCapabilities, options: Any, folders: tuple[str, ...] | None
    ) -> None:
        """Initialize, with the folders of the workspace, by default all of it."""
        uris = (home.uri(),) if folders is None else folders
        params = types.InitializeParams(
            capabilities=can,
            root_uri=uris[0] if uris else None,
            workspace_folders=[types.WorkspaceFolder(uri, uri.rsplit("/", 1)[-1]) for uri in uris],
            initialization_options=options,
        )
        async with asyncio.timeout(GUARD_S):
            result = await self.initialize_session(params)
        self.server = result.capabilities
        self.encoding = result.capabilities.position_encoding or "utf-16"

    async def leave(self) -> None:
        """Shut down in order, with nothing left over."""
        async with asyncio.timeout(GUARD_S):
            await self.shutdown_session()
        assert self._server is not None
        assert self._server.returncode == 0
        assert self.unread == []
        assert self.faults == []

    async def kill(self) -> None:
        """End the server, however it is."""
        assert self._server is not None
        if self._server.returncode is None:
            self._server.kill()
        await self.stop()

    # Documents

    def open(self, uri: str, text: str, language: str = "python") -> Buffer:
        """Open a document."""
        buffer = self.buffers[uri] = Buffer(uri, text, language=language)
        item = types.TextDocumentItem(uri, language, buffer.version, text)
        self.text_document_did_open(types.DidOpenTextDocumentParams(item))
        return buffer

    def change(self, buffer: Buffer, start: int, end: int, new: str) -> None:
        """Put `new` in the place of the code points from `start` to `end`."""
        span = types.Range(buffer.position(start, self.encoding), buffer.position(end, self.encoding))
        buffer.text = buffer.text[:start] + new + buffer.text[end:]
        self._changed(buffer, types.TextDocumentContentChangePartial(span, new))

    def type(self, buffer: Buffer, text: str, at: int | None = None) -> int:
        """Type `text` at an offset, by default the end, one keystroke at a time; returns where the cursor is then."""
        cursor = len(buffer.text) if at is None else at
        for key in text:
            self.change(buffer, cursor, cursor, key)
            cursor += 1
        return cursor

    def replace(self, buffer: Buffer, text: str) -> None:
        """Send `text` as the whole new text."""
        buffer.text = text
        self._changed(buffer, types.TextDocumentContentChangeWholeDocument(text))

    def saved(self, uri: str) -> None:
        """Say that a file was saved."""
        self.text_document_did_save(types.DidSaveTextDocumentParams(types.TextDocumentIdentifier(uri)))

    def close(self, buffer: Buffer) -> None:
        """Close a document."""
        del self.buffers[buffer.uri]
        identifier = types.TextDocumentIdentifier(buffer.uri)
        self.text_document_did_close(types.DidCloseTextDocumentParams(identifier))

    def _changed(self, buffer: Buffer, change: types.TextDocumentContentChangeEvent) -> None:
        buffer.version += 1
        identifier = types.VersionedTextDocumentIdentifier(buffer.version, buffer.uri)
        self.text_document_did_change(types.DidChangeTextDocumentParams(identifier, [change]))

    def carry_out(self, params: types.ApplyWorkspaceEditParams) -> types.ApplyWorkspaceEditResult:
        """Apply an edit as editors do: not at all where a version is not the current one."""
        edit = params.edit
        changes = edit.document_changes
        if changes is None:
            changes = [
                types.TextDocumentEdit(types.OptionalVersionedTextDocumentIdentifier(uri, None), list(edits))
                for uri, edits in (edit.changes or {}).items()
            ]
        for change in changes:
            if isinstance(change, types.TextDocumentEdit) and not self._fits(change.text_document):
                return types.ApplyWorkspaceEditResult(applied=False, failure_reason="a document has moved on")
        for change in changes:
            self._carry_out(change)
        return types.ApplyWorkspaceEditResult(applied=True)

    def _fits(self, document: types.OptionalVersionedTextDocumentIdentifier) -> bool:
        buffer = self.buffers.get(document.uri)
        return document.version is None or (buffer is not None and buffer.version == document.version)

    def _carry_out(self, change: Any) -> None:
        match change:
            case types.TextDocumentEdit(text_document=document, edits=edits):
                buffer = self.buffers.get(document.uri)
                if buffer is not None:
                    self.replace(buffer, buffer.edited(edits, self.encoding))
                    return
                path = to_path(document.uri)
                data = path.read_bytes()
                mark = BOM_UTF8 if data.startswith(BOM_UTF8) else b""
                closed = Buffer(document.uri, data.removeprefix(mark).decode())
                path.write_bytes(mark + closed.edited(edits, self.encoding).encode())
            case types.CreateFile(uri=uri):
                path = to_path(uri)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.touch(exist_ok=False)
            case types.RenameFile(old_uri=old, new_uri=new):
                to_path(new).parent.mkdir(parents=True, exist_ok=True)
                to_path(old).rename(to_path(new))
            case types.DeleteFile(uri=uri):
                to_path(uri).unlink()
            case _:
                raise AssertionError(f"not a change: {change}")

    # Requests

    async def request(self, method: str, params: Any = None, *, id: int | str | None = None) -> Any:  # noqa: A002
        """Send a request and wait for its answer; raises JsonRpcException for an error."""
        async with asyncio.timeout(GUARD_S):
            return await self.protocol.send_request_async(method, params, msg_id=id)

    async def ghost(self, buffer: Buffer, at: int, **context: Any) -> str | None:
        """The text of the inline completion at an offset, None where there is none."""
        item = await self.ghost_item(buffer, at, **context)
        text = item.insert_text if item else None
        assert text is None or isinstance(text, str)
        return text

    async def ghost_item(
        self,
        buffer: Buffer,
        at: int,
        *,
        explicit: bool = False,
        id: int | str | None = None,  # noqa: A002
    ) -> types.InlineCompletionItem | None:
        """The inline completion at an offset."""
        kind = types.InlineCompletionTriggerKind
        params = types.InlineCompletionParams(
            types.InlineCompletionContext(kind.Invoked if explicit else kind.Automatic),
            types.TextDocumentIdentifier(buffer.uri),
            buffer.position(at, self.encoding),
        )
        self.asked_at[buffer.uri] = params.position
        answer = await self.request(types.TEXT_DOCUMENT_INLINE_COMPLETION, params, id=id)
        items = answer.items if isinstance(answer, types.InlineCompletionList) else answer or []
        assert len(items) <= 1
        return items[0] if items else None

    async def why(self, buffer: Buffer) -> str:
        """Why the last completion request in a document showed nothing, asked where that one was."""
        at = self.asked_at.get(buffer.uri, types.Position(0, 0))
        position = {"line": at.line, "character": at.character}
        params = {"textDocument": {"uri": buffer.uri}, "position": position}
        return str((await self.request("turnout/why", params))["reason"])

    # Messages of the server

    async def next(self, method: str) -> Any:
        """The parameters of the first unread message of that method, as soon as there is one."""
        async with asyncio.timeout(GUARD_S):
            while True:
                for index, (heard, params) in enumerate(self.unread):
                    if heard == method:
                        del self.unread[index]
                        return params
                self._arrived.clear()
                await self._arrived.wait()

    async def said(self) -> str:
        """The text of the next message to the user."""
        return str((await self.next(types.WINDOW_SHOW_MESSAGE)).message)

    def drop(self, *methods: str) -> list[Any]:
        """Read all messages so far of these methods."""
        found = [params for heard, params in self.unread if heard in methods]
        self.unread = [entry for entry in self.unread if entry[0] not in methods]
        return found

    async def displayed(self, token: str | int | None = None) -> tuple[str, list[str]]:
        """One whole progress display: its title and the messages until its end; None is one the server created."""
        if token is None:
            token = (await self.next(types.WINDOW_WORK_DONE_PROGRESS_CREATE)).token
        begin = await self._progress(token)
        assert begin["kind"] == "begin"
        messages = []
        while (value := await self._progress(token))["kind"] == "report":
            messages.append(value.get("message", ""))
        assert value["kind"] == "end"
        return str(begin["title"]), messages

    async def _progress(self, token: str | int) -> Mapping[str, Any]:
        progress = await self.next(types.PROGRESS)
        assert progress.token == token
        return dict(progress.value)

    def _hear(self, method: str, params: Any) -> None:
        if str(getattr(params, "token", "")).startswith("turnout-indexing-"):
            return  # shown of any folder whose index takes a while, at no time that a test could know
        self.unread.append((method, params))
        self._arrived.set()

    async def _answer(self, method: str, params: Any) -> Any:
        if method == types.CLIENT_REGISTER_CAPABILITY:
            # Every client that can be asked is asked to watch files, at no time that a test could know.
            self.registered += params.registrations
            return None
        self._hear(method, params)
        answer = self.answers.get(method)
        result = answer(params) if answer else None
        return await result if inspect.isawaitable(result) else result

    def _listen(self, method: str) -> None:
        def hear(params: Any) -> None:
            self._hear(method, params)

        async def respond(params: Any) -> Any:
            return await self._answer(method, params)

        self.feature(method)(respond if method in _REQUESTS else hear)

    def report_server_error(self, error: Exception, source: Any) -> None:
        """Keep what pytest-lsp finds wrong with the server's messages."""
        self.faults.append(error)


def _from_server(*, requests: bool) -> tuple[str, ...]:
    """The methods of the protocol that a server may call."""
    return tuple(
        method
        for method, (_, response, *_) in types.METHOD_TO_TYPES.items()
        if types.message_direction(method) == "serverToClient" and (response is not None) == requests
    )


_REQUESTS = (*_from_server(requests=True), "turnout/key")
_NOTIFICATIONS = (*_from_server(requests=False), types.PROGRESS, "turnout/status")


def _converter() -> Converter:
    """lsprotocol's, with the contents of messages that it does not know left as JSON."""
    converter = converters.get_converter()
    for unknown in (JsonRPCNotification, JsonRPCResponseMessage):
        names = [field.name for field in attrs.fields(unknown)]
        converter.register_structure_hook(
            unknown, lambda data, cls, names=names: cls(**{name: data.get(name) for name in names})
        )

    # lsprotocol takes an action that has a command for a command.
    def action(data: dict[str, Any], _: type) -> types.Command | types.CodeAction:
        if isinstance(data.get("command"), str):
            return converter.structure(data, types.Command)
        return converter.structure(data, types.CodeAction)

    converter.register_structure_hook(Union[types.Command, types.CodeAction], action)  # noqa: UP007 (lsprotocol's key)
    return converter


def vscode() -> types.ClientCapabilities:
    """VS Code as vscode-languageclient describes it today: pytest-lsp's older description and what came since."""
    can = client_capabilities("visual-studio-code")
    assert can.text_document is not None
    assert can.workspace is not None
    assert can.workspace.workspace_edit is not None
    can.text_document.inline_completion = types.InlineCompletionClientCapabilities()
    can.text_document.code_action = types.CodeActionClientCapabilities(
        data_support=True,
        resolve_support=types.ClientCodeActionResolveOptions(["edit"]),
        code_action_literal_support=types.ClientCodeActionLiteralOptions(
            types.ClientCodeActionKindOptions(["", "quickfix", "refactor"])
        ),
        tag_support=types.CodeActionTagOptions([types.CodeActionTag.LlmGenerated]),
    )
    can.workspace.workspace_edit.metadata_support = True
    return can


def neovim() -> types.ClientCapabilities:
    """Neovim with Turnout's plugin: ghost text, edits with versions, positions in UTF-8."""
    can = client_capabilities("neovim")
    assert can.text_document is not None
    assert can.workspace is not None
    assert can.workspace.workspace_edit is not None
    can.text_document.inline_completion = types.InlineCompletionClientCapabilities(dynamic_registration=False)
    can.workspace.workspace_edit.document_changes = True
    return can


@asynccontextmanager
async def editing(
    home: Home,
    capabilities: types.ClientCapabilities | None = None,
    *,
    options: Any = None,
    folders: tuple[str, ...] | None = None,
    command: tuple[str, ...] = (TURNOUT, "serve", "--stdio"),
    **environment: str,
) -> AsyncIterator[Editor]:
    """A session with the workspace of `home` open; `environment` are further variables, empty to remove one.

    `options` are the initialization options, None for a client that sends none.
    """
    editor = Editor()
    await editor.start_io(*command, env=home.environment(**environment), cwd=home.root)
    try:
        await editor.greet(home, capabilities or vscode(), options, folders)
        yield editor
        await editor.leave()
    finally:
        await editor.kill()
