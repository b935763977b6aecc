"""A key may take long to come: what the settings forbid by then is not sent, and not one byte leaves before."""

import asyncio
import threading
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from support.dispatch_kit import FILES, Around, route, setup
from support.ledger_kit import DAY
from support.provider import openai_answer
from support.scripted_server import ScriptedServer, scripted_server
from turnout.core.answers import Answer, Ask
from turnout.core.models import Model
from turnout.core.prompts import ChatPrompt, Message
from turnout.core.requests import Route
from turnout.dispatch import Dispatcher
from turnout.errors import DeadlineExceeded, RouteError, TurnoutError
from turnout.remote import RemoteBackend
from turnout.session.editor_keys import EditorKeys, WithEditorKeys

GUARD_S = 30.0
PROMPT = ChatPrompt((Message("user", "secret plans"),), max_tokens=10)


@dataclass
class Keyring:
    """A store that somebody has to unlock."""

    asked: asyncio.Event = field(default_factory=asyncio.Event)
    unlocked: threading.Event = field(default_factory=threading.Event)
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.get_running_loop)

    def resolve(self, _reference: str) -> str | None:
        """The key, once the store is open."""
        self.loop.call_soon_threadsafe(self.asked.set)
        assert self.unlocked.wait(GUARD_S)
        return "sk-1"


def far(server: ScriptedServer, key: str) -> Model:
    """A priced model elsewhere."""
    return Model(
        "far",
        "openai-chat",
        "m",
        base_url=f"{server.url}/v1",
        key=key,
        leaves_machine=True,
        jurisdiction="self-hosted",
        input_usd=1.0,
        output_usd=1.0,
    )


def over(around: Around, backend: Any, now: list[Route]) -> Dispatcher:
    """A dispatcher over `backend`, whose settings say `now`."""
    return setup(around, backend, permits=lambda *_: now[0])


async def ask(dispatcher: Dispatcher) -> Answer:
    """One request."""
    return await dispatcher.run(Ask("explain", FILES, lambda _model: PROMPT))


@pytest.mark.parametrize("limits", [(), (DAY,)], ids=["no budget", "budget"])
@pytest.mark.parametrize("then", ["forbidden", "changed", "ask", "block", "same"])
async def test_settings_that_change_while_a_keyring_is_opened(then: str, limits: Any) -> None:
    """The decision is made once more when everything is there: zero bytes reach a server that may have none by then."""
    async with scripted_server(openai_answer("yes")) as server:
        model, keyring = far(server, "keyring:far"), Keyring()
        before = route(model, kind="explain", limits=limits)
        changes: dict[str, dict[str, Any]] = {
            "forbidden": {"candidates": ()},
            "changed": {"candidates": (replace(model, base_url="http://127.0.0.1:9/v1"),)},
            "ask": {"ask_before_leaving": True},
            "block": {"secrets": "block"},
            "same": {},
        }
        around, now, backend = Around(before), [before], RemoteBackend(keyring.resolve)
        asking = asyncio.create_task(ask(over(around, backend, now)))
        try:
            async with asyncio.timeout(GUARD_S):
                await keyring.asked.wait()
                now[0] = replace(before, **changes[then])
                keyring.unlocked.set()
                if then == "same":
                    assert (await asking).text == "yes"
                else:
                    with pytest.raises(RouteError, match="settings changed meanwhile"):
                        await asking
        finally:
            keyring.unlocked.set()
            await backend.close()
        assert (server.connections > 0) is (then == "same")
    [receipt] = around.receipts
    assert (receipt.leaves_machine, receipt.bytes_sent > 0, receipt.sends != ()) == (then == "same",) * 3
    assert (receipt.cost_usd == 0) is (then != "same")


async def test_settings_that_change_while_the_editor_is_asked_for_a_key() -> None:
    """So it is with keys that the editor keeps, which it may ask its user for."""
    asked, given = asyncio.Event(), asyncio.Event()

    async def api_key(_endpoint: str) -> str | None:
        asked.set()
        await given.wait()
        return "sk-1"

    async with scripted_server(openai_answer("yes")) as server:
        model = far(server, f"editor:{server.url}/v1")
        before = route(model, kind="explain")
        keys = EditorKeys(api_key, lambda _: None, on_answer=lambda: None)
        keys.fetch([model])
        around, now, backend = Around(before), [before], RemoteBackend(keys.resolve)
        asking = asyncio.create_task(ask(over(around, WithEditorKeys(backend, keys), now)))
        async with asyncio.timeout(GUARD_S):
            await asked.wait()
            now[0] = replace(before, candidates=())
            given.set()
            with pytest.raises(RouteError, match="settings changed meanwhile"):
                await asking
        await keys.close()
        await backend.close()
        assert server.connections == 0


async def test_who_gives_up_while_a_key_is_awaited_has_sent_nothing() -> None:
    """Neither the receipt nor the budget says otherwise."""
    async with scripted_server(openai_answer("yes")) as server:
        keyring = Keyring()
        before = route(far(server, "keyring:far"), kind="explain", deadline_ms=50, limits=(DAY,))
        around, backend = Around(before), RemoteBackend(keyring.resolve)
        try:
            with pytest.raises(TurnoutError) as caught:
                await ask(over(around, backend, [before]))
        finally:
            keyring.unlocked.set()
            await backend.close()
        assert isinstance(caught.value, DeadlineExceeded)
        assert server.connections == 0
    [receipt] = around.receipts
    assert (receipt.leaves_machine, receipt.bytes_sent, receipt.cost_usd, receipt.sends) == (False, 0, 0, ())
