"""Holes filled over real connections: raw completions, Mistral's and DeepSeek's endpoints, llama-server's `/infill`."""

import json
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import pytest

from support.scripted_server import (
    LAST_CHUNK,
    STREAM_HEAD,
    Exchange,
    ScriptedServer,
    answer,
    chunked,
    scripted_server,
)
from support.streams import HOLES, Outcome, Recording
from turnout.core.requests import (
    Api,
    ChatPrompt,
    ContextChunk,
    Delta,
    Done,
    FimPrompt,
    Message,
    Model,
    Prompt,
    Server,
    Usage,
)
from turnout.errors import (
    BackendError,
    KeyMissing,
    OutOfCredit,
    Overloaded,
    ProtocolViolation,
    RateLimited,
    RequestRejected,
    StreamTruncated,
    Unauthorized,
)
from turnout.remote import RemoteBackend
from turnout.remote.writing import Writer

SECRET = "sk-0123456789abcdef"
PROMPT = FimPrompt(
    "file:///a.py", "a.py", "def add(a, b):\n    return", "\n\nprint(add(1, 2))\n", max_tokens=7
)
HOLE_APIS: tuple[Api, ...] = ("completions", "mistral-fim", "llama-infill")
every_api = pytest.mark.parametrize("api", HOLE_APIS)


