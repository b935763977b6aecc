"""pygls' protocol with our documents, our reader and our capabilities in the places where its own cost too much.

Invariants: the text here is the editor's text; a bad message is answered with the protocol's error and costs
nothing else; nothing is kept per notification; a cancelled request stops working.
"""

import asyncio
import contextvars
import json
import logging
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any, cast

from lsprotocol import types
from pygls.exceptions import FeatureNotificationError, JsonRpcException, JsonRpcInvalidParams
from pygls.protocol import LanguageServerProtocol, lsp_method
from pygls.protocol.json_rpc import JsonRPCNotification, JsonRPCRequestMessage

from turnout.core.documents import Document, Encoding, Position, Snapshot, Span, end_of
from turnout.files import path_to_uri
from turnout.lsp import capabilities, positions
from turnout.lsp.stdio import BlockingWriter, PipeWriter

logger = logging.getLogger(__name__)

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
SERVER_NOT_INITIALIZED = -32002

DocumentListener = Callable[[Document], None]


class TurnoutProtocol(LanguageServerProtocol):
    """One client's connection: its open documents and the messages in flight."""

    def __init__(self, server: Any, converter: Any) -> None:
        super().__init__(server, converter)
        self.documents: dict[str, Document] = {}
        self.encoding: Encoding = "utf-16"
        self.on_open: DocumentListener = _ignore
        self.on_close: DocumentListener = _ignore
        self.on_change: Callable[[Document, Position | None], None] = lambda _document, _end: None
        """Hears of every change, and where its last edit ended, as far as that is known."""
        self.on_edit: Callable[[Document, Span, str], None] = lambda _document, _span, _text: None
        """Hears of each edit of a change; of a whole text, of what is other in it."""
        self.folders: list[str] = []
        self.on_folders: Callable[[], None] = lambda: None
        self.left = asyncio.Event()
        """Set when the client said `exit`."""
        self.initialize_params: types.InitializeParams | None = None
        self.progress_cancels: dict[str | int, Callable[[], object]] = {}
        """What to call when the user cancels the progress display of a token."""

    # Reading

    def receive(self, body: bytes) -> bool:
        """Handle one message body; never raises for what a client may send. True where nothing is left to be done."""
        try:
            data = json.loads(body)
        except (ValueError, RecursionError) as error:
            self._refuse(None, PARSE_ERROR, f"not JSON: {error}")
            return False
        malformed = _malformed(data)
        if malformed:
            self._refuse(_id_of(data), INVALID_REQUEST, malformed)
            return False
        refusal = self._too_early_or_late(data) or self._unknown(data)
        if refusal is not None:
            if "id" in data:
                self._refuse(data["id"], *refusal)
            return False
        return self._take(data)

    def _take(self, data: dict[str, Any]) -> bool:
        try:
            message = self.structure_message(data)
        except JsonRpcException as error:
            if "method" in data and "id" in data:
                self._send_response(data["id"], error=JsonRpcInvalidParams.of(error).to_response_error())
            return False
        if data.get("method") == types.TEXT_DOCUMENT_DID_CHANGE and "id" not in data:
            self._change(message.params)
            return True
        if "method" in data:
            self._start(message, is_request="id" in data)
        else:
            self.handle_message(message)
        return False

    def _change(self, params: types.DidChangeTextDocumentParams) -> None:
        """Every letter comes through here: the handler is called, with none of pygls' tasks and contexts around it."""
        try:
            self.lsp_text_document__did_change(params)
        except Exception as error:  # a handler's boundary, as pygls has one
            self._server.report_server_error(error, FeatureNotificationError)

    def _start(self, message: Any, *, is_request: bool) -> None:
        """Start the handler in its own context; pygls finds out by slow checks what we know of a message already."""
        context = contextvars.copy_context()
        if is_request:
            context.run(self._handle_request, message.id, message.method, message.params)
        else:
            context.run(self._handle_notification, message.method, message.params)

    def _too_early_or_late(self, data: dict[str, Any]) -> tuple[int, str] | None:
        """Why a method cannot run at this point of the connection's life; answers to our requests always pass."""
        method = data.get("method")
        if method is None or method == types.EXIT:
            return None
        if self.initialize_params is None and method != types.INITIALIZE:
            return SERVER_NOT_INITIALIZED, f"{method} before initialize"
        if self.initialize_params is not None and method == types.INITIALIZE:
            return INVALID_REQUEST, "initialize came twice"
        return (INVALID_REQUEST, f"{method} after shutdown") if self._shutdown else None

    def _unknown(self, data: dict[str, Any]) -> tuple[int, str] | None:
        """Said before the parameters are looked at, which nobody here understands."""
        method = data.get("method")
        if (
            method is None
            or "id" not in data
            or method in self.fm.builtin_features
            or method in self.fm.features
        ):
            return None
        return METHOD_NOT_FOUND, f"no such method: {method[:80]}"

    def notify_soon(self, method: str, params: Any) -> None:
        """Send a notification that can wait for the next message, a moment at most; the order stays."""
        body = json.dumps({"jsonrpc": self.VERSION, "method": method, "params": params}).encode()
        writer = cast("PipeWriter | BlockingWriter", self.writer)
        writer.write_soon(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))

    def _refuse(self, message_id: Any, code: int, why: str) -> None:
        """Answer with an error; the id is null where there is none to answer, which pygls would leave out."""
        logger.warning("refused a message: %s", why)
        error = {"code": code, "message": why}
        self._send_data({"jsonrpc": self.VERSION, "id": message_id, "error": error})

    def structure_message(self, data: dict[str, Any]) -> Any:
        """As pygls does, but the parameters of our own methods stay the JSON that they came as."""
        method = data.get("method")
        if method is None or self.get_message_type(method) is not None:
            return super().structure_message(data)
        if "id" in data:
            return JsonRPCRequestMessage(data["id"], method, self.VERSION, data.get("params"))
        return JsonRPCNotification(method, self.VERSION, data.get("params"))

    # Running handlers

    def _execute_handler(
        self,
        msg_id: Any,
        handler: Any,
        callback: Callable[[Future[Any]], None],
        args: tuple[Any, ...] | None = None,
        kwargs: dict[str, Any] | None = None,
    ) -> None:
        """As pygls does, and forget the future of a notification when it is done: pygls keeps each one."""

        def done(future: Future[Any]) -> None:
            self._request_futures.pop(msg_id, None)
            callback(future)

        super()._execute_handler(msg_id, handler, done, args, kwargs)

    @lsp_method(types.WORKSPACE_EXECUTE_COMMAND)
    async def lsp_workspace__execute_command(  # type: ignore[override]  # pygls runs generators, and coroutines too
        self, params: types.ExecuteCommandParams
    ) -> Any:
        """Run a command as the request itself, so that cancelling the request cancels the command."""
        handler = self.fm.commands.get(params.command)
        if handler is None:
            raise JsonRpcInvalidParams(message=f"Unknown command {params.command!r}.")
        result = handler(params)
        return await result if asyncio.iscoroutine(result) else result

    # Life cycle

    @lsp_method(types.INITIALIZE)
    def lsp_initialize(  # type: ignore[override]  # pygls runs generators, and plain functions too
        self, params: types.InitializeParams
    ) -> types.InitializeResult:
        """Answer with what this client can take; everything slow waits for `initialized`."""
        self._server.process_id = params.process_id
        self.initialize_params = params
        self.client_capabilities = params.capabilities
        self.encoding = positions.choose_encoding(params.capabilities)
        self.folders = _folders(params)
        self.server_capabilities = capabilities.build(
            params.capabilities, self.encoding, list(self.fm.commands)
        )
        return types.InitializeResult(capabilities=self.server_capabilities, server_info=self.server_info)

    @lsp_method(types.WINDOW_WORK_DONE_PROGRESS_CANCEL)
    def lsp_work_done_progress_cancel(self, params: types.WorkDoneProgressCancelParams) -> None:
        """Cancel the work behind a progress display."""
        cancel = self.progress_cancels.get(params.token)
        if cancel is not None:
            cancel()

    @lsp_method(types.WORKSPACE_DID_CHANGE_WORKSPACE_FOLDERS)
    def lsp_workspace__did_change_workspace_folders(
        self, params: types.DidChangeWorkspaceFoldersParams
    ) -> None:
        """Keep the list of folders; pygls' own would keep a second copy of the documents beside it."""
        removed = {folder.uri for folder in params.event.removed}
        self.folders = [uri for uri in self.folders if uri not in removed]
        self.folders += [folder.uri for folder in params.event.added]
        self.on_folders()

    @lsp_method(types.SHUTDOWN)
    def lsp_shutdown(self, *args: Any) -> None:  # type: ignore[override]  # pygls runs generators, and functions too
        """Cancel what is under way; pygls walks over the futures while each that ends takes itself out of them."""
        for future in list(self._request_futures.values()):
            future.cancel()
        self._shutdown = True

    @lsp_method(types.EXIT)
    def lsp_exit(self, *args: Any) -> None:  # type: ignore[override]  # pygls runs generators, and functions too
        """Let the main loop end; pygls would end the process from inside the handler."""
        self.left.set()

    @property
    def was_shut_down(self) -> bool:
        """Whether the client said `shutdown`, as one should before it leaves."""
        return bool(self._shutdown)

    # Documents. Plain functions: a generator handler costs pygls several futures for each keystroke.

    @lsp_method(types.TEXT_DOCUMENT_DID_OPEN)
    def lsp_text_document__did_open(self, params: types.DidOpenTextDocumentParams) -> None:
        """Keep the text of a newly opened document."""
        item = params.text_document
        document = Document(item.uri, str(item.language_id), item.version, item.text)
        self.documents[item.uri] = document
        self.on_open(document)

    @lsp_method(types.TEXT_DOCUMENT_DID_CHANGE)
    def lsp_text_document__did_change(self, params: types.DidChangeTextDocumentParams) -> None:
        """Apply the changes in order; a document that was never opened is ignored."""
        document = self.documents.get(params.text_document.uri)
        if document is None:
            logger.warning("change to a document that is not open: %s", params.text_document.uri)
            return
        version = params.text_document.version
        end: Position | None = None
        for change in params.content_changes:
            if isinstance(change, types.TextDocumentContentChangePartial):
                span = self.span_from_lsp(document, change.range)
                document.replace(span, change.text, version)
                self.on_edit(document, span, change.text)
                end = end_of(span.start, change.text)
            else:
                edit = document.replace_all(change.text, version)
                if edit is not None:
                    self.on_edit(document, *edit)
                    end = end_of(edit[0].start, edit[1])
        self.on_change(document, end)

    @lsp_method(types.TEXT_DOCUMENT_DID_CLOSE)
    def lsp_text_document__did_close(self, params: types.DidCloseTextDocumentParams) -> None:
        """Forget a document."""
        document = self.documents.pop(params.text_document.uri, None)
        if document is not None:
            self.on_close(document)

    def snapshot(self, uri: str) -> Snapshot | None:
        """An open document as it is now; None where it is not open or not worked on."""
        document = self.documents.get(uri)
        return document.snapshot() if document and not document.skipped else None

    def span_from_lsp(self, document: Document, value: types.Range) -> Span:
        """A client's range in code points of `document`."""
        return Span(
            positions.from_lsp(document.line, value.start, self.encoding),
            positions.from_lsp(document.line, value.end, self.encoding),
        )


def _folders(params: types.InitializeParams) -> list[str]:
    if params.workspace_folders:
        return [folder.uri for folder in params.workspace_folders]
    if params.root_uri:
        return [params.root_uri]
    return [path_to_uri(Path(params.root_path))] if params.root_path else []


def _ignore(_document: Document) -> None:
    """No listener."""


def _malformed(data: Any) -> str:
    """Why `data` is no JSON-RPC message; empty where it is one."""
    if not isinstance(data, dict) or data.get("jsonrpc") != "2.0":
        return "not a JSON-RPC 2.0 message object"
    if not isinstance(data.get("method", ""), str) or not ({"method", "result", "error"} & data.keys()):
        return "neither a method nor a result"
    if {"id", "method"} <= data.keys() and _id_of(data) is None:
        return "an id is a string or an integer"
    return ""


def _id_of(data: Any) -> Any:
    value = data.get("id") if isinstance(data, dict) else None
    return value if isinstance(value, int | str) else None
