"""The editor at the other end: messages, questions, progress and status over LSP."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from uuid import uuid4

from lsprotocol import types
from pygls.exceptions import JsonRpcException

from turnout.files import path_to_uri
from turnout.lsp.pages import Pages
from turnout.lsp.protocol import TurnoutProtocol
from turnout.session.editor import Level, Status

logger = logging.getLogger(__name__)

_KEY_TIMEOUT_S = 60.0
"""A secret store that is locked has to be opened by its user first."""
_SHOW_TIMEOUT_S = 10.0

_LEVELS = {
    "error": types.MessageType.Error,
    "warning": types.MessageType.Warning,
    "info": types.MessageType.Info,
}


class LspProgress:
    """Work-done progress under one token; silent where the client shows none."""

    def __init__(self, protocol: TurnoutProtocol, token: str | int | None) -> None:
        self._protocol = protocol
        self._token = token
        self._open = token is not None

    def begin(self, title: str) -> None:
        """Show the display."""
        self._send(types.WorkDoneProgressBegin(title=title, cancellable=True, percentage=0))

    def report(self, message: str, percent: int | None = None) -> None:
        """Show how far the work is."""
        self._send(types.WorkDoneProgressReport(message=message, percentage=percent, cancellable=True))

    def end(self) -> None:
        """Take the display away."""
        self._send(types.WorkDoneProgressEnd())
        self._open = False

    def _send(self, value: object) -> None:
        if self._open and self._token is not None:
            self._protocol.notify(types.PROGRESS, types.ProgressParams(token=self._token, value=value))


class LspEditor:
    """Talks to the client; asks for nothing that the client did not say it can do."""

    def __init__(self, protocol: TurnoutProtocol) -> None:
        self._protocol = protocol
        self._said: set[str] = set()
        self._status: Status | None = None
        self._pages = Pages()
        self.wants_status = False
        """Whether the client is one of ours and knows `turnout/status`."""
        self.keeps_keys = False
        """Whether the client says that it answers `turnout/key`."""

    def say(self, text: str, level: Level = "info") -> None:
        """Show a message."""
        self._protocol.notify(types.WINDOW_SHOW_MESSAGE, types.ShowMessageParams(_LEVELS[level], text))

    def say_once(self, text: str, level: Level = "info") -> None:
        """Show a message unless the very same was shown before."""
        if text not in self._said:
            self._said.add(text)
            self.say(text, level)

    async def show_page(self, title: str, markdown: str) -> None:
        """Show Markdown as a document beside what the user looks at; as a message where the client shows none."""
        if not self._shows_documents() or not await self._show_document(title, markdown):
            self.say(markdown)

    async def _show_document(self, title: str, markdown: str) -> bool:
        try:
            uri = path_to_uri(await self._pages.write(title, markdown))
            params = types.ShowDocumentParams(uri, external=False, take_focus=False)
            async with asyncio.timeout(_SHOW_TIMEOUT_S):
                answer = await self._protocol.send_request_async(types.WINDOW_SHOW_DOCUMENT, params)
        except (OSError, JsonRpcException, TimeoutError) as error:
            logger.warning("the client did not show a document: %r", error)
            return False
        return bool(answer and answer.success)

    async def close(self) -> None:
        """Take back what was written for the editor to show."""
        await self._pages.clear()

    async def choose(self, question: str, options: tuple[str, ...]) -> str | None:
        """Ask; None when the user closed the question or the client cannot ask."""
        params = types.ShowMessageRequestParams(
            types.MessageType.Warning, question, [types.MessageActionItem(title=option) for option in options]
        )
        try:
            answer = await self._protocol.send_request_async(types.WINDOW_SHOW_MESSAGE_REQUEST, params)
        except JsonRpcException as error:
            logger.warning("the client cannot ask: %s", error)
            return None
        return answer.title if answer is not None and answer.title in options else None

    async def api_key(self, endpoint: str) -> str | None:
        """The key that the client keeps for exactly this endpoint; None where it keeps none, or keeps no keys.

        Raises TimeoutError where it does not answer.
        """
        if not self.keeps_keys:
            return None
        try:
            async with asyncio.timeout(_KEY_TIMEOUT_S):
                answer = await self._protocol.send_request_async("turnout/key", {"endpoint": endpoint})
        except JsonRpcException as error:
            logger.warning("the client gave no key for %s: %s", endpoint, type(error).__name__)
            return None
        key = getattr(answer, "key", None)  # an object of a method that pygls does not know
        return key if isinstance(key, str) else None

    @asynccontextmanager
    async def progress(self, title: str, token: str | int | None = None) -> AsyncIterator[LspProgress]:
        """Show progress for as long as the context lasts; cancelling it in the editor cancels the task inside."""
        if token is None and self._can_show_progress():
            token = await self._create_token(title)
        shown = LspProgress(self._protocol, token)
        task = asyncio.current_task()
        cancel: Callable[[], object] = task.cancel if task else (lambda: None)
        if token is not None:
            self._protocol.progress_cancels[token] = cancel
        shown.begin(title)
        try:
            yield shown
        finally:
            shown.end()
            if token is not None:
                self._protocol.progress_cancels.pop(token, None)

    def show_status(self, status: Status) -> None:
        """Tell a client of ours what the status bar should say; the same thing is not said twice in a row."""
        if self.wants_status and status != self._status:
            self._status = status
            self._protocol.notify_soon("turnout/status", status.to_wire())

    def _shows_documents(self) -> bool:
        window = self._protocol.client_capabilities.window
        return bool(window and window.show_document and window.show_document.support)

    def _can_show_progress(self) -> bool:
        window = self._protocol.client_capabilities.window
        return bool(window and window.work_done_progress)

    async def _create_token(self, title: str) -> str | None:
        work = title.partition(" ")[0].lower()  # says in a client's log what it is
        token = f"turnout-{work}-{uuid4().hex}"
        try:
            await self._protocol.send_request_async(
                types.WINDOW_WORK_DONE_PROGRESS_CREATE, types.WorkDoneProgressCreateParams(token)
            )
        except JsonRpcException:
            return None
        return token
