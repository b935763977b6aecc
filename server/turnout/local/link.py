"""One connection to a worker, shared by all requests of this server to that model.

Invariant: every open request ends in exactly one way: its `done`, or the loss of the link; one that was released is
cancelled, and whoever released it hears its `done` all the same, within bounds.
"""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from turnout import __version__
from turnout.errors import ProtocolViolation, WorkerUnavailable
from turnout.local.address import Transport
from turnout.worker import wire

_HELLO_TIMEOUT_S = 60.0  # a worker that loads a large model from a cold disk answers nobody meanwhile
_MAX_UNSENT_BYTES = 64 * 1024 * 1024
_LAST_WORD_S = 5.0
"""How long a cancelled request may take to say what it came to: a model may be within a batch of its prompt."""

_LAST = ("done", "status")
"""The frames that end an exchange."""

OnLastWord = Callable[[wire.Frame | None], None]


class LinkLostError(Exception):
    """The worker is gone; `heard` says whether the request had already got text."""

    def __init__(self, heard: bool) -> None:
        super().__init__("the connection to the worker was lost")
        self.heard = heard


class Link(asyncio.Protocol):
    """The client's end of a connection; made by `connect`."""

    def __init__(self, token: str) -> None:
        self._token = token
        self._decoder = wire.FrameDecoder()
        self._transport: asyncio.Transport | None = None
        self._exchanges: dict[int, Exchange] = {}
        self._issued = 0
        self.hello: asyncio.Future[wire.Frame] = asyncio.get_running_loop().create_future()
        self.closed = asyncio.Event()
        self.loading = False
        """Whether the worker may still have to load its model, for all that it has said."""

    @property
    def alive(self) -> bool:
        """Whether requests can be sent."""
        return self._transport is not None and not self._transport.is_closing()

    def open(self, frame: dict[str, Any]) -> "Exchange":
        """Send `frame` under a new id; its answers arrive at the exchange that is returned."""
        if not self.alive:
            raise LinkLostError(heard=False)
        self._issued += 1
        exchange = Exchange(self, self._issued)
        self._exchanges[exchange.id] = exchange
        self.send({**frame, "id": exchange.id})
        return exchange

    def send(self, frame: Any) -> None:
        """Write one frame; a worker that has stopped reading is given up."""
        if self._transport is None:
            return
        self._transport.write(wire.encode(frame))
        if self._transport.get_write_buffer_size() > _MAX_UNSENT_BYTES:
            self._transport.abort()

    def cancel(self, exchange: "Exchange") -> None:
        """Cancel `exchange` down to the model, and wait a while for its `done`."""
        self.send({"t": "cancel", "id": exchange.id})
        asyncio.get_running_loop().call_later(_LAST_WORD_S, self._give_up, exchange)

    def _give_up(self, exchange: "Exchange") -> None:
        if self._exchanges.pop(exchange.id, None) is not None:
            exchange.put(None)

    async def close(self) -> None:
        """End the connection and wait until it has ended."""
        if self._transport is not None:
            self._transport.close()
            await self.closed.wait()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        hello: wire.Hello = {
            "t": "hello",
            "protocol": wire.PROTOCOL,
            "version": __version__,
            "pid": os.getpid(),
        }
        if self._token:
            hello["token"] = self._token
        self.send(hello)

    def data_received(self, data: bytes) -> None:
        try:
            for frame in self._decoder.feed(data):
                self._receive(frame)
        except ProtocolViolation as exc:
            if not self.hello.done():
                self.hello.set_exception(exc)
            if self._transport is not None:
                self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if not self.hello.done():
            self.hello.set_exception(LinkLostError(heard=False))
        for exchange in self._exchanges.values():
            exchange.put(None)
        self._exchanges.clear()
        self.closed.set()

    def _receive(self, frame: wire.Frame) -> None:
        if frame["t"] == "hello":
            if not self.hello.done():
                self.loading = frame.get("state") == "loading"
                self.hello.set_result(frame)
        elif (exchange := self._exchanges.get(frame.get("id", 0))) is not None:
            self.loading = self.loading and not _tells_of_a_model(frame)
            if frame["t"] in _LAST:
                del self._exchanges[exchange.id]
            exchange.put(frame)


class Exchange:
    """The frames that answer one request."""

    def __init__(self, link: Link, exchange_id: int) -> None:
        self._link = link
        self._frames: asyncio.Queue[wire.Frame | None] = asyncio.Queue()
        self._heard = False
        self._over = False
        self._last: wire.Frame | None = None
        self._on_last_word: OnLastWord | None = None
        self.id = exchange_id
        self.finished = False

    def put(self, frame: wire.Frame | None) -> None:
        """Add a frame, or None where no more can come."""
        if frame is None or frame["t"] in _LAST:
            self._over, self._last = True, frame
        if self._on_last_word is None:
            self._frames.put_nowait(frame)
        elif self._over:
            self._on_last_word(frame)

    async def next(self, patience_s: float | None = None) -> wire.Frame | None:
        """The next frame, at last `done` or `status`, or None where it takes longer; raises LinkLostError."""
        try:
            # What is here needs no timeout around it, of which each costs a few microseconds.
            frame = self._frames.get_nowait() if self._frames.qsize() else await self._wait(patience_s)
        except TimeoutError:
            return None
        if frame is None:
            raise LinkLostError(self._heard)
        self._heard = self._heard or frame["t"] == "chunk"
        self.finished = frame["t"] in _LAST
        return frame

    async def _wait(self, patience_s: float | None) -> wire.Frame | None:
        async with asyncio.timeout(patience_s):
            return await self._frames.get()

    def release(self, on_last_word: OnLastWord = lambda _frame: None) -> None:
        """Say that nobody listens any more; what is under way is cancelled down to the model.

        `on_last_word` is called once, with the frame that ended it, or None where none came in time.
        """
        if self._over:
            on_last_word(self._last)
        else:
            self._on_last_word = on_last_word
            self._link.cancel(self)


def _tells_of_a_model(frame: wire.Frame) -> bool:
    """Whether only a worker whose model is in memory says this; a cancelled request may end before it is."""
    if frame["t"] == "chunk":
        return True
    if frame["t"] == "progress":
        return bool(frame["phase"] == "prefill")
    if frame["t"] == "done":
        return frame["reason"] in ("stop", "length")
    return frame["t"] == "status" and frame.get("state") in ("idle", "busy")


async def connect(address: Path, transport: Transport) -> Link:
    """Connect to the worker at `address` and exchange `hello`.

    Raises OSError or ValueError where nobody listens, LinkLostError where the worker was about to leave, and
    WorkerUnavailable where it speaks another protocol.
    """
    loop = asyncio.get_running_loop()
    if transport == "unix":
        _, link = await loop.create_unix_connection(lambda: Link(""), str(address))
    else:
        port, token = _read_tcp_address(address)
        _, link = await loop.create_connection(lambda: Link(token), "127.0.0.1", port)
    try:
        async with asyncio.timeout(_HELLO_TIMEOUT_S):
            hello = await link.hello
    except TimeoutError as exc:
        await link.close()
        raise WorkerUnavailable(f"The worker at {address} does not answer.") from exc
    except BaseException:
        await link.close()
        raise
    if hello["protocol"] != wire.PROTOCOL:
        await link.close()
        raise WorkerUnavailable(
            f"The worker at {address} speaks protocol {hello['protocol']}, this server {wire.PROTOCOL}.",
            advice="It leaves when its last editor closes; or end the process yourself.",
        )
    return link


def _read_tcp_address(address: Path) -> tuple[int, str]:
    port, token = address.read_text("ascii").split()
    return int(port), token
