"""The backend over real connections: one outcome per request, whatever the server does, and nothing left behind."""

import asyncio
import json
import logging
import socket
import ssl
import struct
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import pytest

import turnout.remote
from support.asking import said
from support.certificates import certificate
from support.scripted_server import (
    LAST_CHUNK,
    STREAM_HEAD,
    Exchange,
    Script,
    answer,
    chunked,
    scripted_server,
)
from support.streams import DIALECTS, OTHERS, RECORDINGS, TOOLS, Outcome, Recording
from turnout.core.backends import Delta, Done, Timings
from turnout.core.models import Api, Model
from turnout.core.prompts import ChatPrompt, FimPrompt, Message, Prompt, Tool
from turnout.errors import (
    BackendError,
    ConnectionFailed,
    ConnectionLost,
    DeadlineExceeded,
    KeyMissing,
    Overloaded,
    ProtocolViolation,
    RateLimited,
    RequestRejected,
    StreamTruncated,
    Unauthorized,
)
from turnout.remote import RemoteBackend

SECRET = "sk-0123456789abcdef"
PROMPT = ChatPrompt(
    (Message("system", "Be brief."), Message("user", "Hé 🚃")), max_tokens=7, stop=("\n", "END")
)

OFFERED = tuple(Tool(name, "Tells it.", '{"type": "object"}') for name in sorted(TOOLS))
WITH_TOOLS = replace(PROMPT, tools=OFFERED, stop=(), max_tokens=100)
ANTHROPIC, OPENAI = RECORDINGS[0], RECORDINGS[1]
SHORT = b'data: {"choices":[{"delta":{"content":"ab"},"finish_reason":"stop"}]}\n\n'
FIRST = b'data: {"choices":[{"delta":{"content":"ab"}}]}\n\n'
DONE = b"data: [DONE]\n\n"
GOOD = STREAM_HEAD + chunked(SHORT, DONE) + LAST_CHUNK


