"""What goes wrong outside has a message of its own that says what to do, and takes no other request with it."""

import asyncio
import json
import struct
from collections.abc import AsyncIterator
from email.utils import formatdate
from pathlib import Path
from socket import SO_LINGER, SOL_SOCKET

import pytest

from support.certificates import certificate
from support.dispatch_kit import Around, route
from support.scripted_server import (
    LAST_CHUNK,
    STREAM_HEAD,
    Exchange,
    Script,
    answer,
    chunked,
    scripted_server,
)
from turnout.core.answers import Ask
from turnout.core.backends import Delta
from turnout.core.models import Api, Model
from turnout.core.prompts import ChatPrompt, FimPrompt, Message
from turnout.dispatch import Dispatcher
from turnout.errors import (
    BackendError,
    ConnectionFailed,
    ConnectionLost,
    OutOfCredit,
    Overloaded,
    ProtocolViolation,
    RateLimited,
    RequestRejected,
    Unauthorized,
)
from turnout.remote import RemoteBackend
from turnout.remote.failures import Peer, refusal
from turnout.remote.reply import MAX_IDLE_BYTES

SECRET = "sk-0123456789abcdef"
PROMPT = ChatPrompt((Message("user", "Say ab."),))
GOOD = (
    STREAM_HEAD
    + chunked(
        b'data: {"choices":[{"delta":{"content":"ab"},"finish_reason":"stop"}]}\n\n', b"data: [DONE]\n\n"
    )
    + LAST_CHUNK
)
HTML = b"<!doctype html><title>Blocked by Example Corp</title>"


@pytest.fixture
async def backend() -> AsyncIterator[RemoteBackend]:
    """A backend that knows one key."""
    made = RemoteBackend({"env:KEY": SECRET}.get)
    yield made
    await made.close()


def far(url: str, api: Api = "openai-chat") -> Model:
    return Model("far", api, "m-1", base_url=f"{url}/v1", key="env:KEY")


async def ask(backend: RemoteBackend, model: Model, prompt: ChatPrompt = PROMPT) -> str:
    """The text of one answer."""
    return "".join([item.text async for item in backend.stream(model, prompt) if isinstance(item, Delta)])


class Comments:
    """A server that sends comments, up to 100 MB of them."""

    def __init__(self) -> None:
        self.sent = 0

    async def __call__(self, exchange: Exchange) -> None:
        await exchange.send(STREAM_HEAD)
        piece = chunked(b": keep-alive\n\n" * 5000)
        while self.sent < 100 << 20:
            await exchange.send(piece)
            self.sent += len(piece)
            await asyncio.sleep(0)


def error(message: str, **more: object) -> bytes:
    return json.dumps({"error": {"message": message, **more}}).encode()


@pytest.mark.parametrize(
    ("script", "kind", "says", "advises"),
    [
        (
            answer(401, error(f"Incorrect API key provided: {SECRET[:6]}***")),
            Unauthorized,
            "answered 401",
            "Check that `env:KEY` is a valid key for 127.0.0.1",
        ),
        (answer(402, error("Insufficient Balance")), OutOfCredit, "Insufficient Balance", "Add credit"),
        (
            answer(429, error("pay", type="insufficient_quota")),
            OutOfCredit,
            "insufficient_quota",
            "Add credit",
        ),
        (
            answer(404, error("The model `m-1` does not exist")),
            RequestRejected,
            "does not exist",
            "Check `model`",
        ),
        (answer(400, error("Model Not Exist")), RequestRejected, "Model Not Exist", "Check `model`"),
        (
            answer(401, error("expired"), "application/json", f"date: {formatdate(1_000_000, usegmt=True)}"),
            Unauthorized,
            "answered 401",
            "ahead of the server's, which alone can be why: set it",
        ),
        (
            answer(200, HTML, "text/html"),
            ProtocolViolation,
            "an HTML page",
            "whether a proxy answers in its place",
        ),
        (
            answer(403, HTML, "text/html"),
            Unauthorized,
            "an HTML page",
            "whether a proxy answers in its place",
        ),
        (answer(502, HTML, "text/html"), Overloaded, "an HTML page", "whether a proxy answers in its place"),
        (answer(407, b"{}"), ConnectionFailed, "answered 407", "HTTPS_PROXY"),
        (answer(429, b"[" + error("slow") + b"]"), RateLimited, "slow", "Wait"),
        (
            answer(400, b'[{"error": {"message": "API key not valid."}}]'),
            Unauthorized,
            "answered 400",
            "`env:KEY`",
        ),
        (
            STREAM_HEAD.replace(b"\r\n\r\n", b"\r\ncontent-encoding: gzip\r\n\r\n")
            + chunked(b"\x1f\x8bnonsense"),
            ProtocolViolation,
            "compressed bytes",
            "whether a proxy answers in its place",
        ),
        (
            STREAM_HEAD + chunked(b"\r\n ") + chunked(HTML) + LAST_CHUNK,
            ProtocolViolation,
            "answered 200 with an HTML page",
            "whether a proxy answers in its place",
        ),
        (
            STREAM_HEAD + chunked(b'{"error": {"message": "x", "code": "insufficient_quota"}}') + LAST_CHUNK,
            OutOfCredit,
            "insufficient_quota",
            "Add credit",
        ),
        (
            STREAM_HEAD + chunked(b'{"choices": []}\n') + LAST_CHUNK,
            ProtocolViolation,
            "where a stream was asked for",
            "Check `api` and `base_url`",
        ),
        (
            STREAM_HEAD + chunked(b"\x1f\x8b\x08\x00nonsense\n\n") + LAST_CHUNK,
            ProtocolViolation,
            "not UTF-8",
            "Check `api` and `base_url`",
        ),
        (Comments(), ProtocolViolation, "more bytes than an answer can need", "Check `api` and `base_url`"),
    ],
)
async def test_answers(
    backend: RemoteBackend, script: Script | bytes, kind: type[BackendError], says: str, advises: str
) -> None:
    """Whatever is wrong with an answer has one message that says what, and one sentence on what to do."""
    async with scripted_server(script, GOOD) as server:
        with pytest.raises(kind) as caught:
            await ask(backend, far(server.url))
        assert type(caught.value) is kind
        assert says in caught.value.message
        assert advises in caught.value.advice
        assert "Blocked by" not in str(caught.value)
        assert SECRET not in f"{caught.value!r} {caught.value} {caught.value.__cause__!r}"
        if isinstance(script, Comments):
            assert script.sent < 4 * MAX_IDLE_BYTES
        # The next request is none the worse for it.
        assert await ask(backend, far(server.url)) == "ab"


