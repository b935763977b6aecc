"""Against llmock, a provider that others wrote: it breaks streams on demand and judges how we take it."""

import json
from collections.abc import AsyncIterator

import httpx
import pytest

from support.asking import said
from support.llmock import plan
from turnout.core.backends import Delta, Done
from turnout.core.models import Api, Model
from turnout.core.prompts import ChatPrompt, Message, Tool
from turnout.errors import (
    BackendError,
    DeadlineExceeded,
    Overloaded,
    ProtocolViolation,
    RateLimited,
    RequestRejected,
    StreamTruncated,
    Unauthorized,
)
from turnout.remote import RemoteBackend

PROMPT = ChatPrompt((Message("user", "Say something of a few words."),))
REPLY = {"type": "reply", "text": "naïve words, one after the other"}
LONG_REPLY = {"type": "reply", "text": "word " * 300}
BASES: dict[Api, str] = {"anthropic": "/anthropic", "openai-chat": "/v1", "openai-responses": "/v1"}
TOOL = Tool("weather", "Tells the weather.", '{"type": "object", "properties": {"city": {"type": "string"}}}')
WITH_TOOLS = ChatPrompt(PROMPT.messages, tools=(TOOL,))

every_format = pytest.mark.parametrize("api", list(BASES))


@pytest.fixture
async def backend() -> AsyncIterator[RemoteBackend]:
    """A backend with a key that llmock takes."""
    made = RemoteBackend(lambda _: "any")
    yield made
    await made.close()


@pytest.fixture
async def hasty() -> AsyncIterator[RemoteBackend]:
    """A backend that does not wait long for output."""
    made = RemoteBackend(lambda _: "any", stall_timeout_s=0.3)
    yield made
    await made.close()


async def ask(backend: RemoteBackend, llmock: str, api: Api, prompt: ChatPrompt = PROMPT) -> tuple[str, Done]:
    """All of one stream."""
    text, model = "", Model("far", api, "m-1", base_url=llmock + BASES[api], key="env:KEY")
    async for item in said(backend.stream(model, prompt)):
        if isinstance(item, Done):
            return text, item
        text += item.text
    raise AssertionError("no outcome")


async def requests(control: httpx.AsyncClient) -> int:
    """How many requests there were, once all of them are over."""
    return int((await control.get("/_llmock/requests")).json()["count"])


async def verdict(control: httpx.AsyncClient) -> dict[str, object]:
    found: dict[str, object] = (await control.get("/_llmock/verdict")).json()
    return found


@every_format
async def test_answer(control: httpx.AsyncClient, backend: RemoteBackend, llmock: str, api: Api) -> None:
    """A whole answer arrives with the usage that llmock counted."""
    await plan(control, REPLY)
    text, done = await ask(backend, llmock, api)
    assert text == REPLY["text"]
    assert done.finish == "stop"
    assert done.usage.output > 0
    assert not done.usage.estimated


@every_format
@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ({"kind": "disconnect"}, StreamTruncated),
        ({"kind": "truncate"}, StreamTruncated),
        ({"kind": "malformed"}, ProtocolViolation),
        ({"kind": "stall", "stall_seconds": 60}, DeadlineExceeded),
    ],
    ids=lambda value: value.get("kind") if isinstance(value, dict) else None,
)
@pytest.mark.parametrize("after", [0, 4])
async def test_broken_stream(
    control: httpx.AsyncClient,
    backend: RemoteBackend,
    hasty: RemoteBackend,
    llmock: str,
    api: Api,
    fault: dict[str, object],
    error: type[BackendError],
    after: int,
) -> None:
    """A broken stream is its error, asking again as a route does succeeds, and llmock finds nothing to blame."""
    await plan(control, {"type": "stream_fault", "after_chunks": after, **fault}, LONG_REPLY, REPLY)
    with pytest.raises(error):
        await ask(hasty if error is DeadlineExceeded else backend, llmock, api)
    assert await requests(control) == 1
    text, _ = await ask(backend, llmock, api)
    assert text == REPLY["text"]
    found = await verdict(control)
    assert (found["passed"], found["findings"]) == (True, [])