@pytest.fixture(autouse=True)
def no_key_in_logs(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """No log of any library holds the key, at any level."""
    with caplog.at_level(logging.DEBUG):
        yield
    assert SECRET not in caplog.text


@pytest.fixture
async def backend() -> AsyncIterator[RemoteBackend]:
    """A backend that knows one key; no task of it is left at the end."""
    made = RemoteBackend({"env:KEY": SECRET}.get)
    yield made
    await made.close()
    for _ in range(20):  # turns in which the event loop finalizes the generators that httpx nests
        await asyncio.sleep(0)
    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.fixture
def self_signed(tmp_path: Path) -> ssl.SSLContext:
    """What a server with a certificate of its own making speaks."""
    return certificate(tmp_path)[1]


def far(
    url: str, api: Api = "openai-chat", key: str | None = "env:KEY", jurisdiction: str | None = None
) -> Model:
    base = url if api == "anthropic" else f"{url}/v1"
    return Model("far", api, "m-1", base_url=base, key=key, leaves_machine=True, jurisdiction=jurisdiction)


async def run(backend: RemoteBackend, model: Model, prompt: Prompt = PROMPT) -> Outcome:
    """All of one stream; checks that Done is its last item, and that no error holds the key."""
    text, done = "", None
    try:
        async for item in said(backend.stream(model, prompt)):
            assert done is None
            if isinstance(item, Delta):
                text += item.text
            else:
                done = item
    except BackendError as exc:
        error: BackendError | None = exc
    else:
        error = None
    assert (done is None) != (error is None)
    assert error is None or SECRET not in f"{error!r} {error} {error.__cause__!r}"
    return Outcome(text, done, error)


class TestRequest:
    """What goes over the wire."""

    async def test_messages(self, backend: RemoteBackend) -> None:
        """Anthropic gets its key and version in headers, the system prompt apart, and no blank stop sequence."""
        async with scripted_server(STREAM_HEAD + chunked(ANTHROPIC.data) + LAST_CHUNK) as server:
            await run(backend, far(server.url, "anthropic"))
        [request] = server.requests
        assert request.line == "POST /v1/messages HTTP/1.1"
        assert request.headers["x-api-key"] == SECRET
        assert request.headers["anthropic-version"] == "2023-06-01"
        assert "authorization" not in request.headers
        assert json.loads(request.body) == {
            "model": "m-1",
            "max_tokens": 7,
            "temperature": 0.0,
            "stream": True,
            "system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
            "messages": [{"role": "user", "content": "Hé 🚃"}],
            "stop_sequences": ["END"],
        }

    async def test_chat(self, backend: RemoteBackend) -> None:
        """An OpenAI-compatible server gets a bearer key, and is asked for usage and for bytes as they are."""
        async with scripted_server(GOOD) as server:
            await run(backend, far(server.url))
        [request] = server.requests
        assert request.line == "POST /v1/chat/completions HTTP/1.1"
        assert request.headers["authorization"] == f"Bearer {SECRET}"
        assert request.headers["accept-encoding"] == "identity"
        assert request.headers["user-agent"].startswith("turnout/")
        assert json.loads(request.body) == {
            "model": "m-1",
            "max_tokens": 7,
            "temperature": 0.0,
            "stream": True,
            "stream_options": {"include_usage": True},
            "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hé 🚃"}],
            "stop": ["\n", "END"],
        }

    async def test_without_a_key(self, backend: RemoteBackend) -> None:
        """A model of the user's own that names no key is asked without one."""
        async with scripted_server(GOOD) as server:
            outcome = await run(backend, far(server.url, key=None))
        assert outcome.done is not None
        assert "authorization" not in server.requests[0].headers

    async def test_half_a_surrogate_pair(self, backend: RemoteBackend) -> None:
        """Text that UTF-8 cannot carry, which editors can hold, does not end the request."""
        async with scripted_server(GOOD) as server:
            outcome = await run(backend, far(server.url), ChatPrompt((Message("user", "a\ud83d"),)))
        assert outcome.done is not None
        assert json.loads(server.requests[0].body)["messages"][0]["content"] == "a?"

    async def test_connection_is_used_again(self, backend: RemoteBackend) -> None:
        """A finished stream leaves its connection to the next request, also where the consumer stops at Done."""
        async with scripted_server(GOOD) as server:
            async with aclosing(said(backend.stream(far(server.url), PROMPT))) as items:
                assert [type(item) async for item in _first(items, 2)] == [Delta, Done]
            await run(backend, far(server.url))
            assert (len(server.requests), server.connections) == (2, 1)
            await backend.close()
            await server.closed.wait()

    async def test_cookies_are_not_kept(self, backend: RemoteBackend) -> None:
        """Nothing that one answer sets goes out with the next request."""
        async with scripted_server(GOOD.replace(b"\r\n", b"\r\nset-cookie: id=1; Path=/\r\n", 1)) as server:
            await run(backend, far(server.url))
            await run(backend, far(server.url))
        assert ["cookie" in request.headers for request in server.requests] == [False, False]

    async def test_many_at_once(self, backend: RemoteBackend) -> None:
        """Streams at the same time do not get into each other's way, not even while httpx is imported."""
        async with scripted_server(GOOD) as server:
            outcomes = await asyncio.gather(*(run(backend, far(server.url)) for _ in range(20)))
        assert [(outcome.text, outcome.error) for outcome in outcomes] == [("ab", None)] * 20


class TestRefusedBeforeSending:
    """What never leaves this machine."""

    @pytest.mark.parametrize(
        ("model", "key", "words"),
        [
            (far("https://api.example.com"), None, "`env:KEY` is not set"),
            (far("https://api.example.com"), "  \n", "`env:KEY` is not set"),
            (far("https://api.example.com"), "sk-\nsecret", "white space"),
            (far("https://api.example.com"), "“sk-secret”", "beyond ASCII"),
            (Model("opus", "anthropic", "claude"), SECRET, "names no key for api.anthropic.com"),
        ],
    )
    async def test_key(self, model: Model, key: str | None, words: str) -> None:
        """A key that is missing, or that no header can carry, is said to be so and not shown."""
        outcome = await run(RemoteBackend(lambda _: key), model)
        assert isinstance(outcome.error, KeyMissing)
        assert words in outcome.error.message
        assert "secret" not in str(outcome.error)

    async def test_line_break_after_a_key(self) -> None:
        """The line break that files and shells leave at the end of a key does no harm."""
        backend = RemoteBackend(lambda _: f"{SECRET}\n")
        async with scripted_server(GOOD) as server:
            assert (await run(backend, far(server.url))).done is not None
        await backend.close()
        assert server.requests[0].headers["authorization"] == f"Bearer {SECRET}"

    @pytest.mark.parametrize(
        ("model", "prompt", "words"),
        [
            (far("https://h.example"), FimPrompt("d", "p", "a", "b"), "no fill-in-the-middle"),
            (Model("near", "local", "m"), PROMPT, "not a remote model"),
            (far("http://h.example"), PROMPT, "unencrypted"),
            (far("https://xn--zzzz99999.example"), PROMPT, "cannot be written as HTTP"),
        ],
    )
    async def test_request(self, backend: RemoteBackend, model: Model, prompt: Prompt, words: str) -> None:
        """A request that this API or these settings cannot take is refused with the reason."""
        outcome = await run(backend, model, prompt)
        assert isinstance(outcome.error, RequestRejected)
        assert words in outcome.error.message


