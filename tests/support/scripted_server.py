"""An HTTP server whose every byte a test decides: the seam for faults on the wire.

Invariant: it listens on loopback only, and nothing of it is left when its `with` block ends.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

STREAM_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
LAST_CHUNK = b"0\r\n\r\n"


@dataclass(frozen=True)
class Received:
    """A request as the server read it; header names are in lower case."""

    line: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Exchange:
    """One request and the connection that its answer goes to."""

    request: Received
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, data: bytes) -> None:
        """Write `data` and wait until the network has taken it; ConnectionError once the client has hung up."""
        self.writer.write(data)
        await self.writer.drain()

    async def hung_up(self) -> None:
        """Wait until the client closes the connection."""
        with suppress(ConnectionError):
            while await self.reader.read(65536):
                pass


Script = Callable[[Exchange], Awaitable[None]]


@dataclass
class ScriptedServer:
    """What the server has seen, and where it is."""

    url: str = ""
    requests: list[Received] = field(default_factory=list)
    connections: int = 0
    open_connections: int = 0
    closed: asyncio.Event = field(default_factory=asyncio.Event)
    """Set while no connection is open."""


@asynccontextmanager
async def scripted_server(
    *scripts: Script | bytes, tls: ssl.SSLContext | None = None
) -> AsyncIterator[ScriptedServer]:
    """Serve one script for each request, the last one for all further ones; bytes are a script that sends them.

    The connection is closed after a script, unless the script was bytes that end in LAST_CHUNK.
    """
    state = ScriptedServer()
    tasks: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        state.connections += 1
        state.open_connections += 1
        state.closed.clear()
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            with suppress(ConnectionError, asyncio.CancelledError):
                await _serve(state, scripts, reader, writer)
        finally:
            tasks.discard(task)
            writer.close()
            state.open_connections -= 1
            if not state.open_connections:
                state.closed.set()

    server = await asyncio.start_server(connected, "127.0.0.1", 0, limit=2**20, ssl=tls)
    scheme = "http" if tls is None else "https"
    state.url = f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield state
    finally:
        server.close()
        for task in tasks.copy():
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()


async def _serve(
    state: ScriptedServer,
    scripts: tuple[Script | bytes, ...],
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
) -> None:
    while (request := await _read_request(reader)) is not None:
        script = scripts[min(len(state.requests), len(scripts) - 1)]
        state.requests.append(request)
        exchange = Exchange(request, reader, writer)
        if not isinstance(script, bytes):
            await script(exchange)
            return
        await exchange.send(script)
        if not script.endswith(LAST_CHUNK):
            return


async def _read_request(reader: asyncio.StreamReader) -> Received | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.IncompleteReadError:
        return None
    line, *fields = head.strip().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (field.partition(":") for field in fields)}
    return Received(line, headers, await reader.readexactly(int(headers.get("content-length", "0"))))


def chunked(*pieces: bytes) -> bytes:
    """`pieces` in HTTP's chunked encoding, without the last chunk."""
    return b"".join(f"{len(piece):x}\r\n".encode() + piece + b"\r\n" for piece in pieces)


def answer(status: int, body: bytes, content_type: str = "application/json", *headers: str) -> bytes:
    """A whole answer with its length, after which the connection closes."""
    lines = [
        f"HTTP/1.1 {status} Status",
        f"content-type: {content_type}",
        f"content-length: {len(body)}",
        "connection: close",
        *headers,
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body