@every_format
@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, RequestRejected),
        (401, Unauthorized),
        (403, Unauthorized),
        (404, RequestRejected),
        (422, RequestRejected),
        (429, RateLimited),
        (500, Overloaded),
        (503, Overloaded),
        (529, Overloaded),
    ],
)
async def test_refusal(
    control: httpx.AsyncClient,
    backend: RemoteBackend,
    llmock: str,
    api: Api,
    status: int,
    error: type[BackendError],
) -> None:
    """A refusal is its error, with the wish to wait where there is one, and is not sent again unasked."""
    await plan(control, {"type": "fail", "status": status, "retry_after": 7})
    with pytest.raises(error) as caught:
        await ask(backend, llmock, api)
    if isinstance(caught.value, RateLimited):
        assert caught.value.retry_after_s == 7.0
    found = await verdict(control)
    assert found["passed"], found
    assert await requests(control) == 1


@every_format
async def test_closing_midway(
    control: httpx.AsyncClient, backend: RemoteBackend, llmock: str, api: Api
) -> None:
    """Closing a stream midway hangs up, and the next request finds everything in order."""
    await plan(control, {**REPLY, "times": 2})
    model = Model("far", api, "m-1", base_url=llmock + BASES[api], key="env:KEY")
    stream = said(backend.stream(model, PROMPT))
    assert isinstance(await anext(stream), Delta)
    await stream.aclose()
    assert (await ask(backend, llmock, api))[0] == REPLY["text"]


@every_format
async def test_tool_calls(control: httpx.AsyncClient, backend: RemoteBackend, llmock: str, api: Api) -> None:
    """Tools that llmock calls arrive whole, with text before them, and with what they were asked."""
    city = {"city": "Málaga 🚃"}
    calls = [{"name": "weather", "arguments": city}, {"name": "weather", "arguments": {}}]
    await plan(control, {"type": "reply", "text": "Let me see.", "tool_calls": calls})
    text, done = await ask(backend, llmock, api, WITH_TOOLS)
    assert (text, done.finish) == ("Let me see.", "stop")
    assert [(call.name, json.loads(call.arguments)) for call in done.calls] == [
        ("weather", city),
        ("weather", {}),
    ]
    assert len({call.id for call in done.calls}) == 2


@every_format
@pytest.mark.parametrize(
    ("kind", "words"),
    [("malformed_arguments", "not a JSON object"), ("unknown_tool", "a tool that it was not given")],
)
async def test_broken_tool_calls(
    control: httpx.AsyncClient, backend: RemoteBackend, llmock: str, api: Api, kind: str, words: str
) -> None:
    """A call with arguments that are no JSON, or of a tool that was not offered, is an error."""
    await plan(control, {"type": "tool_fault", "kind": kind})
    with pytest.raises(ProtocolViolation, match=words):
        await ask(backend, llmock, api, WITH_TOOLS)
    assert (await verdict(control))["passed"]


@every_format
@pytest.mark.parametrize(("kind", "after"), [("disconnect", 3), ("truncate", 3), ("disconnect", 5)])
async def test_cut_tool_call(
    control: httpx.AsyncClient, backend: RemoteBackend, llmock: str, api: Api, kind: str, after: int
) -> None:
    """A stream that breaks in or around a call gives no call, also where what came until then would pass for one."""
    calls = [{"name": "weather", "arguments": {"city": "Rome " * 50}}] * 3
    await plan(
        control,
        {"type": "stream_fault", "kind": kind, "after_chunks": after},
        {"type": "reply", "tool_calls": calls, "times": 2},
    )
    with pytest.raises(StreamTruncated):
        await ask(backend, llmock, api, WITH_TOOLS)
    _, done = await ask(backend, llmock, api, WITH_TOOLS)
    assert len(done.calls) == 3
    assert (await verdict(control))["passed"]


@every_format
@pytest.mark.parametrize("wait", ["delay", "slow_first_token"])
async def test_slow(
    control: httpx.AsyncClient, backend: RemoteBackend, hasty: RemoteBackend, llmock: str, api: Api, wait: str
) -> None:
    """An answer that comes late is one for whoever waits, and an error for whoever does not."""
    await plan(control, {"type": wait, "seconds": 0.1}, REPLY)
    text, _ = await ask(backend, llmock, api)
    assert text == REPLY["text"]
    await plan(control, {"type": wait, "seconds": 2}, REPLY)
    with pytest.raises(DeadlineExceeded):
        await ask(hasty, llmock, api)
