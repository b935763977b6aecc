"""Against llama.cpp's own HTTP server, which nobody here wrote: real streams of the default model in all formats."""

from collections.abc import AsyncIterator, Iterator

import pytest

from support.asking import said
from support.child_server import child_server
from support.real_model import real_model_path
from turnout.core.backends import Delta, Done
from turnout.core.models import Api, Model
from turnout.core.prompts import ChatPrompt, Message
from turnout.errors import RequestRejected
from turnout.remote import RemoteBackend

pytestmark = pytest.mark.real_model

every_format = pytest.mark.parametrize("api", ["anthropic", "openai-chat", "openai-responses"])


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """One server for all tests here."""
    with child_server("llama_server.py", real_model_path()) as base:
        yield base


@pytest.fixture
async def backend() -> AsyncIterator[RemoteBackend]:
    """A backend with the patience that a busy machine needs."""
    made = RemoteBackend(lambda _: None, stall_timeout_s=300.0)
    yield made
    await made.close()


def model(url: str, api: Api) -> Model:
    return Model("house", api, "qwen", base_url=f"{url}/v1")


async def ask(backend: RemoteBackend, url: str, api: Api, prompt: ChatPrompt) -> tuple[str, Done]:
    """All of one stream."""
    text = ""
    async for item in said(backend.stream(model(url, api), prompt)):
        if isinstance(item, Done):
            return text, item
        text += item.text
    raise AssertionError("no outcome")


def prompt(text: str, max_tokens: int) -> ChatPrompt:
    return ChatPrompt(
        (Message("system", "Answer in one word."), Message("user", text)), max_tokens=max_tokens
    )


@every_format
async def test_answer(backend: RemoteBackend, url: str, api: Api) -> None:
    """An answer has text, its own ending, the server's count of tokens and the time of its first token."""
    text, done = await ask(backend, url, api, prompt("Which language has the keyword `def`?", 32))
    assert "python" in text.lower()
    assert done.finish == "stop"
    assert done.usage.input > done.usage.output > 0
    assert not done.usage.estimated
    assert done.timings.first_token is not None


@every_format
async def test_length(backend: RemoteBackend, url: str, api: Api) -> None:
    """An answer that hits its limit says so."""
    _, done = await ask(backend, url, api, prompt("Count from one to a hundred.", 2))
    assert (done.finish, done.usage.output) == ("length", 2)


@every_format
async def test_cached(backend: RemoteBackend, url: str, api: Api) -> None:
    """Tokens that the server had already evaluated are counted as part of the input, and as cached."""
    await ask(backend, url, api, prompt("Name a colour.", 1))
    _, done = await ask(backend, url, api, prompt("Name a colour.", 1))
    assert 0 < done.usage.cached < done.usage.input


@every_format
async def test_closing_midway(backend: RemoteBackend, url: str, api: Api) -> None:
    """Closing a long answer frees the server for the next one."""
    for _ in range(3):  # more often than the server has slots
        stream = said(backend.stream(model(url, api), prompt("Write a very long story.", 4000)))
        assert isinstance(await anext(stream), Delta)
        await stream.aclose()
    text, _ = await ask(backend, url, api, prompt("Say hello.", 8))
    assert text


@every_format
async def test_too_long(backend: RemoteBackend, url: str, api: Api) -> None:
    """A prompt beyond the context is refused with the server's own figures and what to do."""
    with pytest.raises(RequestRejected, match="exceed") as caught:
        await ask(backend, url, api, prompt("word " * 20_000, 8))
    assert "larger context" in caught.value.advice
