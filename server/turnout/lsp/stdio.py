"""JSON-RPC messages over stdin and stdout, without a thread hop where the system has pipes for asyncio.

Invariants: bad bytes cost one message, never the connection; a client that stops reading never stops the event loop;
what a message sets off has taken its first step before the next message is looked at.
"""

import asyncio
import os
import re
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from typing import BinaryIO

MAX_MESSAGE_BYTES = 256 * 1024 * 1024
MAX_HEADER_BYTES = 64 * 1024

_LENGTH = re.compile(rb"^content-length:[ \t]*(\d{1,12})[ \t]*\r?$", re.IGNORECASE | re.MULTILINE)


class MessageDecoder:
    """Turns bytes into message bodies; headers without a usable length are skipped."""

    __slots__ = ("_buffer", "_need", "_skip")

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._need: int | None = None
        self._skip = 0

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Take more bytes and yield every body that they complete."""
        self._buffer += data
        while True:
            self._drop_skipped()
            if self._need is None and not self._read_header():
                return
            if self._need is None:
                continue
            if len(self._buffer) < self._need:
                return
            body = bytes(self._buffer[: self._need])
            del self._buffer[: self._need]
            self._need = None
            yield body

    def _drop_skipped(self) -> None:
        dropped = min(self._skip, len(self._buffer))
        del self._buffer[:dropped]
        self._skip -= dropped

    def _read_header(self) -> bool:
        """Consume one header block; False when it is not complete yet."""
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            if len(self._buffer) > MAX_HEADER_BYTES:
                self._buffer.clear()
            return False
        match = _LENGTH.search(bytes(self._buffer[:end]))
        del self._buffer[: end + 4]
        if match:
            length = int(match.group(1))
            if length > MAX_MESSAGE_BYTES:
                self._skip = length
            else:
                self._need = length
        return True


class Inbox:
    """Hands message bodies over one at a time, however many arrive at once.

    A handler that is a coroutine starts one turn of the event loop after its message: the next message waits for
    that turn, or a change typed right after a request would get into the text that the request is about.
    """

    def __init__(self, on_body: Callable[[bytes], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._on_body = on_body
        self._waiting: deque[bytes | None] = deque()
        self._busy = False
        self.closed = asyncio.Event()
        """Set when everything that came before the end of input has been handed over."""

    def put(self, body: bytes | None) -> None:
        """Take the next body; None is the end of input."""
        self._waiting.append(body)
        if not self._busy:
            self._hand_over()

    def _hand_over(self) -> None:
        self._busy = bool(self._waiting)
        if not self._waiting:
            return
        body = self._waiting.popleft()
        self._loop.call_soon(self._next)
        if body is None:
            self.closed.set()
        else:
            self._on_body(body)


class PipeWriter:
    """Writes through asyncio, which buffers what the client does not read yet."""

    def __init__(self, transport: asyncio.WriteTransport) -> None:
        self._transport = transport

    def write(self, data: bytes) -> None:
        """Queue `data`; the system call is made at once when the pipe has room."""
        self._transport.write(data)

    def close(self) -> None:
        """Close once everything queued is written."""
        self._transport.close()


class BlockingWriter:
    """For files and consoles, which asyncio does not take."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def write(self, data: bytes) -> None:
        """Write and flush."""
        self._stream.write(data)
        self._stream.flush()

    def close(self) -> None:
        """Close the stream."""
        self._stream.close()


async def open_output() -> PipeWriter | BlockingWriter:
    """Take stdout for the protocol alone: whatever a library prints must not land between two messages."""
    loop = asyncio.get_running_loop()
    out = os.fdopen(os.dup(sys.stdout.fileno()), "wb", buffering=0)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    try:
        transport, _ = await loop.connect_write_pipe(asyncio.BaseProtocol, out)
    except (ValueError, NotImplementedError, OSError):
        return BlockingWriter(out)
    return PipeWriter(transport)


async def open_input(on_body: Callable[[bytes], None]) -> asyncio.Event:
    """Start reading stdin, calling `on_body` with each message; the event is set at end of input."""
    closed = asyncio.Event()
    loop = asyncio.get_running_loop()
    try:
        await loop.connect_read_pipe(lambda: _PipeProtocol(on_body, closed), sys.stdin.buffer)
    except (ValueError, NotImplementedError, OSError):
        _read_in_thread(loop, on_body, closed)
    return closed


def _read_in_thread(
    loop: asyncio.AbstractEventLoop, on_body: Callable[[bytes], None], closed: asyncio.Event
) -> None:
    """Read stdin on a thread of its own; os.read, because a buffered reader's lock breaks interpreter exit."""
    decoder = MessageDecoder()
    descriptor = sys.stdin.fileno()

    def read() -> None:
        while data := os.read(descriptor, 65536):
            for body in decoder.feed(data):
                loop.call_soon_threadsafe(on_body, body)
        loop.call_soon_threadsafe(closed.set)

    threading.Thread(target=read, name="turnout-stdin", daemon=True).start()
