"""How answers that fill a hole end over real connections, whoever ends them, and what can go wrong before that."""

import json
from contextlib import aclosing
from dataclasses import replace

import pytest

from support.asking import said
from support.hole_server import PROMPT, every_api, far, pieces, run, then_more
from support.scripted_server import LAST_CHUNK, STREAM_HEAD, answer, chunked, scripted_server
from support.streams import HOLES, Outcome, Recording, read
from turnout.core.backends import Delta, Done
from turnout.core.models import Api, Server, Usage
from turnout.errors import (
    BackendError,
    OutOfCredit,
    Overloaded,
    ProtocolViolation,
    RateLimited,
    RequestRejected,
    StreamTruncated,
    Unauthorized,
)
from turnout.remote import RemoteBackend, completions


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
            async with aclosing(said(backend.stream(far(server.url, api), prompt))) as items:
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


def chunk(text: str = "", finish: str | None = None, **more: object) -> dict[str, object]:
    """A chunk of raw completions."""
    return {"choices": [{"index": 0, "text": text, "finish_reason": finish}], **more}


def usage(**more: object) -> dict[str, object]:
    return {"prompt_tokens": 9, "completion_tokens": 2, **more}


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        # vLLM and SGLang: usage in a last chunk without choices, cached tokens in its details.
        ([chunk("ab"), chunk(finish="stop"),
          {"choices": [], "usage": usage(prompt_tokens_details={"cached_tokens": 8})}], Usage(9, 2, 8)),
        ([chunk("ab"), chunk(finish="stop"),
          {"choices": [], "usage": usage(prompt_tokens_details=None)}], Usage(9, 2)),
        # TabbyAPI: usage in every chunk, beside its choices.
        ([chunk("ab", usage=usage()), chunk(finish="stop", usage=usage())], Usage(9, 2)),
        # LM Studio: an empty choice after the end; Ollama: its own finish in the chunk with the last text.
        ([chunk("ab", "stop"), chunk(), {"choices": [], "usage": usage()}], Usage(9, 2)),
        ([chunk("ab", "stop")], Usage(11, 1, estimated=True)),
        # Ollama, where the model fails in the middle: an empty chunk, and neither an end nor a word about it.
        ([chunk("ab"), chunk()], StreamTruncated),
        ([chunk("ab"), chunk(), "[DONE]"], StreamTruncated),
        # TabbyAPI and vLLM report such a failure as an event inside the 200.
        ([chunk("ab"), {"error": {"message": "aborted", "trace": None}}], Overloaded),
        ([chunk("ab"), {"object": "error", "message": "engine dead", "code": 500}], Overloaded),
    ],
)  # fmt: skip
def test_servers(events: list[object], expected: Usage | type[BackendError]) -> None:
    """Each server ends its streams in its own way; each way has one meaning."""
    lines = [item if isinstance(item, str) else json.dumps(item) for item in events]
    outcome = read(completions.FORMAT, [f"data: {line}\n\n".encode() for line in lines])
    assert outcome.text == "ab"
    if isinstance(expected, Usage):
        assert outcome.done == Done("stop", expected)
    else:
        assert isinstance(outcome.error, expected)


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