@pytest.mark.parametrize(
    ("made", "says", "advises"),
    [
        ({"end": "20210101000000Z"}, "has expired by this machine's clock", "Set the clock if it is wrong"),
        (
            {"start": "20590101000000Z"},
            "is not valid yet by this machine's clock",
            "Set the clock if it is wrong",
        ),
        ({"address": "127.0.0.2"}, "the certificate of another host", "Check `base_url`"),
    ],
)
async def test_certificates(
    backend: RemoteBackend,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    made: dict[str, str],
    says: str,
    advises: str,
) -> None:
    """A certificate that is out of its time, as with a wrong clock, or of another host is said to be so."""
    path, context = certificate(tmp_path, **made)
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    async with scripted_server(GOOD, tls=context) as server:
        with pytest.raises(ConnectionFailed) as caught:
            await ask(backend, far(server.url))
    assert says in caught.value.message
    assert advises in caught.value.advice
    assert caught.value.remedy == "fall_back"
    assert server.requests == []


@pytest.mark.parametrize(
    "made", [{}, {"end": "20210101000000Z"}, {"address": "127.0.0.2"}], ids=["own", "expired", "other host"]
)
async def test_a_certificate_that_fails_takes_no_completion_down(
    backend: RemoteBackend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, made: dict[str, str]
) -> None:
    """Each comes from the next model of its route, with a receipt in order, and nothing reached the first."""
    path, context = certificate(tmp_path, **made)
    if made:
        monkeypatch.setenv("SSL_CERT_FILE", str(path))
    filled = b'data: {"choices":[{"text":"ab","finish_reason":"stop"}]}\n\n', b"data: [DONE]\n\n"
    whole = STREAM_HEAD + chunked(*filled) + LAST_CHUNK
    async with scripted_server(whole, tls=context) as broken, scripted_server(*[whole] * 5) as good:
        first, second = (
            Model(name, "completions", "qwen2.5-coder-7b", base_url=f"{server.url}/v1", leaves_machine=True)
            for name, server in (("first", broken), ("second", good))
        )
        around = Around(route(first, second, kind="inline"))
        dispatcher = Dispatcher(around, {"completions": backend}, around, around)
        hole = FimPrompt("file:///w/a.py", "a.py", "x = ", "\n")
        for _ in range(5):
            answered = await dispatcher.run(Ask("inline", (), lambda _model: hole))
            assert (answered.text, answered.model) == ("ab", second)
    assert (broken.requests, len(good.requests)) == ([], 5)
    assert {receipt.outcome for receipt in around.receipts} == {"answered"}


