"""Where keys come from: read at the moment of need, never on the event loop where that may take long."""

import threading

import pytest

from support.provider import openai_answer
from support.scripted_server import scripted_server
from turnout.core.backends import Done
from turnout.core.models import Model
from turnout.core.prompts import ChatPrompt, Message
from turnout.errors import KeyMissing
from turnout.remote import RemoteBackend


@pytest.mark.parametrize(("reference", "elsewhere"), [("keyring:house", True), ("env:HOUSE_KEY", False)])
async def test_read_on_a_thread(reference: str, elsewhere: bool) -> None:
    """A keyring is read on a thread: unlocking it may take as long as its user takes."""
    threads = []

    def resolve(asked: str) -> str:
        assert asked == reference
        threads.append(threading.current_thread())
        return "sk-1"

    async with scripted_server(openai_answer("yes")) as server:
        model = Model("house", "openai-chat", "m", base_url=f"{server.url}/v1", key=reference)
        backend = RemoteBackend(resolve)
        items = [item async for item in backend.stream(model, ChatPrompt((Message("user", "?"),)))]
        await backend.close()
    assert isinstance(items[-1], Done)
    assert server.requests[0].headers["authorization"] == "Bearer sk-1"
    assert (threads[0] is not threading.main_thread()) is elsewhere


@pytest.mark.parametrize("key", [None, "", "  ", "a b", "ä", "x\ny"])
async def test_no_usable_key(key: str | None) -> None:
    """Without a usable key nothing is sent, and the message names the reference and not the key."""
    async with scripted_server(b"") as server:
        model = Model("house", "openai-chat", "m", base_url=f"{server.url}/v1", key="keyring:house")
        backend = RemoteBackend(lambda _: key)
        with pytest.raises(KeyMissing, match="keyring:house") as caught:
            async for _ in backend.stream(model, ChatPrompt((Message("user", "?"),))):
                pass
        await backend.close()
        assert not key or key.strip() == "" or key not in str(caught.value)
    assert server.connections == 0