@pytest.mark.parametrize("recording", [*RECORDINGS, *DIALECTS, *OTHERS], ids=lambda recording: recording.name)
async def test_whole_stream(backend: RemoteBackend, recording: Recording) -> None:
    """A whole stream arrives with its text, its calls, its usage and the time of its first token."""
    async with scripted_server(STREAM_HEAD + chunked(recording.data) + LAST_CHUNK) as server:
        model = replace(far(server.url, recording.api), server=recording.peer.server)
        outcome = await run(backend, model, WITH_TOOLS)
    assert outcome.text == recording.text
    assert outcome.done is not None
    assert replace(outcome.done, timings=Timings(), thoughts=()) == recording.done
    assert tuple(json.loads(thought.data) for thought in outcome.done.thoughts) == recording.thoughts
    assert {(thought.api, thought.model) for thought in outcome.done.thoughts} <= {(recording.api, "m-1")}
    timings = outcome.done.timings
    assert timings.queue is None
    assert timings.total is not None
    if recording.text:
        assert timings.first_token is not None
        assert 0 <= timings.first_token <= timings.total


@pytest.mark.parametrize("recording", [ANTHROPIC, OPENAI, *OTHERS[1:3]], ids=lambda recording: recording.name)
async def test_cut_on_the_wire(backend: RemoteBackend, recording: Recording) -> None:
    """A connection that is closed in the middle, with and without HTTP's own ending, never looks like a success."""
    step = len(recording.data) // 30
    for cut in [*range(0, len(recording.data), step), recording.complete_at - 1, recording.complete_at]:
        for end in (b"", LAST_CHUNK):
            async with scripted_server(
                STREAM_HEAD + chunked(*[recording.data[:cut]] * bool(cut)) + end
            ) as server:
                outcome = await run(backend, far(server.url, recording.api), WITH_TOOLS)
            if cut < recording.complete_at:
                assert isinstance(outcome.error, StreamTruncated), cut
            else:
                assert outcome.done is not None, cut
                assert (outcome.text, outcome.done.calls) == (recording.text, recording.calls), cut


async def silent(exchange: Exchange) -> None:
    """Say nothing until the client gives up."""
    await exchange.hung_up()


def then_silent(*pieces: bytes) -> Script:
    """Begin a stream, then say nothing until the client gives up."""

    async def script(exchange: Exchange) -> None:
        await exchange.send(STREAM_HEAD + chunked(*pieces))
        await exchange.hung_up()

    return script


def then_repeat(head: bytes, piece: bytes) -> Script:
    """Send `head`, then `piece` for ever."""

    async def script(exchange: Exchange) -> None:
        await exchange.send(head)
        while True:
            await exchange.send(piece)
            await asyncio.sleep(
                0
            )  # let the client have a turn even where the network takes everything at once

    return script


def then_reset(*pieces: bytes) -> Script:
    """Begin a stream, then reset the connection, as a router does that forgot it."""

    async def script(exchange: Exchange) -> None:
        await exchange.send(STREAM_HEAD + chunked(*pieces))
        linger = struct.pack("ii", 1, 0)
        exchange.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        exchange.writer.transport.abort()

    return script


def script_keeps_open(script: Script | bytes) -> bool:
    """Whether the answer was whole as HTTP, so that its connection may serve another request."""
    return isinstance(script, bytes) and script.endswith(LAST_CHUNK)


COMMENTS = chunked(b": nothing to see here\n" * 3000)


