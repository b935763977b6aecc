"""A refactor with tools over each wire format: turns are cleared, tools come back whole, faults are errors."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from support.act_kit import MemoryWorkspace, OutlookByRoute
from support.dispatch_kit import Around, Pauses, route
from support.repository import MemoryRepository
from support.scripted_server import ScriptedServer, answer, scripted_server
from support.secrets import TOKENS
from support.tool_server import Wire, anthropic_call, chat_call, cut, responses_call
from turnout import syntax
from turnout.act.gathering.scope import Request
from turnout.act.refactor import propose
from turnout.act.seams import Seams
from turnout.core.models import Api, Model
from turnout.core.requests import Kind, Route
from turnout.dispatch import Dispatcher, Patience
from turnout.errors import BackendError, RouteError, StreamTruncated
from turnout.remote import RemoteBackend

SECRET = TOKENS["GitHub"]
FILES = {
    "shapes.py": "def area(w, h):\n    return w * h\n",
    "far.py": f"TOKEN = '{SECRET}'\nSIZE = 1\n",
}
HERE = Request("Rename it to size.", scope=("file:///w/shapes.py",))
EDIT = {
    "summary": "x",
    "edits": [{"path": "shapes.py", "search": "def area(w, h):", "replace": "def size(w, h):"}],
    "done": True,
}

WIRES: list[tuple[Api, Wire]] = [
    ("openai-chat", chat_call),
    ("anthropic", anthropic_call),
    ("openai-responses", responses_call),
]


class Outlook(OutlookByRoute):
    """The route is always the same model."""

    def __init__(self, model: Model) -> None:
        self._model = model

    def route(self, kind: Kind, uris: tuple[str, ...], input_tokens: int) -> Route:
        return Route(kind, (self._model,), (), "test")

    def ms_per_token(self, model: Model) -> float | None:
        return None


@asynccontextmanager
async def working(api: Api, *answers: bytes) -> AsyncIterator[tuple[Seams, ScriptedServer, Around]]:
    """Seams down to a server that gives `answers`."""
    async with scripted_server(*answers) as server:
        model = Model(
            "far", api, "m", base_url=server.url, leaves_machine=True, context_tokens=99_000, tools=True
        )
        backend = RemoteBackend(lambda _reference: None)
        around = Around(route(model))
        patience = Patience(Pauses().sleep, lambda: 0.0)
        dispatcher = Dispatcher(around, {api: backend}, around, around, patience=patience)
        workspace = MemoryWorkspace(FILES)
        try:
            yield (
                Seams(
                    dispatcher.operation(), workspace, syntax,
                    outlook=Outlook(model), repository=MemoryRepository(FILES),
                ),
                server,
                around,
            )  # fmt: skip
        finally:
            await backend.close()


@pytest.mark.parametrize(("api", "wire"), WIRES)
async def test_a_refactor_in_turns(api: Api, wire: Wire) -> None:
    """Two turns: the second body holds the call and its answer without its secrets; both turns leave receipts."""
    answers = wire("read_file", {"path": "far.py"}), wire("propose_edits", EDIT)
    async with working(api, *answers) as (seams, server, around):
        proposal = await propose(HERE, seams)
    assert ["".join(change.after) for change in proposal.changes] == ["def size(w, h):\n    return w * h\n"]
    first, second = (json.loads(request.body) for request in server.requests)
    assert {tool.get("name") or tool["function"]["name"] for tool in first["tools"]} >= {
        "read_file",
        "propose_edits",
    }
    text = json.dumps(second)
    assert "SIZE = 1" in text
    assert "read_file" in text
    assert SECRET not in text
    assert proposal.receipt.redacted == (("GitHub token", 1),) or around.receipts[1].redacted
    assert [len(found.files) for found in around.receipts] == [1, 2]
    assert proposal.receipt.tokens_in == 200


@pytest.mark.parametrize(("api", "wire"), WIRES)
async def test_a_stream_that_is_cut(api: Api, wire: Wire) -> None:
    """Half a call is no call: without a change the refactor fails, and nothing is proposed."""
    async with working(api, cut(wire("propose_edits", EDIT))) as (seams, _, around):
        with pytest.raises(BackendError) as caught:
            await propose(HERE, seams)
    assert isinstance(caught.value, StreamTruncated | BackendError)
    assert all(found.outcome.startswith("failed") for found in around.receipts)


@pytest.mark.parametrize(("api", "wire"), WIRES)
async def test_a_tool_that_was_not_offered(api: Api, wire: Wire) -> None:
    """A call of an unknown tool is said to the model, which gets another turn."""
    async with working(api, wire("shell", {"command": "id"}), wire("propose_edits", EDIT)) as (
        seams,
        server,
        _,
    ):
        proposal = await propose(HERE, seams)
    assert [change.path for change in proposal.changes] == ["shapes.py"]
    assert b"a tool that it was not given" in server.requests[-1].body


@pytest.mark.parametrize(("listed", "taken_over"), [({"folder": ""}, False), ({"folder": "none"}, True)])
async def test_names_that_one_model_listed_reach_no_other_that_may_not_have_the_files(
    listed: dict[str, str], taken_over: bool
) -> None:
    """Where the model on this machine breaks off, the next one is sent nothing at all, and the reason is said."""
    busy = answer(503, b"{}")
    turn = chat_call("list_files", listed)
    async with (
        scripted_server(turn, busy, busy, busy) as here,
        scripted_server(chat_call("propose_edits", EDIT)) as away,
    ):
        near, far = (
            Model(
                name,
                "openai-chat",
                "m",
                base_url=server.url,
                leaves_machine=leaves,
                context_tokens=99_000,
                tools=True,
            )
            for name, server, leaves in (("near", here, False), ("far", away, True))
        )
        backend = RemoteBackend(lambda _reference: None)
        around = Around(route(near, far))
        dispatcher = Dispatcher(
            around, {"openai-chat": backend}, around, around, patience=Patience(Pauses().sleep, lambda: 0.0)
        )
        seams = Seams(dispatcher.operation(), MemoryWorkspace(FILES), syntax, outlook=Keeping(near, far))
        try:
            if taken_over:
                await propose(HERE, seams)
            else:
                with pytest.raises(RouteError, match="Names were listed of files that are kept from far"):
                    await propose(HERE, seams)
        finally:
            await backend.close()
    assert len(away.requests) == taken_over
    assert not any(b"far.py" in request.body for request in away.requests)


class Keeping(OutlookByRoute):
    """One model may have everything, the other all but far.py."""

    def __init__(self, near: Model, far: Model) -> None:
        self._models = (near, far)

    def route(self, kind: Kind, uris: tuple[str, ...], input_tokens: int) -> Route:
        kept = any(uri.endswith("far.py") for uri in uris)
        return Route(kind, self._models[:1] if kept else self._models, (), "test")
