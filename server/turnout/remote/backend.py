"""Remote models as a backend: a prompt goes out in the model's wire format, text and one ending come back.

Invariant: every request ends in exactly one `Done` or one BackendError, its connection is given up by then,
and closing the iterator at any point closes the connection, which is how a provider learns to stop.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING

from turnout.core.backends import Account, Delta, Departing, Done, StreamItem, Timings
from turnout.core.fim.budget import Pace
from turnout.core.models import Model
from turnout.core.prompts import FimPrompt, Prompt, Thought
from turnout.errors import BackendError, Extent, KeyMissing, ProtocolViolation
from turnout.remote.begun import Begun
from turnout.remote.dialects import hides_thoughts, server_of
from turnout.remote.endpoints import Endpoint
from turnout.remote.failures import Peer, not_a_stream, refusal
from turnout.remote.fill import Cut
from turnout.remote.pace import Listening, Paces
from turnout.remote.reply import Reply
from turnout.remote.watchdog import Watchdog
from turnout.remote.writing import Writer, Written

if TYPE_CHECKING:
    from turnout.remote.transport import Call, Response, Transport

_ERROR_BODY_BYTES = 64 * 1024
_ERROR_BODY_S = 5.0
_DRAIN_S = 0.05
_TAIL_S = 2.0
"""How long usage and the terminal event may follow the end of the text."""
_GAVE_UP_WAITING = frozenset({504, 524})
"""What is behind a gateway that says so may be working on the answer still; the second is Cloudflare's."""
_SLOW_KEYS = "keyring:"
"""Keys that somebody may have to unlock a store for."""
_SLICE_BYTES = 4096
"""Bytes to read before the event loop has another turn: less than a millisecond of JSON."""


def preload() -> None:
    """Import what the first request needs; takes about 150 ms, so call it in a thread."""
    import turnout.remote.transport  # noqa: F401


