"""Settings that are tightened while a refactor is under way: what may be heard is asked for every turn and every send.

The servers are on loopback and told to count as elsewhere; they record every request. The one that is asked first
tightens the settings before it answers the request that may still have what they are about.
"""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import pytest_asyncio

from support.act_kit import MemoryWorkspace
from support.dispatch_kit import Pauses
from support.provider import openai_answer
from support.scripted_server import Exchange, ScriptedServer, answer, scripted_server
from support.settings_kit import SettingsKit
from support.tool_server import chat_call
from turnout import syntax
from turnout.act.gathering.scope import Request
from turnout.act.proposals import Check
from turnout.act.refactor import propose
from turnout.act.seams import Seams
from turnout.core import routing
from turnout.core.edits.changes import FileChange
from turnout.core.models import Model
from turnout.core.policy import Policy
from turnout.core.receipts import Receipt
from turnout.core.requests import Kind, Route
from turnout.core.routing import RouteRequest
from turnout.dispatch import Consent, Dispatcher, Overspend, Patience
from turnout.errors import TurnoutError
from turnout.remote import RemoteBackend
from turnout.session.outlook import RecentOutlook

pytestmark = pytest.mark.asyncio(loop_scope="module")

ROOT, BODY = "file:///w/", "HIDDENBODY"
FILES = {"a.py": "def f():\n    return 1\n", "hidden.py": f"x = '{BODY}'\n"}
EDITED = "a.py\n```python\n<<<<<<< SEARCH\n    return 1\n=======\n    return 2\n>>>>>>> REPLACE\n```\n"
PROPOSED = chat_call(
    "propose_edits",
    {"summary": "s", "edits": [{"path": "a.py", "search": "    return 1", "replace": "    return 2"}]},
)
LISTED = chat_call("list_files", {"folder": ""})
BUSY = answer(503, b'{"error":{"message":"busy"}}', "application/json", "retry-after-ms: 1")
BROKEN = answer(500, b'{"error":{"message":"no"}}')

WAYS: dict[str, tuple[bool, bytes, bytes, str]] = {
    "checks of a model with tools": (True, PROPOSED, chat_call("run_checks", {}), BODY),
    "checks of a model without tools": (
        False,
        openai_answer(EDITED),
        openai_answer(EDITED.replace("return 2", "return 3")),
        BODY,
    ),
    "names that were listed": (True, LISTED, LISTED, "hidden.py"),
}
"""Whether the models call tools, the first answer, the one after which there would be another turn, and what is
kept from hosted models from the second request on."""
HOPS: dict[str, tuple[str, bytes | None]] = {
    "turn": ("one", None),
    "retry": ("one", BUSY),
    "fallback": ("one two", BROKEN),
}
"""The models of the route, and the second answer where it is a failure."""


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def remote() -> AsyncIterator[RemoteBackend]:
    """The backend of all models."""
    backend = RemoteBackend(lambda _: None)
    yield backend
    await backend.close()


def settings(urls: Sequence[str], chain: str, *, tools: bool, local_only: str = "") -> str:
    """A user's settings with the models `one` and `two` elsewhere."""
    models = "".join(
        f"""
[models.{name}]
api = "openai-chat"
model = "m"
base_url = "{url}/v1"
leaves_machine = true
context_tokens = 64000
tools = {json.dumps(tools)}
"""
        for name, url in zip(("one", "two"), urls, strict=True)
    )
    privacy = f'[privacy]\nleaves_machine = "allow"\nlocal_only = [{local_only}]\n'
    return f"{models}\n[routes.refactor]\nmodels = {json.dumps(chain.split())}\n{privacy}"


@dataclass
class Settled:
    """What the settings say at the moment, and a user who is asked nothing."""

    policy: Policy

    def decide(self, kind: Kind, uris: tuple[str, ...], input_tokens: int, instruction: str = "") -> Route:
        """The decision by the settings as they are."""
        return routing.decide(self._request(kind, uris, input_tokens), self.policy)

    def readers(self, kind: Kind, uri: str) -> frozenset[Model]:
        """Who may have a file by the settings as they are."""
        return routing.readers(self._request(kind, (uri,), 0), self.policy)

    async def ready(self, kind: Kind, uris: tuple[str, ...]) -> None:
        """There is no disk here."""

    def _request(self, kind: Kind, uris: tuple[str, ...], input_tokens: int) -> RouteRequest:
        paths = tuple(uri.removeprefix(ROOT) for uri in uris)
        keys = frozenset(model.name for model in self.policy.models)
        return RouteRequest(kind, paths, "python", keys, input_tokens, 100)

    def remembered(self, model: Model, kind: Kind) -> bool | None:
        """Nobody is asked."""
        raise AssertionError

    async def may_leave(self, question: Consent) -> bool:
        """Nobody is asked."""
        raise AssertionError

    async def may_overspend(self, question: Overspend) -> bool:
        """Nobody is asked."""
        raise AssertionError

    def record(self, receipt: Receipt) -> None:
        """Nobody reads it."""


async def check(changes: Sequence[FileChange]) -> Sequence[Check]:
    """A check that prints another file, and what it is about."""
    return [Check("check", False, f"it says {FILES['hidden.py']} of {''.join(changes[0].after)}")]


def seams(settled: Settled, remote: RemoteBackend) -> Seams:
    """The parts of the server that a refactor meets on its way to a model."""
    patience = Patience(Pauses().sleep, lambda: 0.5)
    dispatcher = Dispatcher(
        settled,
        {"openai-chat": remote},
        settled,
        settled,
        patience=patience,
        permits=settled.decide,
        ready=settled.ready,
    )
    outlook = RecentOutlook(settled, lambda _count: [])
    return Seams(dispatcher.operation(), MemoryWorkspace(FILES), syntax, outlook=outlook, check=check)


@pytest.mark.parametrize("hop", HOPS)
@pytest.mark.parametrize("way", WAYS)
async def test_what_was_let_before_is_not_sent_any_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, remote: RemoteBackend, way: str, hop: str
) -> None:
    """Once a file is for this machine alone, neither the next turn nor a retry nor a fallback tells of it.

    The request before did, which shows that there was something to tell.
    """
    tools, first, again, kept = WAYS[way]
    chain, failure = HOPS[hop]
    kit = SettingsKit(tmp_path, monkeypatch)

    async def tightening(exchange: Exchange) -> None:
        tight = settings((one.url, two.url), chain, tools=tools, local_only='"hidden.py"')
        settled.policy = kit.load(tight).policy
        await exchange.send(failure or again)

    async with scripted_server(first, tightening, again) as one, scripted_server(again) as two:
        settled = Settled(kit.load(settings((one.url, two.url), chain, tools=tools)).policy)
        around = seams(settled, remote)
        if kept != BODY:
            around = replace(around, check=None)
        with suppress(TurnoutError):
            await propose(Request("Do it", scope=(f"{ROOT}a.py",)), around)
        assert [kept in text for text in bodies(one)] == [False, True]
        assert not two.requests


def bodies(server: ScriptedServer) -> list[str]:
    """What the server was sent, request by request."""
    return [request.body.decode() for request in server.requests]
