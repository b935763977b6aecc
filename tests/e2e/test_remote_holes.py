"""Ghost text from a server: asked about once, sent where the route says and nowhere else, and stopped with the request.

The server is on loopback and told to count as elsewhere; it counts connections, so that not a byte goes unseen.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from lsprotocol import types
from pygls.exceptions import JsonRpcException

from support.editor import Editor, editing
from support.hole_server import pieces, then_more
from support.home import Home
from support.scripted_server import Exchange, ScriptedServer, answer, scripted_server

TEXT = "def total(prices):\n    return sum(\n"
AT = len(TEXT) - 1
KEY = "sk-very-secret-0123456789"
SCRIPT = json.dumps({"fim": [{"prefix_ends": "sum(", "text": "right_here)"}]})


@pytest.fixture
async def server() -> AsyncIterator[ScriptedServer]:
    """A server of raw completions elsewhere."""
    async with scripted_server(pieces("completions", "far_", "away)")) as running:
        yield running


def settings(server: ScriptedServer, more: str = "", *, privacy: str = "") -> str:
    """A user's settings with the server in front of the model here, for ghost text."""
    return f"""
[models.team]
api = "completions"
model = "Qwen/Qwen2.5-Coder-7B"
base_url = "{server.url}/v1"
key = "env:FAR_KEY"
server = "vllm"
leaves_machine = true
jurisdiction = "US"
[routes.inline]
models = ["team", "near"]
{more}
[privacy]
{privacy}
"""


def session(home: Home, **options: Any) -> Any:
    """A session of a user who has the key."""
    return editing(home, options=options, TURNOUT_FAKE_SCRIPT=SCRIPT, FAR_KEY=KEY)


def will_answer(editor: Editor, title: str) -> None:
    """How the user answers the question, by the beginning of a button."""

    def choose(params: types.ShowMessageRequestParams) -> types.MessageActionItem | None:
        return next((a for a in params.actions or () if a.title.startswith(title)), None)

    editor.answers[types.WINDOW_SHOW_MESSAGE_REQUEST] = choose


async def receipts(editor: Editor) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await editor.request("turnout/receipts", {"count": 10}))["receipts"]
    return found


async def test_allowed(home: Home, server: ScriptedServer) -> None:
    """Where text may leave, ghost text comes from the server, and the receipt says where the text went."""
    home.configure(settings(server, privacy='leaves_machine = "allow"'))
    async with session(home) as editor:
        buffer = editor.open(home.uri("a.py"), TEXT)
        assert await editor.ghost(buffer, AT) == "far_away)"
        [receipt] = await receipts(editor)
    assert (receipt["model"], receipt["leavesMachine"], receipt["outcome"]) == ("team", True, "shown")
    assert receipt["files"][0]["uri"] == home.uri("a.py")
    [request] = server.requests
    assert request.line == "POST /v1/completions HTTP/1.1"
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert "<|fim_middle|>" in json.loads(request.body)["prompt"]


async def test_asked_once(home: Home, server: ScriptedServer) -> None:
    """By default the user is asked, once for all typing; until the answer ghost text comes from this machine."""
    home.configure(settings(server))
    async with session(home) as editor:
        will_answer(editor, "Send for this session")
        buffer = editor.open(home.uri("a.py"), TEXT)
        assert await editor.ghost(buffer, AT) == "right_here)"
        question = await editor.next(types.WINDOW_SHOW_MESSAGE_REQUEST)
        assert "while you type" in question.message
        assert "127.0.0.1" in question.message
        other = editor.open(home.uri("b.py"), TEXT)
        assert await editor.ghost(other, AT) == "far_away)"
        assert editor.drop(types.WINDOW_SHOW_MESSAGE_REQUEST) == []
    assert len(server.requests) == 1


async def test_refused_once(home: Home, server: ScriptedServer) -> None:
    """A no holds for all typing of the session: nothing is sent, and nothing asked again."""
    home.configure(settings(server))
    async with session(home) as editor:
        will_answer(editor, "Keep it here")
        for name in ("a.py", "b.py", "c.py"):
            buffer = editor.open(home.uri(name), TEXT)
            assert await editor.ghost(buffer, AT) == "right_here)"
        await editor.next(types.WINDOW_SHOW_MESSAGE_REQUEST)
        assert editor.drop(types.WINDOW_SHOW_MESSAGE_REQUEST) == []
    assert server.connections == 0


