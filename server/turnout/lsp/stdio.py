"""JSON-RPC messages over stdin and stdout, without a thread hop where the system has pipes for asyncio.

Invariants: bad bytes cost one message, never the connection; a client that stops reading never stops the event loop;
what a message sets off takes its first step before the next message is looked at. Whoever is given a message says with
True that it set nothing off.
"""

import asyncio
import os
import re
import stat
import sys
import threading
from collections.abc import Callable, Iterator
from itertools import chain
from typing import BinaryIO, cast

OnBody = Callable[[bytes], object]

MAX_MESSAGE_BYTES = 256 * 1024 * 1024
MAX_HEADER_BYTES = 64 * 1024
SOON_S = 0.02

# Not only at the start of a line: after a message with a wrong length, the next header follows right on its rest.
_LENGTH = re.compile(rb"content-length:[ \t]*(\d{1,12})[ \t]*\r?$", re.IGNORECASE | re.MULTILINE)


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


def hand_over(bodies: Iterator[bytes], on_body: OnBody, done: Callable[[], object]) -> None:
    """Call `on_body` with the first body now and with more in each turn of the event loop, then `done`.

    A handler that is a coroutine starts in the turn after its message.
    Without that turn, a change typed right after a request would get into the text that the request is about.
    """
    body = next(bodies, None)
    if body is None:
        done()
        return
    try:
        _take(body, bodies, on_body)
    finally:
        asyncio.get_running_loop().call_soon(hand_over, bodies, on_body, done)


def _take(body: bytes, bodies: Iterator[bytes], on_body: OnBody) -> None:
    """Call `on_body` with `body` and, where that set nothing off, with the one behind it: a letter and its request."""
    if on_body(body) is True and (following := next(bodies, None)) is not None:
        on_body(following)


class PipeProtocol(asyncio.Protocol):
    """Feeds what arrives on stdin to the decoder, in the event loop itself."""

    _transport: asyncio.ReadTransport

    def __init__(self, on_body: OnBody, closed: asyncio.Event) -> None:
        self._decoder = MessageDecoder()
        self._on_body = on_body
        self._closed = closed

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.ReadTransport", transport)

    def data_received(self, data: bytes) -> None:
        bodies = self._decoder.feed(data)
        first = next(bodies, None)
        if first is None:
            return
        try:
            _take(first, bodies, self._on_body)  # what comes next comes in a later turn anyway
        finally:
            self._hand_over_later(bodies)

    def _hand_over_later(self, bodies: Iterator[bytes]) -> None:
        following = next(bodies, None)
        if following is not None:
            # No more is read meanwhile: a flood of messages waits in the pipe and not in our memory.
            self._transport.pause_reading()
            rest, resume = chain((following,), bodies), self._transport.resume_reading
            asyncio.get_running_loop().call_soon(hand_over, rest, self._on_body, resume)

    def connection_lost(self, exc: Exception | None) -> None:
        self._closed.set()


class PipeWriter:
    """Writes through asyncio, which buffers what the client does not read yet."""

    def __init__(self, transport: asyncio.WriteTransport) -> None:
        self._transport = transport
        self._soon = b""
        self._timer: asyncio.TimerHandle | None = None

    def write(self, data: bytes) -> None:
        """Queue `data`; the system call is made at once when the pipe has room."""
        soon, self._soon = self._soon, b""
        self._transport.write(soon + data)

    def write_soon(self, data: bytes) -> None:
        """Write `data` in one piece with what is written next, before it, or alone after `SOON_S`.

        The client is woken once for both, and what somebody waits for is not behind that.
        """
        self._soon += data
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(SOON_S, self._flush)

    def close(self) -> None:
        """Close once everything queued is written."""
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        self._timer = None
        if self._soon:
            self.write(b"")


class BlockingWriter:
    """For files and consoles, which asyncio does not take."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def write(self, data: bytes) -> None:
        """Write and flush."""
        self._stream.write(data)
        self._stream.flush()

    write_soon = write

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


async def open_input(on_body: OnBody) -> asyncio.Event:
    """Start reading stdin, calling `on_body` with each message; the event is set at end of input."""
    closed = asyncio.Event()
    loop = asyncio.get_running_loop()
    if _is_pipe(sys.stdin.fileno()):
        try:
            await loop.connect_read_pipe(lambda: PipeProtocol(on_body, closed), sys.stdin.buffer)
        except (ValueError, NotImplementedError, OSError):
            pass
        else:
            return closed
    _read_in_thread(loop, on_body, closed)
    return closed


def _is_pipe(descriptor: int) -> bool:
    """Whether asyncio can wait for it; it takes every device too, and never hears from /dev/null."""
    mode = os.fstat(descriptor).st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)


def _read_in_thread(loop: asyncio.AbstractEventLoop, on_body: OnBody, closed: asyncio.Event) -> None:
    """Read stdin on a thread of its own; os.read, because a buffered reader's lock breaks interpreter exit."""
    decoder = MessageDecoder()
    descriptor = sys.stdin.fileno()

    def read() -> None:
        while data := os.read(descriptor, 65536):
            taken = threading.Event()
            loop.call_soon_threadsafe(hand_over, decoder.feed(data), on_body, taken.set)
            taken.wait()
        loop.call_soon_threadsafe(closed.set)

    threading.Thread(target=read, name="turnout-stdin", daemon=True).start()