@pytest.mark.parametrize(
    ("script", "error", "words"),
    [
        (b"", ConnectionLost, "without an answer"),
        (b"HTTP/1.1 200 O", ConnectionLost, "without an answer"),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", ProtocolViolation, "did not answer with HTTP"),
        (then_repeat(b"HTTP/1.1 200 OK\r\nx: ", b"y" * 4096), ProtocolViolation, "did not answer with HTTP"),
        (STREAM_HEAD, StreamTruncated, "lost the connection"),
        (STREAM_HEAD + chunked(FIRST), StreamTruncated, "lost the connection"),
        (STREAM_HEAD + chunked(FIRST) + LAST_CHUNK, StreamTruncated, "in the middle"),
        (STREAM_HEAD + chunked(FIRST, DONE) + LAST_CHUNK, StreamTruncated, "in the middle"),
        (STREAM_HEAD + chunked(FIRST) + b"zz\r\n", ProtocolViolation, "not HTTP"),
        (then_reset(FIRST), StreamTruncated, "lost the connection"),
        (STREAM_HEAD + chunked(b"data: \xff\n\n") + LAST_CHUNK, ProtocolViolation, "not UTF-8"),
        (then_repeat(STREAM_HEAD, COMMENTS), ProtocolViolation, "more bytes than"),
        (then_repeat(STREAM_HEAD, chunked(b"data: " + b"x" * 60_000)), ProtocolViolation, "more bytes than"),
        (
            STREAM_HEAD.replace(b"\r\n\r\n", b"\r\ncontent-encoding: gzip\r\n\r\n")
            + chunked(b"\x1f\x8bgarbage"),
            ProtocolViolation,
            "compressed",
        ),
        (answer(200, b"<html>sign in</html>", "text/html"), ProtocolViolation, "HTML page"),
        (answer(200, b'{"choices":[]}'), ProtocolViolation, "a stream was asked for"),
        (answer(200, b'{"error":{"type":"overloaded_error"}}'), Overloaded, "overloaded_error"),
        (
            answer(307, b"", "text/plain", "location: https://evil.example.net/"),
            RequestRejected,
            "evil.example.net",
        ),
        (
            answer(400, b'[{"error":{"code":400,"message":"no such field"}}]'),
            RequestRejected,
            "no such field",
        ),
        (answer(401, b'{"error":{"message":"wrong"}}'), Unauthorized, "answered 401"),
        (answer(502, b"<html>bad gateway</html>", "text/html"), Overloaded, "HTML page"),
        (b"HTTP/1.1 500 E\r\ncontent-length: 99\r\n\r\n{", Overloaded, "answered 500"),
        (then_repeat(b"HTTP/1.1 500 E\r\n\r\n", b"x" * 4096), Overloaded, "answered 500"),
    ],
)
async def test_faults(
    backend: RemoteBackend, script: Script | bytes, error: type[BackendError], words: str
) -> None:
    """Each way in which a server fails is one error that says so, and the connection is given up."""
    async with scripted_server(script) as server:
        outcome = await run(backend, far(server.url))
        assert type(outcome.error) is error
        assert words in outcome.error.message
        assert outcome.text in ("", "ab")
        assert len(server.requests) == 1
        if script_keeps_open(script):
            await backend.close()
        await server.closed.wait()


@pytest.mark.parametrize(
    ("script", "extent"),
    [
        (answer(503, b"{}"), "refused"),
        (answer(400, b"{}"), "refused"),
        (answer(307, b"", "text/plain", "location: https://evil.example.net/"), "refused"),
        (STREAM_HEAD + chunked(b'data: {"error":{"type":"overloaded_error"}}\n\n') + LAST_CHUNK, "taken"),
        (STREAM_HEAD + LAST_CHUNK, "taken"),
        (b"", "taken"),
    ],
)
async def test_how_far_a_prompt_got(backend: RemoteBackend, script: bytes, extent: str) -> None:
    """A status other than 200 turned it away; after a 200, and after silence, it may have been read."""
    async with scripted_server(script) as server:
        outcome = await run(backend, far(server.url))
    assert outcome.error is not None
    assert outcome.error.extent == extent


