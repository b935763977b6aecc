"""The least that an editor does: start the server, send and receive messages, answer its questions.

Invariant: the server is a separate process and is spoken to over its stdin and stdout only, as any editor does.
"""

import asyncio
import itertools
import json
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from turnout.files import path_to_uri
from turnout.lsp.stdio import MessageDecoder

CAPABILITIES: dict[str, Any] = {
    "workspace": {
        "applyEdit": True,
        "workspaceFolders": True,
        "workspaceEdit": {"documentChanges": True, "resourceOperations": ["create", "rename", "delete"]},
    },
    "textDocument": {
        "inlineCompletion": {},
        "codeAction": {"dataSupport": True, "resolveSupport": {"properties": ["edit", "command"]}},
    },
    "window": {"workDoneProgress": True},
    "general": {"positionEncodings": ["utf-8"]},
}

OnRequest = Callable[[str, Any], Any]
OnNotification = Callable[[str, Any], None]


class ServerError(Exception):
    """The server answered with an error."""


class Client:
    """One connection to one server process."""

    def __init__(
        self, process: asyncio.subprocess.Process, on_request: OnRequest, on_notification: OnNotification
    ) -> None:
        self._process = process
        self._on_request = on_request
        self._on_notification = on_notification
        self._ids = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[Any]] = {}

    async def request(self, method: str, params: Any) -> Any:
        """Send a request and wait for its result; a cancelled wait cancels the request."""
        number = next(self._ids)
        future = self._waiting[number] = asyncio.get_running_loop().create_future()
        self._send({"id": number, "method": method, "params": params})
        try:
            return await future
        except asyncio.CancelledError:
            self.notify("$/cancelRequest", {"id": number})
            raise
        finally:
            self._waiting.pop(number, None)

    def notify(self, method: str, params: Any) -> None:
        """Send a notification."""
        self._send({"method": method, "params": params})

    def _send(self, message: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self._process.stdin.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))

    async def listen(self) -> None:
        """Read until the server closes its output; then every request that waits fails."""
        assert self._process.stdout is not None
        decoder = MessageDecoder()
        while data := await self._process.stdout.read(65536):
            for body in decoder.feed(data):
                self._receive(json.loads(body))
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(ServerError("the server has ended"))

    def _receive(self, message: dict[str, Any]) -> None:
        if "method" not in message:
            self._settle(message)
        elif "id" in message:
            result = self._on_request(message["method"], message.get("params"))
            self._send({"id": message["id"], "result": result})
        else:
            self._on_notification(message["method"], message.get("params"))

    def _settle(self, message: dict[str, Any]) -> None:
        future = self._waiting.get(message["id"])
        if future is None or future.done():
            return
        if "error" in message:
            future.set_exception(ServerError(message["error"]["message"]))
        else:
            future.set_result(message.get("result"))


@asynccontextmanager
async def connected(
    root: Path, settings: dict[str, Any], on_request: OnRequest, on_notification: OnNotification
) -> AsyncIterator[Client]:
    """A server for the folder `root`, initialized with `settings`; it is shut down at the end."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-m", "turnout", "serve", "--stdio",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    client = Client(process, on_request, on_notification)
    listening = asyncio.create_task(client.listen(), name="listen to the server")
    try:
        folder = {"uri": path_to_uri(root), "name": root.name}
        params = {
            "processId": None,
            "rootUri": folder["uri"],
            "workspaceFolders": [folder],
            "capabilities": CAPABILITIES,
            "initializationOptions": {**settings, "client": {"name": "turnout demo", "trusted": True}},
        }
        await client.request("initialize", params)
        client.notify("initialized", {})
        yield client
        await client.request("shutdown", None)
        client.notify("exit", None)
        await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        await listening