class RemoteBackend:
    """Runs prompts on remote models; see `core.backends.Backend`.

    `resolve_key` turns a reference such as `env:ANTHROPIC_API_KEY` into the key, or None where there is none;
    a `keyring:` one may block and is asked for on a thread.
    `stall_timeout_s` bounds the wait for the first output, and for each further one.
    `clock` gives seconds and only ever goes up.
    """

    def __init__(
        self,
        resolve_key: Callable[[str], str | None],
        *,
        connect_timeout_s: float = 10.0,
        stall_timeout_s: float = 60.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._resolve_key = resolve_key
        self._connect_timeout_s = connect_timeout_s
        self._stall_timeout_s = stall_timeout_s
        self._clock = clock
        self._writer = Writer()
        self._transport: Transport | None = None
        self._paces = Paces(clock)

    def foresee(self, model: Model, prompt: Prompt) -> tuple[str, bytes]:
        """The address and the body that `prompt` for `model` would be sent with now; raises RequestRejected."""
        written = self._writer.foresee(model, prompt)
        return written.target.url, written.encoded()

    async def stream(self, model: Model, prompt: Prompt) -> AsyncGenerator[StreamItem, None]:
        """Run `prompt` on `model`; yields an Account, a Departing, Deltas and one Done, or raises a BackendError."""
        account = Account(asyncio.get_running_loop().create_future())
        known: Done | None = None
        reply: Reply | None = None
        listening: Listening | None = None
        try:
            yield account
            written, peer, transport = await self._ready(model, prompt)
            call = _call(peer, written)
            yield Departing(call.endpoint.url, call.body)
            reply = _reply(model, peer, written)
            listening = self._paces.listening(model, written.prompt_characters)
            async with aclosing(self._answer(model, written, call, transport, reply)) as items:
                async for item in items:
                    known = item if isinstance(item, Done) else known
                    listening.hears(reply.prefill)
                    yield item
        except BackendError as error:
            if reply is not None and reply.begun:
                error.extent = "taken"  # also where its kind is one that mostly comes ahead of all else
            raise
        finally:
            account.settled.set_result(known or _cut_off(reply))
            if listening is not None:
                listening.leaves()

    async def _answer(
        self, model: Model, written: Written, call: "Call", transport: "Transport", reply: Reply
    ) -> AsyncGenerator[Delta | Done, None]:
        peer = call.peer
        cut = Cut(peer, written.forced, written.stop, written.known)
        watchdog = Watchdog(peer, self._stall_timeout_s, self._clock)
        started, first_token_ms = self._clock(), None
        async with transport.post(call, watchdog) as response:
            await _require_stream(peer, response)
            async with aclosing(_texts(response, reply, watchdog, cut, written.begun)) as texts:
                async for text in texts:
                    first_token_ms = self._since(started) if first_token_ms is None else first_token_ms
                    yield Delta(text)
            timings = Timings(first_token=first_token_ms, total=self._since(started))
            if cut.over and not reply.complete:
                # The rest is not wanted: leaving closes the connection, and the server stops.
                yield Done("stop", reply.enough(), timings)
                return
            thoughts = tuple(Thought.of(model, data) for data in reply.thoughts)
            ending = replace(reply.ending(), timings=timings, thoughts=thoughts)
            try:
                yield ending
            finally:
                # Only a body that was read to its end leaves a connection that can be used again.
                await response.read_at_most(_ERROR_BODY_BYTES, _DRAIN_S)

    async def warm(self, model: Model, prompt: FimPrompt) -> None:
        """Have a server read `prompt` ahead of a request that begins like it; its first word ends the request."""
        async with aclosing(self.stream(model, replace(prompt, max_tokens=1))) as items:
            async for item in items:
                if isinstance(item, Delta):
                    return

    def pace(self, model: Model) -> Pace:
        """How fast the server of `model` reads, by the last prompts; nothing where that is not known."""
        return self._paces.of(model)

    async def close(self) -> None:
        """Close all connections; a later request opens new ones."""
        if self._transport is not None:
            await self._transport.close()

    async def _ready(self, model: Model, prompt: Prompt) -> "tuple[Written, Peer, Transport]":
        """All that a request takes before its first byte; an error from here says that none was sent."""
        try:
            written = self._writer.write(model, prompt)
            peer, transport = await self._peer(model, written.target), await self._loaded()
            await transport.prepare(peer, written.target)
            return written, peer, transport
        except BackendError as error:
            error.extent = "unsent"
            raise

    async def _peer(self, model: Model, target: Endpoint) -> Peer:
        key = await self._key(model, target)
        return Peer(model.name, target.host, model.key or "", key, server_of(model, target.host))

    async def _key(self, model: Model, target: Endpoint) -> str:
        if model.key is None:
            if model.base_url is not None:
                return ""
            raise KeyMissing(
                f"{model.name} names no key for {target.host}.",
                advice=f'Set `key` of [models.{model.name}], for example to "env:NAME".',
            )
        key = (await self._resolved(model.key) or "").strip()
        if not key:
            raise KeyMissing(
                f"{model.name} has no key: `{model.key}` is not set or empty.",
                advice="Set it, or remove the model from the route.",
            )
        if not (key.isascii() and key.isprintable() and " " not in key):
            raise KeyMissing(
                f"{model.name} has no usable key: `{model.key}` holds white space or characters beyond ASCII.",
                advice="Copy the key again, without quotes and line breaks.",
            )
        return key

    async def _resolved(self, reference: str) -> str | None:
        if reference.startswith(_SLOW_KEYS):
            return await asyncio.to_thread(self._resolve_key, reference)
        return self._resolve_key(reference)

    async def _loaded(self) -> "Transport":
        if self._transport is None:
            await asyncio.to_thread(preload)
            from turnout.remote.transport import Transport

            # Another request may have come first while this one waited for the import.
            self._transport = self._transport or Transport(self._connect_timeout_s, self._clock)
        return self._transport

    def _since(self, started: float) -> float:
        return (self._clock() - started) * 1000.0


def _call(peer: Peer, written: Written) -> "Call":
    from turnout.remote.transport import Call

    wire = written.wire
    return Call(peer, written.target, dict(wire.headers), wire.key_header, wire.key_prefix, written.encoded())


def _reply(model: Model, peer: Peer, written: Written) -> Reply:
    return Reply(
        peer,
        written.wire.interpreter(peer),
        written.prompt_characters,
        written.tools,
        written.limit,
        thinks_unseen=hides_thoughts(model.model),
        most=written.most,
    )


def _cut_off(reply: Reply | None) -> Done | None:
    """What is known of an answer that ended before its end."""
    usage = reply.so_far() if reply is not None else None
    return None if usage is None else Done("cancelled", usage)


async def _require_stream(peer: Peer, response: "Response") -> None:
    """Raise the error that an answer other than an event stream stands for."""
    if response.status != 200:
        body = await response.read_at_most(_ERROR_BODY_BYTES, _ERROR_BODY_S)
        error = refusal(peer, response.status, response.headers, body, time.time())
        error.extent = _extent(response.status)
        raise error
    if response.headers.get("content-encoding", "identity").lower() != "identity":
        raise ProtocolViolation(
            f"{peer} answered {response.status} with compressed bytes, which were not asked for.",
            advice=f"Check `base_url` of [models.{peer.model}], and whether a proxy answers in its place.",
        )
    content_type = response.headers.get("content-type", "")
    if content_type.partition(";")[0].strip().lower() == "text/event-stream":
        return
    raise not_a_stream(peer, content_type, await response.read_at_most(_ERROR_BODY_BYTES, _ERROR_BODY_S))


def _extent(status: int) -> Extent:
    """Whether a model may have begun with a request that was answered with `status`, and its provider charge for it.

    A provider begins its stream before its model does, so whatever else it says in a status line it says instead of
    an answer, and charges nothing: also a 5xx, with which it says that it served nobody. Once the stream has begun
    its status is 200, and what goes wrong after that comes as an event or a broken connection, which cost.
    Left are gateways that gave up waiting, and those that say that they have taken the request.
    """
    return "taken" if status in _GAVE_UP_WAITING or 200 <= status < 300 else "refused"


async def _texts(
    response: "Response", reply: Reply, watchdog: Watchdog, cut: Cut, begun: Begun
) -> AsyncGenerator[str, None]:
    """Read `reply` to its end, or to where `cut` ends it."""
    async with aclosing(_pieces(response, reply, watchdog)) as pieces:
        async for piece in pieces:
            for step in reply.feed(piece):
                if step.progress:
                    watchdog.progress()
                begun.add(step.text)
                if text := cut.feed(step.text):
                    yield text
            if reply.finished or (cut.over and not reply.complete):
                break
            if reply.complete:
                watchdog.shorten(_TAIL_S)
    if reply.complete and (text := cut.rest()):
        yield text


async def _pieces(response: "Response", reply: Reply, watchdog: Watchdog) -> AsyncGenerator[bytes, None]:
    """The body, in pieces with a turn of the event loop between them.

    What a connection does after the model has finished takes nothing from the answer, so it is an ordinary end.
    """
    while True:
        try:
            chunk = await watchdog.wait(response.read)
        except BackendError:
            if not reply.complete:
                raise
            return
        if not chunk:
            return
        for start in range(0, len(chunk), _SLICE_BYTES):
            yield chunk[start : start + _SLICE_BYTES]
            await asyncio.sleep(0)
