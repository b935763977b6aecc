"""A server and a client that may send it anything: bytes go out as they are, messages come back as JSON."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from support.editor import GUARD_S
from support.home import TURNOUT, Home

INITIALIZE: dict[str, Any] = {
    "processId": None,
    "rootUri": None,
    "capabilities": {},
    "initializationOptions": {},
}


def framed(body: bytes) -> bytes:
    """A body with its header."""
    return b"Content-Length: %d\r\n\r\n" % len(body) + body


class RawServer:
    """A running server without a client's manners."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        assert process.stdin is not None
        assert process.stdout is not None
        self.stdin, self._stdout = process.stdin, process.stdout

    def send(self, data: bytes) -> None:
        """Send bytes."""
        self.stdin.write(data)

    def say(self, **message: Any) -> None:
        """Send a message."""
        self.send(framed(json.dumps({"jsonrpc": "2.0", **message}).encode()))

    def notify(self, method: str, params: Any = None) -> None:
        """Send a notification."""
        self.say(method=method, params=params)

    async def read(self) -> dict[str, Any]:
        """The server's next message."""
        async with asyncio.timeout(GUARD_S):
            header = await self._stdout.readuntil(b"\r\n\r\n")
            length = int(header.lower().split(b"content-length:")[1].split(b"\r\n")[0])
            message: dict[str, Any] = json.loads(await self._stdout.readexactly(length))
        assert message["jsonrpc"] == "2.0"
        return message

    async def ask(self, method: str, params: Any = None, *, id: Any = "ask") -> dict[str, Any]:  # noqa: A002
        """Send a request; the very next message has to be its answer."""
        self.say(id=id, method=method, params=params)
        message = await self.read()
        assert message.get("id") == id, message
        return message

    async def initialize(self) -> None:
        """Begin a session with a client that can do nothing."""
        assert "result" in await self.ask("initialize", INITIALIZE)
        self.notify("initialized", {})

    async def lives(self) -> None:
        """Require an answer to a harmless request."""
        answer = await self.ask("turnout/explain", {"kind": "inline"}, id="alive?")
        assert answer["result"]["chosen"] == "near"

    async def ended(self) -> int:
        """The exit status, once the server has left."""
        async with asyncio.timeout(GUARD_S):
            return await self.process.wait()


@asynccontextmanager
async def raw_server(
    home: Home, *command: str, initialize: bool = True, **environment: str
) -> AsyncIterator[RawServer]:
    """A server; killed at the end where it still runs."""
    process = await asyncio.create_subprocess_exec(
        *(command or (TURNOUT, "serve", "--stdio")),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env=home.environment(**environment),
        limit=2**26,
    )
    server = RawServer(process)
    try:
        if initialize:
            await server.initialize()
        yield server
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