async def test_own_certificate(
    backend: RemoteBackend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A certificate that SSL_CERT_FILE vouches for is trusted, as companies need it."""
    path, context = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    async with scripted_server(GOOD, tls=context) as server:
        assert await ask(backend, far(server.url)) == "ab"


@pytest.mark.parametrize(
    ("date", "now_s", "words"),
    [
        (formatdate(10_000, usegmt=True), 10_000 + 3600.0, "60 minutes ahead of"),
        (formatdate(10_000, usegmt=True), 10_000 - 600.0, "10 minutes behind"),
        (formatdate(10_000, usegmt=True), 10_000 + 60.0, ""),
        ("yesterday", 10_000.0, ""),
        ("", 10_000.0, ""),
    ],
)
def test_clock(date: str, now_s: float, words: str) -> None:
    """A refused key is put down to this machine's clock only where that is far from the server's."""
    found = refusal(Peer("far", "h"), 401, {"date": date}, b"{}", now_s)
    assert words in found.advice
    assert ("clock" in found.advice) == bool(words)
    assert "clock" not in refusal(Peer("far", "h"), 429, {"date": date}, b"{}", now_s).advice


def test_page_of_a_proxy_is_no_refused_key() -> None:
    """A page of HTML says nothing of the key, so another model may be asked."""
    page = refusal(Peer("far", "h"), 403, {"content-type": "text/html"}, HTML)
    assert page.remedy == "fall_back"


async def hang_up(exchange: Exchange) -> None:
    """Close the connection without an answer."""


async def reset(exchange: Exchange) -> None:
    """Reset the connection without an answer."""
    linger = struct.pack("ii", 1, 0)
    exchange.writer.get_extra_info("socket").setsockopt(SOL_SOCKET, SO_LINGER, linger)
    exchange.writer.transport.abort()


@pytest.mark.parametrize("close", [hang_up, reset])
async def test_kept_connection_that_closes(backend: RemoteBackend, close: Script) -> None:
    """A connection that was kept, and that the server closes as the next request comes, costs that request nothing."""
    async with scripted_server(GOOD, close, GOOD) as server:
        assert await ask(backend, far(server.url)) == "ab"
        assert await ask(backend, far(server.url)) == "ab"
        assert (len(server.requests), server.connections) == (3, 2)


@pytest.mark.parametrize("close", [hang_up, reset])
@pytest.mark.parametrize(("after_s", "again"), [(0.5, True), (1.5, False), (60.0, False)])
async def test_kept_connection_that_closes_late(close: Script, after_s: float, again: bool) -> None:
    """Where a server had time to read a request, it may have been charged: it is not sent again unasked."""
    now = [0.0]

    async def late(exchange: Exchange) -> None:
        now[0] += after_s
        await close(exchange)

    backend = RemoteBackend({"env:KEY": SECRET}.get, clock=lambda: now[0])
    try:
        async with scripted_server(GOOD, late, GOOD) as server:
            assert await ask(backend, far(server.url)) == "ab"
            if again:
                assert await ask(backend, far(server.url)) == "ab"
            else:
                with pytest.raises(ConnectionLost, match="without an answer"):
                    await ask(backend, far(server.url))
            assert len(server.requests) == (3 if again else 2)
    finally:
        await backend.close()


@pytest.mark.parametrize("close", [hang_up, reset])
async def test_new_connection_that_closes(backend: RemoteBackend, close: Script) -> None:
    """A server that hangs up on a new connection is not sent the prompt a second time."""
    async with scripted_server(GOOD, close) as server:
        assert await ask(backend, far(server.url)) == "ab"
        with pytest.raises(ConnectionFailed, match="without an answer"):
            await ask(backend, far(server.url))
        assert (len(server.requests), server.connections) == (3, 2)


async def test_half_an_answer_is_not_asked_for_again(backend: RemoteBackend) -> None:
    """Where an answer has begun, also on a connection that was kept, the request is not sent a second time."""
    async with scripted_server(GOOD, STREAM_HEAD, GOOD) as server:
        assert await ask(backend, far(server.url)) == "ab"
        with pytest.raises(BackendError, match="lost the connection"):
            await ask(backend, far(server.url))
        assert len(server.requests) == 2


async def test_stop_sequences_that_an_api_lacks(backend: RemoteBackend) -> None:
    """A stop sequence ends the answer also where the API knows none, and the server is hung up on."""
    delta = b'data: {"type":"response.output_text.delta","delta":"one END two"}\n\n'

    async def script(exchange: Exchange) -> None:
        await exchange.send(STREAM_HEAD + chunked(delta))
        await exchange.hung_up()

    async with scripted_server(script) as server:
        prompt = ChatPrompt(PROMPT.messages, stop=("END",))
        assert await ask(backend, far(server.url, "openai-responses"), prompt) == "one "
        await server.closed.wait()
    assert server.requests[0].line == "POST /v1/responses HTTP/1.1"