@pytest.fixture(autouse=True)
def no_key_in_logs(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """No log of any library holds the key, at any level."""
    with caplog.at_level(logging.DEBUG):
        yield
    assert SECRET not in caplog.text


@pytest.fixture
async def backend() -> AsyncIterator[RemoteBackend]:
    """A backend that knows one key."""
    made = RemoteBackend({"env:KEY": SECRET}.get)
    yield made
    await made.close()


def far(url: str, api: Api = "completions", model: str = "qwen2.5-coder-0.5b", **more: Any) -> Model:
    return Model("far", api, model, base_url=url, key="env:KEY", context_tokens=8192, **more)


async def run(backend: RemoteBackend, model: Model, prompt: Prompt = PROMPT) -> Outcome:
    """All of one stream; checks that there is one outcome, and that no error holds the key."""
    text, done, error = "", None, None
    try:
        async for item in backend.stream(model, prompt):
            assert done is None
            if isinstance(item, Delta):
                text += item.text
            else:
                done = item
    except BackendError as exc:
        error = exc
    assert (done is None) != (error is None)
    assert SECRET not in f"{error!r} {error}"
    return Outcome(text, done, error)


def pieces(api: Api, *texts: str, finish: str | None = "stop") -> bytes:
    """A stream of `texts` in the format of `api`; without `finish` it has no end."""
    if api == "llama-infill":
        events: list[object] = [{"content": text, "stop": False} for text in texts]
        ending: list[object] = [
            {"content": "", "stop": True, "stop_type": {"stop": "eos"}.get(finish or "", finish)}
        ]
    elif api == "mistral-fim":
        events = [{"choices": [{"index": 0, "delta": {"content": text}}]} for text in texts]
        ending = [{"choices": [{"index": 0, "delta": {"content": ""}, "finish_reason": finish}]}]
    else:
        events = [{"choices": [{"index": 0, "text": text, "finish_reason": None}]} for text in texts]
        ending = [{"choices": [{"index": 0, "text": "", "finish_reason": finish}]}]
    lines = [f"data: {json.dumps(event)}\n\n".encode() for event in (*events, *(ending if finish else []))]
    return STREAM_HEAD + chunked(*lines) + LAST_CHUNK


def sent(server: ScriptedServer) -> dict[str, Any]:
    """The body of the only request."""
    [request] = server.requests
    body: dict[str, Any] = json.loads(request.body)
    return body


class TestRequest:
    """What goes over the wire."""

    async def test_completions(self, backend: RemoteBackend) -> None:
        """Raw completions get one text with the family's tokens in it, and no `suffix`, which vLLM refuses."""
        async with scripted_server(pieces("completions", "    return a + b")) as server:
            outcome = await run(backend, far(f"{server.url}/v1", server="vllm"))
        assert outcome.text == " a + b"
        assert server.requests[0].line == "POST /v1/completions HTTP/1.1"
        assert server.requests[0].headers["authorization"] == f"Bearer {SECRET}"
        body = sent(server)
        assert body.pop("prompt").endswith("<|fim_middle|>def add(a, b):\n")
        assert body == {
            "model": "qwen2.5-coder-0.5b",
            "max_tokens": 7 + len("    return"),
            "temperature": 0,
            "stream": True,
            "stream_options": {"include_usage": True},
            "stop": ["\n", "<|endoftext|>", "<|fim_pad|>", "<|im_end|>"],
            "structured_outputs": {"regex": "    return(.|\\n)*"},
            "skip_special_tokens": False,
            "spaces_between_special_tokens": False,
        }

    @pytest.mark.parametrize(
        ("server", "told"),
        [
            ("llama-server", {"grammar": 'root ::= " re" ( [^\\n] | "\\n" )*'}),
            ("vllm", {"structured_outputs": {"regex": " re(.|\\n)*"}}),
            ("sglang", {"regex": " re(.|\\n)*"}),
            ("tabbyapi", {"regex_pattern": " re(.|\\n)*"}),
            (None, {}),
        ],
    )
    async def test_told_how_to_begin(
        self, backend: RemoteBackend, server: Server | None, told: dict[str, object]
    ) -> None:
        """Each server is told in its own words how the answer begins, and nothing where there is nothing to heal."""
        every = {"grammar", "structured_outputs", "regex", "regex_pattern"}
        async with scripted_server(pieces("completions", " return(1)")) as running:
            model = far(f"{running.url}/v1", server=server)
            healed = await run(backend, model, replace(PROMPT, prefix="x = 1; re"))
            plain = await run(backend, model, replace(PROMPT, prefix="x = (", document="b"))
        first, second = (json.loads(request.body) for request in running.requests)
        assert (healed.text, plain.text) == ("turn(1)", " return(1)")
        assert {key: first[key] for key in every & first.keys()} == told
        assert not every & second.keys()

    async def test_mistral(self, backend: RemoteBackend) -> None:
        """Mistral's endpoint gets the text before and after the cursor as they are."""
        async with scripted_server(pieces("mistral-fim", " a + b")) as server:
            outcome = await run(backend, far(server.url, "mistral-fim", "codestral-latest"))
        assert outcome.text == " a + b"
        assert server.requests[0].line == "POST /v1/fim/completions HTTP/1.1"
        assert sent(server) == {
            "model": "codestral-latest",
            "prompt": PROMPT.prefix,
            "suffix": PROMPT.suffix,
            "max_tokens": 7,
            "temperature": 0,
            "stream": True,
            "stop": ["\n"],
        }

    def test_deepseek(self) -> None:
        """DeepSeek's endpoint has its own path, and counts tokens only if asked to."""
        model = far("https://api.deepseek.com/beta", "mistral-fim", "deepseek-chat")
        written = Writer().write(model, PROMPT)
        assert written.target.url == "https://api.deepseek.com/beta/completions"
        assert written.body["stream_options"] == {"include_usage": True}
        assert (written.body["prompt"], written.body["suffix"]) == (PROMPT.prefix, PROMPT.suffix)

    async def test_infill(self, backend: RemoteBackend) -> None:
        """llama-server's endpoint gets the text around the cursor and the other files, and no token of any family."""
        prompt = replace(PROMPT, context=(ContextChunk("b.py", "B = 1\n", "test"),))
        async with scripted_server(pieces("llama-infill", " a", " + b")) as server:
            outcome = await run(backend, far(server.url, "llama-infill"), prompt)
        assert outcome.text == " a + b"
        assert server.requests[0].line == "POST /infill HTTP/1.1"
        assert sent(server) == {
            "model": "qwen2.5-coder-0.5b",
            "input_prefix": PROMPT.prefix,
            "input_suffix": PROMPT.suffix,
            "input_extra": [{"filename": "b.py", "text": "B = 1\n"}],
            "n_predict": 7,
            "temperature": 0,
            "cache_prompt": True,
            "stream": True,
            "stop": ["\n"],
        }


class TestRefusedBeforeSending:
    """What never leaves this machine."""

    @every_api
    async def test_chat(self, backend: RemoteBackend, api: Api) -> None:
        """A chat is not sent to an API that only completes."""
        async with scripted_server(pieces(api, "x")) as server:
            outcome = await run(backend, far(server.url, api), ChatPrompt((Message("user", "hello"),)))
        assert isinstance(outcome.error, RequestRejected)
        assert "only completes at the cursor" in outcome.error.message
        assert server.requests == []

    async def test_family(self, backend: RemoteBackend) -> None:
        """A model that nobody knows how to ask gets nothing, not even the text."""
        async with scripted_server(pieces("completions", "x")) as server:
            outcome = await run(backend, far(server.url, model="glm-5"))
        assert isinstance(outcome.error, RequestRejected)
        assert "`family`" in outcome.error.advice
        assert server.connections == 0

    @every_api
    async def test_key(self, api: Api) -> None:
        """A model whose key is not there is not asked without one."""
        async with scripted_server(pieces(api, "x")) as server:
            outcome = await run(RemoteBackend(lambda _: None), far(server.url, api))
        assert isinstance(outcome.error, KeyMissing)
        assert server.connections == 0

    @every_api
    async def test_clear_text(self, backend: RemoteBackend, api: Api) -> None:
        """Code goes unencrypted to no machine that the user has not called their own."""
        outcome = await run(backend, far("http://gpu-box.example:8000/v1", api))
        assert isinstance(outcome.error, RequestRejected)
        assert "unencrypted" in outcome.error.message

    @pytest.mark.parametrize("api", ["completions", "llama-infill"])
    async def test_no_public_endpoint(self, backend: RemoteBackend, api: Api) -> None:
        """An API that is only ever somebody's own server has no address to fall back on."""
        outcome = await run(backend, replace(far("", api), base_url=None))
        assert isinstance(outcome.error, RequestRejected)
        assert "`base_url`" in outcome.error.message


@every_api
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirect(backend: RemoteBackend, api: Api, status: int) -> None:
    """A redirect is not followed: neither text nor key reach the host that it names."""
    async with scripted_server(pieces(api, "x")) as other:
        moved = answer(status, b"", "text/plain", f"location: {other.url}/v1/completions")
        async with scripted_server(moved) as server:
            outcome = await run(backend, far(server.url, api))
        assert isinstance(outcome.error, RequestRejected)
        assert "redirects" in outcome.error.message
        assert (len(server.requests), other.connections) == (1, 0)


def api_of(recording: Recording) -> Api:
    return {"llama-completions": "completions", "llama-infill": "llama-infill"}.get(  # type: ignore[return-value]
        recording.name, "mistral-fim"
    )


@pytest.mark.parametrize("recording", HOLES, ids=lambda recording: recording.name)
async def test_whole_stream(backend: RemoteBackend, recording: Recording) -> None:
    """A whole stream arrives with its text, its usage and the time of its first token."""
    async with scripted_server(STREAM_HEAD + chunked(recording.data) + LAST_CHUNK) as server:
        outcome = await run(backend, far(server.url, api_of(recording)), replace(PROMPT, prefix="title ="))
        again = await run(backend, far(server.url, api_of(recording)), replace(PROMPT, prefix="title ="))
    assert outcome.text == again.text == recording.text
    assert outcome.done is not None
    assert (outcome.done.finish, outcome.done.usage) == (recording.finish, recording.usage)
    timings = outcome.done.timings
    assert timings.first_token is not None
    assert timings.total is not None
    assert 0 <= timings.first_token <= timings.total
    assert server.connections == 1


@pytest.mark.parametrize("recording", HOLES, ids=lambda recording: recording.name)
async def test_cut_on_the_wire(backend: RemoteBackend, recording: Recording) -> None:
    """A connection that is closed in the middle, with and without HTTP's own ending, never looks like a success."""
    prompt = replace(PROMPT, prefix="title =", shape="block")
    for cut in [*range(0, len(recording.data), 331), recording.complete_at - 1, recording.complete_at]:
        for end in (b"", LAST_CHUNK):
            data = STREAM_HEAD + chunked(*[recording.data[:cut]] * bool(cut)) + end
            async with scripted_server(data) as server:
                outcome = await run(backend, far(server.url, api_of(recording)), prompt)
            if cut < recording.complete_at:
                assert isinstance(outcome.error, StreamTruncated), cut
            else:
                assert outcome.text == recording.text, cut


def then_more(api: Api, *texts: str) -> Any:
    """Begin an answer and keep the connection open until the client leaves."""

    async def script(exchange: Exchange) -> None:
        await exchange.send(pieces(api, *texts, finish=None).removesuffix(LAST_CHUNK))
        await exchange.hung_up()

    return script


class TestEnd:
    """Where an answer ends, whoever ends it."""

    @every_api
    async def test_line(self, backend: RemoteBackend, api: Api) -> None:
        """A server that goes on after the line is hung up on, and the line is the answer."""
        async with scripted_server(then_more(api, " a +", " b\nprint(", "1)")) as server:
            outcome = await run(backend, far(server.url, api), replace(PROMPT, prefix="f("))
            await server.closed.wait()
        assert outcome.text == " a + b"
        assert outcome.done is not None
        assert outcome.done.finish == "stop"
        assert outcome.done.usage.estimated

    async def test_counted_before_the_end(self, backend: RemoteBackend) -> None:
        """What llama-server has counted by then stands in the usage of an answer that was ended here."""
        events = [
            {"content": " a", "stop": False, "tokens_predicted": 1, "tokens_evaluated": 43},
            {"content": "\nb", "stop": False, "tokens_predicted": 2, "tokens_evaluated": 43},
        ]
        data = b"".join(f"data: {json.dumps(event)}\n\n".encode() for event in events)
        async with scripted_server(STREAM_HEAD + chunked(data)) as server:
            outcome = await run(backend, far(server.url, "llama-infill"), replace(PROMPT, prefix="f("))
        assert outcome == Outcome(" a", outcome.done)
        assert outcome.done is not None
        assert outcome.done.usage == Usage(43, 2)

    @pytest.mark.parametrize("split", [1, 5, 40])
    async def test_special_token(self, backend: RemoteBackend, split: int) -> None:
        """The name of a token with which the model begins another file ends the answer, however it is cut."""
        text = " a\n    + b<|file_sep|>other.py"
        parts = [text[start : start + split] for start in range(0, len(text), split)]
        async with scripted_server(then_more("completions", *parts)) as server:
            prompt = replace(PROMPT, prefix="f(", shape="block")
            outcome = await run(backend, far(server.url, server="sglang"), prompt)
            await server.closed.wait()
        assert outcome.text == " a\n    + b"

    @pytest.mark.parametrize("server", ["vllm", None])
    async def test_another_word(self, backend: RemoteBackend, server: Server | None) -> None:
        """An answer that does not go on with the word at the cursor is refused at once, and the server told to stop."""
        async with scripted_server(then_more("completions", " y", "ield", " a")) as running:
            outcome = await run(backend, far(running.url, server=server), replace(PROMPT, prefix="x; re"))
            await running.closed.wait()
        assert outcome.error is not None
        assert "the word that was begun" in outcome.error.message
        assert "`server` of [models.far]" in outcome.error.advice
        assert outcome.text == ""

    @every_api
    async def test_closing_midway(self, backend: RemoteBackend, api: Api) -> None:
        """Closing the iterator closes the connection, which is how a server learns to stop."""
        async with scripted_server(then_more(api, " a +")) as server:
            prompt = replace(PROMPT, prefix="f(")
            async with aclosing(backend.stream(far(server.url, api), prompt)) as items:
                assert isinstance(await anext(items), Delta)
                assert server.open_connections == 1
            await server.closed.wait()

    @pytest.mark.parametrize(
        ("api", "finish", "expected"),
        [
            ("completions", "length", "length"),
            ("mistral-fim", "model_length", "length"),
            ("llama-infill", "limit", "length"),
            ("llama-infill", "word", "stop"),
        ],
    )
    async def test_reasons(self, backend: RemoteBackend, api: Api, finish: str, expected: str) -> None:
        """Each format's reasons for an end have one meaning."""
        async with scripted_server(pieces(api, " a", finish=finish)) as server:
            outcome = await run(backend, far(server.url, api), replace(PROMPT, prefix="f("))
        assert isinstance(outcome.done, Done)
        assert outcome.done.finish == expected


def event(value: object) -> bytes:
    return STREAM_HEAD + chunked(f"data: {json.dumps(value)}\n\n".encode()) + LAST_CHUNK


@every_api
@pytest.mark.parametrize(
    ("script", "error", "words"),
    [
        (answer(401, b'{"error":{"message":"bad key sk-0123456789abcdef"}}'), Unauthorized, "401"),
        (answer(402, b"{}"), OutOfCredit, "402"),
        (answer(404, b'{"detail":"Not Found"}'), RequestRejected, "Not Found"),
        (answer(400, b'{"object":"error","message":"suffix is not supported","code":400}'), RequestRejected, "suffix"),
        (answer(400, b'{"error":{"type":"exceed_context_size_error"}}'), RequestRejected, "exceed_context_size"),
        (answer(422, b'{"detail":"unprocessable"}'), RequestRejected, "unprocessable"),
        (answer(429, b"{}"), RateLimited, "429"),
        (answer(501, b'{"error":{"code":501,"message":"no FIM tokens","type":"not_supported_error"}}'),
         Overloaded, "no FIM tokens"),
        (answer(503, b'{"error":{"type":"unavailable_error","message":"Loading model"}}'), Overloaded, "Loading model"),
        (answer(200, b"<html>sign in</html>", "text/html"), ProtocolViolation, "HTML page"),
        (answer(200, b'{"choices":[{"text":"x"}]}'), ProtocolViolation, "a stream was asked for"),
        (event({"error": {"code": 500, "message": "out of memory"}}), Overloaded, "out of memory"),
        (event([{"error": {"code": 429, "message": "slow"}}]), RateLimited, "slow"),
        (event("text"), ProtocolViolation, "not an object"),
        (event({"choices": 3, "content": 3}), ProtocolViolation, "that is not"),
        (event({}), StreamTruncated, "in the middle"),
        (STREAM_HEAD + chunked(b"data: [DONE]\n\n") + LAST_CHUNK, BackendError, "far"),
        (STREAM_HEAD + chunked(b"data: \xff\n\n") + LAST_CHUNK, ProtocolViolation, "not UTF-8"),
        (b"", BackendError, "without an answer"),
    ],
)  # fmt: skip
async def test_failures(
    backend: RemoteBackend, api: Api, script: bytes, error: type[BackendError], words: str
) -> None:
    """What goes wrong with a chat goes wrong with a completion under the same name, and is said with what to do."""
    async with scripted_server(script) as server:
        outcome = await run(backend, far(server.url, api))
    assert isinstance(outcome.error, error)
    assert words in outcome.error.message


@pytest.mark.parametrize(
    ("api", "reason", "error"),
    [
        ("completions", "abort", Overloaded),
        ("completions", "content_filter", RequestRejected),
        ("completions", "load", ProtocolViolation),
        ("mistral-fim", "error", Overloaded),
        ("llama-infill", "none", ProtocolViolation),
    ],
)
async def test_bad_endings(backend: RemoteBackend, api: Api, reason: str, error: type[BackendError]) -> None:
    """An answer that its server gave up, or ended for a reason that nobody knows, is no answer."""
    async with scripted_server(pieces(api, " a", finish=reason)) as server:
        outcome = await run(backend, far(server.url, api), replace(PROMPT, prefix="f("))
    assert type(outcome.error) is error
