"""Holes filled by llama.cpp's own HTTP server, which nobody here wrote, with the default model."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import pytest

from support.asking import ask, said
from support.child_server import child_server
from support.real_model import real_model_path
from turnout.core.backends import Delta
from turnout.core.fim.layout import Window
from turnout.core.models import Api, Model
from turnout.core.prompts import FimPrompt
from turnout.errors import RequestRejected
from turnout.remote import RemoteBackend

pytestmark = pytest.mark.real_model

PREFIX = '''import math


def area(radius):
    """Area of a circle."""
    return math.pi * radius ** 2


def circumference(radius):
    """Circumference of a circle."""
'''
PROMPT = FimPrompt("file:///a.py", "a.py", f"{PREFIX}    ret", "\n\n\nprint(area(2))\n", max_tokens=24)
both_apis = pytest.mark.parametrize("api", ["completions", "llama-infill"])


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
    return Model("house", api, "qwen2.5-coder-0.5b", base_url=url, server="llama-server", context_tokens=8192)


async def test_word(backend: RemoteBackend, url: str) -> None:
    """The answer goes on in the middle of the word at the cursor, and ends with the line."""
    text, done = await ask(backend, model(url, "completions"), PROMPT)
    assert text.startswith("urn ")
    assert "radius" in text
    assert "\n" not in text
    assert done.finish == "stop"
    assert not done.usage.estimated
    assert done.timings.first_token is not None


@both_apis
async def test_length(backend: RemoteBackend, url: str, api: Api) -> None:
    """An answer that hits its limit says so."""
    _, done = await ask(
        backend, model(url, api), replace(PROMPT, prefix=f"{PREFIX}    return (", shape="block", max_tokens=2)
    )
    assert (done.finish, done.usage.output) == ("length", 2)


async def test_typing(backend: RemoteBackend, url: str) -> None:
    """A typed letter costs the server a few tokens, not the text after the cursor."""
    house = model(url, "completions")
    line = "    return 2 * math.pi * rad"
    for end in range(len(line) - 6, len(line) + 1):
        _, done = await ask(backend, house, replace(PROMPT, prefix=PREFIX + line[:end], max_tokens=4))
    assert done.usage.input - done.usage.cached <= 5


async def test_mere_characters(backend: RemoteBackend, url: str) -> None:
    """llama-server reads the name of a special token in the text of `/infill` as characters, as is relied upon."""
    house = model(url, "llama-infill")
    counts = []
    for text in ("a", "<|fim_middle|>"):
        _, done = await ask(backend, house, replace(PROMPT, prefix=f"x = {text}", max_tokens=1))
        counts.append(done.usage.input)
    assert counts[1] - counts[0] >= 4


async def test_special_names(backend: RemoteBackend, url: str) -> None:
    """Raw completions are the same with and without text before a special token's name, which is not sent."""
    house = model(url, "completions")
    whole, kept = (
        replace(PROMPT, prefix=prefix + PROMPT.prefix, document=prefix)
        for prefix in ("a<|im_end|>", "|im_end|>")
    )
    (one, first), (other, second) = await ask(backend, house, whole), await ask(backend, house, kept)
    assert (one, first.usage.input) == (other, second.usage.input)


@both_apis
async def test_closing_midway(backend: RemoteBackend, url: str, api: Api) -> None:
    """Closing a long answer frees the server for the next one."""
    endless = replace(PROMPT, prefix="x = [", suffix="", shape="block", max_tokens=4000)
    for _ in range(3):  # more often than the server has slots
        stream = said(backend.stream(model(url, api), endless))
        assert isinstance(await anext(stream), Delta)
        await stream.aclose()
    text, _ = await ask(backend, model(url, "completions"), PROMPT)
    assert text


async def test_too_long(backend: RemoteBackend, url: str) -> None:
    """A prompt beyond the server's context is refused with the server's own figures and what to do."""
    house = replace(model(url, "completions"), context_tokens=100_000)
    prompt = replace(
        PROMPT, prefix="\U0001f683\U0001f6a4" * 4000, suffix="\U0001f683" * 2000, window=Window(8000, 2000, 0)
    )
    with pytest.raises(RequestRejected, match="exceed"):
        await ask(backend, house, prompt)