@pytest.mark.parametrize(
    ("privacy", "more"),
    [
        ('leaves_machine = "never"', ""),
        ('leaves_machine = "allow"', 'leaves_machine = "never"'),
        ('leaves_machine = "allow"\njurisdictions = ["DE"]', ""),
        ('leaves_machine = "allow"\nlocal_only = ["*.py"]', ""),
        ('leaves_machine = "allow"', '[[rules]]\npaths = ["*.py"]\nmodels = ["near"]'),
        ('leaves_machine = "allow"', "[budget]\nday_usd = 1.0"),
    ],
)
async def test_forbidden(home: Home, server: ScriptedServer, privacy: str, more: str) -> None:
    """Whatever forbids it, not one byte reaches the server, and ghost text comes from this machine."""
    home.configure(settings(server, more, privacy=privacy))
    async with session(home) as editor:
        buffer = editor.open(home.uri("a.py"), TEXT)
        assert await editor.ghost(buffer, AT) == "right_here)"
        [receipt] = await receipts(editor)
    assert (receipt["model"], receipt["leavesMachine"]) == ("near", False)
    assert server.connections == 0


async def test_never_read(home: Home, server: ScriptedServer) -> None:
    """A file that is never read is shown to no model, and the reason names the pattern."""
    home.configure(settings(server, privacy='leaves_machine = "allow"\nnever_read = ["*.py"]'))
    async with session(home) as editor:
        buffer = editor.open(home.uri("a.py"), TEXT)
        assert await editor.ghost(buffer, AT) is None
        assert "is never read (`*.py`)" in await editor.why(buffer)
    assert server.connections == 0


async def test_untrusted_workspace(home: Home, server: ScriptedServer) -> None:
    """A repository cannot move typing to a server, its own or the user's."""
    user = settings(server, privacy='leaves_machine = "allow"').replace("[routes.inline]", "[routes.explain]")
    home.configure(user)
    home.write(
        ".turnout.toml",
        f'[models.near]\napi = "completions"\nmodel = "qwen2.5-coder"\nbase_url = "{server.url}/v1"\n'
        '[routes.inline]\nmodels = ["team", "near"]\n',
    )
    async with session(home) as editor:
        buffer = editor.open(home.uri("a.py"), TEXT)
        assert await editor.ghost(buffer, AT) == "right_here)"
        editor.drop(types.WINDOW_SHOW_MESSAGE)
    assert server.connections == 0


@pytest.mark.parametrize(
    "script",
    [
        answer(401, b"{}"),
        answer(307, b"", "text/plain", "location: http://127.0.0.1:9/v1/completions"),
        answer(200, b"<html>", "text/html"),
        pieces("completions", "far_", finish=None),
        b"",
    ],
)
async def test_next_model(home: Home, script: bytes) -> None:
    """Where the server fails, the next model of the route completes, and what had arrived is not shown."""
    async with scripted_server(script) as server:
        home.configure(settings(server, privacy='leaves_machine = "allow"'))
        async with session(home) as editor:
            buffer = editor.open(home.uri("a.py"), TEXT)
            assert await editor.ghost(buffer, AT) == "right_here)"
        assert len(server.requests) == 1


async def test_cancelled(home: Home) -> None:
    """Cancelling a request closes its connection, so that the server stops."""
    asked = asyncio.Event()

    async def script(exchange: Exchange) -> None:
        asked.set()
        await then_more("completions", "far_")(exchange)

    async with scripted_server(script) as server:
        home.configure(settings(server, privacy='leaves_machine = "allow"'))
        async with session(home) as editor:
            buffer = editor.open(home.uri("a.py"), TEXT)
            asking = asyncio.create_task(editor.ghost(buffer, AT, id="typing"))
            await asked.wait()
            editor.cancel_request(types.CancelParams("typing"))
            with pytest.raises(JsonRpcException):
                await asking
            await server.closed.wait()