async def test_what_never_went_out(backend: RemoteBackend) -> None:
    """A request that is refused here, for its address or its key, says that nothing was sent."""
    for model in (far("http://far.example"), far("http://127.0.0.1:9", key="env:NONE")):
        outcome = await run(backend, model)
        assert outcome.error is not None
        assert outcome.error.extent == "unsent"


async def test_retry_after(backend: RemoteBackend) -> None:
    """A provider's wish to wait arrives with the error, and nothing is sent again on its own account."""
    async with scripted_server(answer(429, b"{}", "application/json", "retry-after: 12")) as server:
        outcome = await run(backend, far(server.url))
    assert isinstance(outcome.error, RateLimited)
    assert outcome.error.retry_after_s == 12.0
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_not_followed(backend: RemoteBackend, status: int) -> None:
    """Neither key nor text goes to the host that a redirect names."""
    async with scripted_server(GOOD) as other:
        location = f"location: {other.url}/v1/chat/completions"
        async with scripted_server(answer(status, b"", "text/plain", location)) as server:
            outcome = await run(backend, far(server.url))
    assert isinstance(outcome.error, RequestRejected)
    assert other.connections == 0


@pytest.mark.parametrize(
    "script",
    [
        silent,
        then_silent(),
        then_silent(FIRST),
        then_repeat(STREAM_HEAD + chunked(FIRST), chunked(b": ping\n\n")),
        then_repeat(
            STREAM_HEAD + chunked(FIRST), chunked(b'data: {"choices":[{"delta":{"content":""}}]}\n\n')
        ),
        then_repeat(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n"),
    ],
)
async def test_stalls(script: Script) -> None:
    """A server that sends no output, however busy it looks, is given up in the time allowed and hung up on."""
    backend = RemoteBackend({"env:KEY": SECRET}.get, stall_timeout_s=0.1)
    async with scripted_server(script) as server:
        outcome = await run(backend, far(server.url))
        assert isinstance(outcome.error, DeadlineExceeded)
        await server.closed.wait()
    await backend.close()


@pytest.mark.parametrize("script", [then_silent(SHORT), then_reset(SHORT), STREAM_HEAD + chunked(SHORT)])
async def test_complete_before_the_fault(script: Script | bytes) -> None:
    """What a connection does after the model has finished takes nothing from the answer; its usage is estimated."""
    backend = RemoteBackend({"env:KEY": SECRET}.get, stall_timeout_s=1.0)
    async with scripted_server(script) as server:
        outcome = await run(backend, far(server.url))
    assert outcome.text == "ab"
    assert outcome.done is not None
    assert outcome.done.usage.estimated
    await backend.close()


async def test_no_server(backend: RemoteBackend) -> None:
    """A port where nothing listens is a connection that failed, and says what to check."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        outcome = await run(backend, far(f"http://127.0.0.1:{unused.getsockname()[1]}"))
    assert isinstance(outcome.error, ConnectionFailed)
    assert "base_url" in outcome.error.advice


class TestClosing:
    """Giving up closes the connection, which is how a provider learns to stop."""

    async def test_after_text(self, backend: RemoteBackend) -> None:
        """Closing the iterator between two items closes the connection."""
        async with scripted_server(then_silent(FIRST)) as server:
            async with aclosing(said(backend.stream(far(server.url), PROMPT))) as items:
                assert await anext(items) == Delta("ab")
            await server.closed.wait()

    async def test_before_the_first_item(self, backend: RemoteBackend) -> None:
        """Closing an iterator that was never started sends nothing."""
        async with scripted_server(GOOD) as server:
            await backend.stream(far(server.url), PROMPT).aclose()
        assert server.connections == 0

    async def test_before_the_end(self, backend: RemoteBackend) -> None:
        """Closing at Done, while the server holds the stream open, closes the connection."""
        async with scripted_server(then_silent(SHORT, DONE)) as server:
            async with aclosing(said(backend.stream(far(server.url), PROMPT))) as items:
                assert [type(item) async for item in _first(items, 2)] == [Delta, Done]
            await server.closed.wait()

    @pytest.mark.parametrize("script", [silent, then_silent(), then_silent(FIRST)])
    async def test_cancelled_while_waiting(self, backend: RemoteBackend, script: Script) -> None:
        """Cancelling the task that waits for output closes the connection and stays a cancellation."""
        waiting = asyncio.Event()

        async def noticed(exchange: Exchange) -> None:
            waiting.set()
            await script(exchange)

        async with scripted_server(noticed) as server:
            task = asyncio.create_task(run(backend, far(server.url)))
            await waiting.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await server.closed.wait()


async def _first(items: AsyncIterator[object], count: int) -> AsyncIterator[object]:
    for _ in range(count):
        yield await anext(items)


def _take_proxy(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """Name one proxy for plain HTTP, and none for anything else."""
    for name in ("NO_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    for name in ("HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, url)


class TestEnvironment:
    """Proxies and certificates of the machine."""

    async def test_loopback_bypasses_proxies(
        self, backend: RemoteBackend, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A request to this machine never goes through a proxy, not even one whose address is unusable."""
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, "nonsense://proxy.invalid:1")
            monkeypatch.delenv(name.lower(), raising=False)
        async with scripted_server(GOOD) as server:
            assert (await run(backend, far(server.url))).done is not None

    async def test_unusable_proxy(self, backend: RemoteBackend, monkeypatch: pytest.MonkeyPatch) -> None:
        """A proxy address that cannot be used is named as the reason, and only by requests that need it."""
        monkeypatch.setenv("ALL_PROXY", "nonsense://user:password@proxy.invalid:1")
        outcome = await run(backend, far("https://api.example.invalid"))
        assert isinstance(outcome.error, ConnectionFailed)
        assert "ALL_PROXY" in outcome.error.advice
        assert "password" not in str(outcome.error)

    async def test_proxy(self, backend: RemoteBackend, monkeypatch: pytest.MonkeyPatch) -> None:
        """A model that text leaves this machine for is reached by the proxy of the environment."""
        async with scripted_server(GOOD) as proxy:
            _take_proxy(monkeypatch, proxy.url)
            outcome = await run(backend, far("http://gpu-box.invalid", jurisdiction="self-hosted"))
        assert outcome.text == "ab"
        assert proxy.requests[0].line.startswith("POST http://gpu-box.invalid/v1/chat/completions ")

    async def test_no_proxy_for_a_machine_that_counts_as_inside(
        self, backend: RemoteBackend, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A model with `leaves_machine = false` is reached directly or not at all, and the error says what to set."""
        house = replace(far("http://0.0.0.0:1", jurisdiction="self-hosted"), leaves_machine=False)
        async with scripted_server(GOOD) as proxy:
            _take_proxy(monkeypatch, proxy.url)
            # The proxy client is open already; it must not be taken for the other model.
            assert (await run(backend, replace(house, leaves_machine=True))).text == "ab"
            outcome = await run(backend, house)
        assert len(proxy.requests) == 1
        assert isinstance(outcome.error, ConnectionFailed)
        assert "leaves_machine = true" in outcome.error.advice
        for name in ("HTTP_PROXY", "http_proxy"):
            monkeypatch.delenv(name)
        unproxied = await run(backend, house)
        assert unproxied.error is not None
        assert "leaves_machine" not in unproxied.error.advice

    async def test_tls_expected(self, backend: RemoteBackend) -> None:
        """An https address of a server that speaks plain HTTP is said to be one."""

        async def plain(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(answer(400, b"what?"))
            writer.close()

        async with await asyncio.start_server(plain, "127.0.0.1", 0) as server:
            outcome = await run(backend, far(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"))
        assert isinstance(outcome.error, ConnectionFailed)
        assert "TLS" in outcome.error.message

    async def test_certificate(self, backend: RemoteBackend, self_signed: ssl.SSLContext) -> None:
        """A certificate that nobody vouches for is said to be one, and nothing is sent to that server."""
        async with scripted_server(GOOD, tls=self_signed) as server:
            outcome = await run(backend, far(server.url))
        assert isinstance(outcome.error, ConnectionFailed)
        assert "certificate" in outcome.error.message
        assert server.requests == []


def test_import_is_cheap() -> None:
    """Importing the package loads neither httpx nor what it needs; `preload` does."""
    code = (
        "import sys, turnout.remote as r; early = {'httpx', 'anyio', 'pydantic'} & set(sys.modules);"
        "r.preload(); print(early, 'httpx' in sys.modules)"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown.strip() == "set() True"


def test_public_names() -> None:
    """The package exports these names and no others."""
    assert turnout.remote.__all__ == ["APIS", "RemoteBackend", "Writer", "Written", "preload"]
