"""Against the LiteLLM proxy, the gateway that many teams have: `make peers` installs it and runs this."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from support.asking import ask, said
from support.child_server import child_server
from turnout.core.backends import Delta
from turnout.core.models import Model
from turnout.core.prompts import ChatPrompt, Message
from turnout.errors import BackendError, Overloaded, RateLimited, RequestRejected, Unauthorized
from turnout.remote import RemoteBackend

LITELLM = os.environ.get("TURNOUT_TEST_LITELLM", "")
pytestmark = pytest.mark.skipif(not LITELLM, reason="`make peers` installs the LiteLLM proxy and runs this")

KEY = "sk-of-a-test-0123456789abcdef0123456789abcdef"
PROMPT = ChatPrompt((Message("system", "Be brief."), Message("user", "Hé 🚃")), tags=("kind:fix",))
TEXT = "naïve 🚃 → é, one after the other"


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the proxy writes what it has spent."""
    return tmp_path_factory.mktemp("litellm") / "spend.jsonl"


@pytest.fixture(scope="module")
def url(records: Path) -> Iterator[str]:
    """One proxy for all tests here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPEND", str(records))
        with child_server(
            "litellm_server.py", LITELLM, str(Path(__file__).parent / "litellm" / "config.yaml")
        ) as base:
            yield base


@pytest.fixture
async def backend() -> AsyncIterator[RemoteBackend]:
    """A backend that knows the proxy's key and a wrong one."""
    made = RemoteBackend({"env:KEY": KEY, "env:WRONG": "sk-wrong"}.get)
    yield made
    await made.close()


def far(url: str, name: str, key: str = "env:KEY") -> Model:
    return Model("house", "openai-chat", name, base_url=f"{url}/v1", key=key, server="litellm")


async def test_chat(backend: RemoteBackend, url: str) -> None:
    """An answer arrives whole, with the gateway's count of tokens and its own figure of the cost."""
    text, done = await ask(backend, far(url, "house"), PROMPT)
    assert (text, done.finish) == (TEXT, "stop")
    assert done.usage.input > 0
    assert done.usage.output > 0
    assert not done.usage.estimated
    assert done.usage.cost_usd is not None
    assert done.usage.cost_usd > 0


async def test_spend_is_tagged(backend: RemoteBackend, url: str, records: Path) -> None:
    """The gateway books a request under the kind that it was for, at the cost that it tells us."""
    _, done = await ask(backend, far(url, "house"), ChatPrompt(PROMPT.messages, tags=("kind:refactor",)))
    entry = await recorded(records, "kind:refactor")
    assert entry["model_group"] == "house"
    assert entry["response_cost"] == done.usage.cost_usd


async def recorded(records: Path, tag: str) -> dict[str, object]:
    """The record with `tag`, which the gateway writes soon after its answer."""
    async with asyncio.timeout(60):
        while not (found := booked(records, tag)):  # noqa: ASYNC110  # the other process tells by a file only
            await asyncio.sleep(0.05)
    return found[0]


def booked(records: Path, tag: str) -> list[dict[str, Any]]:
    entries = [json.loads(line) for line in records.read_text().splitlines()] if records.exists() else []
    return [entry for entry in entries if tag in entry["request_tags"]]


@pytest.mark.parametrize(
    ("name", "key", "error", "remedy", "words", "advice"),
    [
        ("limited", "env:KEY", RateLimited, "retry", "rate limit", "Wait"),
        ("overflowing", "env:KEY", RequestRejected, "fall_back", "ContextWindowExceeded", "larger context"),
        ("broken", "env:KEY", Overloaded, "retry", "mock internal server error", "Try again later"),
        ("nosuch", "env:KEY", RequestRejected, "fall_back", "model=nosuch", "Check `model`"),
        ("house", "env:WRONG", Unauthorized, "stop", "answered 400", "`env:WRONG`"),
    ],
)
async def test_errors(
    backend: RemoteBackend,
    url: str,
    name: str,
    key: str,
    error: type[BackendError],
    remedy: str,
    words: str,
    advice: str,
) -> None:
    """What the gateway refuses, of its own or from behind it, is the error that it stands for."""
    with pytest.raises(error) as caught:
        await ask(backend, far(url, name, key), PROMPT)
    assert (type(caught.value), caught.value.remedy) == (error, remedy)
    assert words in caught.value.message
    assert advice in caught.value.advice


async def test_closing_midway(backend: RemoteBackend, url: str) -> None:
    """Closing a stream midway hangs up, and the next request finds everything in order."""
    stream = said(backend.stream(far(url, "house"), PROMPT))
    assert isinstance(await anext(stream), Delta)
    await stream.aclose()
    assert (await ask(backend, far(url, "house"), PROMPT))[0] == TEXT
