"""What leaves the machine: nothing without the user's yes, nothing at all where a setting says so, and never a key.

The provider here is on loopback and told to count as elsewhere; it counts connections, so that not a byte goes unseen.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from lsprotocol import types
from pygls.exceptions import JsonRpcException, JsonRpcInternalError

from support.editor import Editor, editing
from support.home import Home
from support.provider import openai_answer
from support.scripted_server import ScriptedServer, answer, scripted_server

TEXT = "def total(prices):\n    return sum(prices)\n"
REMOTE, LOCAL = "It adds, far away.", "It adds, right here."
SCRIPT = json.dumps({"chat": [{"text": LOCAL}]})
KEY = "sk-very-secret-0123456789"


@pytest.fixture
async def server() -> AsyncIterator[ScriptedServer]:
    """A provider elsewhere."""
    async with scripted_server(openai_answer(REMOTE)) as running:
        yield running


def settings(server: ScriptedServer, privacy: str = "", chain: str = '"far", "near"', more: str = "") -> str:
    """A user's settings with a model elsewhere in front of the one here."""
    return f"""
[models.far]
api = "openai-chat"
model = "far-1"
base_url = "{server.url}/v1"
key = "env:FAR_KEY"
leaves_machine = true
jurisdiction = "US"
context_tokens = 32000
{more}
[routes.explain]
models = [{chain}]
[routes.document]
models = [{chain}]
[routes.refactor]
models = [{chain}]
[privacy]
{privacy}
"""


def session(home: Home, **options: Any) -> Any:
    """A session of a user who has the key."""
    return editing(home, options=options, TURNOUT_FAKE_SCRIPT=SCRIPT, FAR_KEY=KEY)


async def explain(editor: Editor, uri: str, text: str = TEXT, kind: str = "explain") -> Any:
    """Have a function explained; the answer of the command."""
    buffer = editor.open(uri, text)
    argument = {"kind": kind, "uri": uri, "version": 1, "first": 0, "end": 2, "name": "total"}
    try:
        return await editor.request(
            types.WORKSPACE_EXECUTE_COMMAND, types.ExecuteCommandParams(f"turnout.{kind}", [argument])
        )
    finally:
        editor.close(buffer)
        await editor.displayed()
        editor.drop(types.WINDOW_SHOW_MESSAGE, types.WINDOW_SHOW_DOCUMENT)


def will_answer(editor: Editor, title: str | None) -> None:
    """How the user answers the question from now on, by the beginning of a button; None closes it."""

    def choose(params: types.ShowMessageRequestParams) -> types.MessageActionItem | None:
        return next((a for a in params.actions or () if title and a.title.startswith(title)), None)

    editor.answers[types.WINDOW_SHOW_MESSAGE_REQUEST] = choose


async def test_asked(home: Home, server: ScriptedServer) -> None:
    """Before text leaves, the user is asked with its size, where it goes and what it may cost; once is for once."""
    home.configure(settings(server, more="input_usd = 3.0\noutput_usd = 15.0"))
    async with session(home) as editor:
        will_answer(editor, "Send once")
        for count in (1, 2):
            result = await explain(editor, home.uri("a.py"))
            assert result["markdown"] == REMOTE
            question = await editor.next(types.WINDOW_SHOW_MESSAGE_REQUEST)
            for part in ("far", "far-1", "US", "1 file", "explain", "$", "bytes"):
                assert part in question.message
            assert len(server.requests) == count
        receipt = result["receipt"]
        assert (receipt["model"], receipt["leavesMachine"]) == ("far", True)
        assert receipt["costUsd"] == pytest.approx((100 * 3 + 20 * 15) / 1e6)
        assert receipt["files"] == [{"uri": home.uri("a.py"), "bytes": len(TEXT)}]
    assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"


async def test_asked_for_the_session(home: Home, server: ScriptedServer) -> None:
    """A yes for the session holds for its kind of request and its model, until the settings change."""
    home.configure(settings(server))
    async with session(home) as editor:
        will_answer(editor, "Send for this session")
        for _ in range(3):
            assert (await explain(editor, home.uri("a.py")))["markdown"] == REMOTE
        assert len(editor.drop(types.WINDOW_SHOW_MESSAGE_REQUEST)) == 1
        with pytest.raises(JsonRpcException):
            await explain(editor, home.uri("a.py"), kind="document")
        assert editor.drop(types.WINDOW_SHOW_MESSAGE_REQUEST)
        editor.workspace_did_change_configuration(types.DidChangeConfigurationParams({"turnout": {}}))
        await explain(editor, home.uri("a.py"))
        assert len(editor.drop(types.WINDOW_SHOW_MESSAGE_REQUEST)) == 1


async def test_anything_but_yes(home: Home, server: ScriptedServer) -> None:
    """A no, a closed question, a client that fails or makes something up: nothing is sent; the next model answers."""
    home.configure(settings(server))

    def fail(params: object) -> None:
        raise JsonRpcInternalError(message="cannot show it")

    made_up = types.MessageActionItem("Send everything everywhere")
    keep = types.MessageActionItem("Keep it here")
    async with session(home) as editor:
        for reply in (lambda params: keep, lambda params: None, fail, lambda params: made_up):
            editor.answers[types.WINDOW_SHOW_MESSAGE_REQUEST] = reply
            result = await explain(editor, home.uri("a.py"))
            assert result["markdown"] == LOCAL
            assert (result["receipt"]["model"], result["receipt"]["leavesMachine"]) == ("near", False)
            assert "did not agree" in result["receipt"]["reason"]
            assert await editor.next(types.WINDOW_SHOW_MESSAGE_REQUEST)
        editor.faults.clear()  # that of `fail`
    assert server.connections == 0


async def test_no_and_nothing_else(home: Home, server: ScriptedServer) -> None:
    """Where only that model could answer, a no is the answer to the request, and it says so."""
    home.configure(settings(server, chain='"far"'))
    async with session(home) as editor:
        will_answer(editor, "Keep it here")
        with pytest.raises(JsonRpcException, match="did not agree"):
            await explain(editor, home.uri("a.py"))
        assert await editor.next(types.WINDOW_SHOW_MESSAGE_REQUEST)
    assert server.connections == 0


async def test_cancelled_question(home: Home, server: ScriptedServer) -> None:
    """A request that is cancelled while the user is being asked sends nothing, whatever they answer then."""
    home.configure(settings(server))
    async with session(home) as editor:
        answered = asyncio.get_running_loop().create_future()
        editor.answers[types.WINDOW_SHOW_MESSAGE_REQUEST] = lambda params: answered
        buffer = editor.open(home.uri("a.py"), TEXT)
        argument = {"kind": "explain", "uri": buffer.uri, "version": 1, "first": 0, "end": 2}
        params = types.ExecuteCommandParams("turnout.explain", [argument])
        asking = asyncio.ensure_future(
            editor.request(types.WORKSPACE_EXECUTE_COMMAND, params, id="explanation")
        )
        await editor.next(types.WINDOW_SHOW_MESSAGE_REQUEST)
        editor.cancel_request(types.CancelParams("explanation"))
        with pytest.raises(JsonRpcException):
            await asking
        answered.set_result(types.MessageActionItem("Send once"))
        await editor.displayed()
    assert server.connections == 0


FORBIDDEN = [
    ('leaves_machine = "never"', "", "a.py"),
    ('leaves_machine = "allow"\nlocal_only = ["*.py"]', "", "deep/a.py"),
    ('leaves_machine = "allow"\nlocal_only = ["secret/"]', "", "secret/deep/a.py"),
    ('leaves_machine = "allow"\njurisdictions = ["EU"]', "", "a.py"),
    ('leaves_machine = "allow"', '[privacy]\nleaves_machine = "never"\n', "a.py"),
    ('leaves_machine = "allow"', '[privacy]\nlocal_only = ["a.py"]\n', "a.py"),
    ('leaves_machine = "allow"', '[routes.explain]\nleaves_machine = "never"\n', "a.py"),
    ('leaves_machine = "allow"\n[budget]\nday_usd = 0', "", "a.py"),
]


async def test_forbidden(home: Home, server: ScriptedServer) -> None:
    """Where a setting keeps text here, of the user or of the workspace, nobody is asked and nothing is sent."""
    async with session(home) as editor:
        for privacy, workspace, file in FORBIDDEN:
            home.configure(settings(server, privacy, more="input_usd = 3.0\noutput_usd = 15.0"))
            editor.saved(home.write(".turnout.toml", workspace).as_uri())
            result = await explain(editor, home.uri(file))
            assert result["markdown"] == LOCAL, privacy
            params = {"kind": "explain", "textDocument": {"uri": home.uri(file)}}
            explained = await editor.request("turnout/explain", params)
            (why,) = [entry for entry in explained["eliminated"] if entry["model"] == "far"]
            assert why["reason"], privacy
            assert why["source"], privacy
    assert server.connections == 0


async def test_one_file_of_many(home: Home, server: ScriptedServer) -> None:
    """One file that must stay here keeps the whole refactor here."""
    home.configure(settings(server, 'leaves_machine = "allow"\nlocal_only = ["b.py"]'))
    for name in ("a.py", "b.py"):
        home.write(name, TEXT)
    async with session(home) as editor:
        params = {"instruction": "x", "scope": [home.uri("a.py"), home.uri("b.py")]}
        with pytest.raises(JsonRpcException, match="no fenced block"):  # it came from the model here
            await editor.request("turnout/refactor", params)
        await editor.displayed()
    assert server.connections == 0


async def test_never_read(home: Home, server: ScriptedServer) -> None:
    """Files that hold secrets by their name are shown to no model, not even to the one here."""
    home.configure(settings(server, 'leaves_machine = "allow"'))
    async with session(home) as editor:
        for name in (".env", "keys/server.pem", ".ssh/config", "id_rsa"):
            home.write(name, "hel")
            buffer = editor.open(home.uri(name), "hel")
            assert await editor.ghost(buffer, 3) is None, name
            assert "never read" in await editor.why(buffer), name
            editor.close(buffer)
            params = {"instruction": "x", "scope": [home.uri(name)]}
            with pytest.raises(JsonRpcException):
                await editor.request("turnout/refactor", params)
            editor.drop(types.WINDOW_WORK_DONE_PROGRESS_CREATE, types.PROGRESS)
    assert server.connections == 0


async def test_ghost_text_stays(home: Home, server: ScriptedServer) -> None:
    """Completions go to the model here whatever the routes of other kinds are, and nobody is asked per keystroke."""
    home.configure(settings(server) + '[routes.inline]\nmodels = ["far", "near"]\n')
    async with session(home) as editor:
        assert await editor.ghost(editor.open(home.uri("a.py"), "hel"), 3) == "lo_from_fake(42)"
    assert server.connections == 0


async def test_no_fallback_across_the_line(home: Home, server: ScriptedServer) -> None:
    """When the model here fails, a request that has to stay here fails with it."""
    home.configure(settings(server, 'leaves_machine = "never"', chain='"near", "far"'))
    failing = '{"chat": [{"error": "out of memory"}]}'
    async with editing(home, options={}, TURNOUT_FAKE_SCRIPT=failing, FAR_KEY=KEY) as editor:
        with pytest.raises(JsonRpcException, match="out of memory"):
            await explain(editor, home.uri("a.py"))
    assert server.connections == 0


async def test_redirects(home: Home, server: ScriptedServer) -> None:
    """A provider that points elsewhere is not followed: the endpoint is the user's choice alone."""
    location = f"location: {server.url}/v1/chat/completions"
    codes = (301, 302, 303, 307, 308)
    async with scripted_server(*(answer(code, b"", "text/plain", location) for code in codes)) as pointing:
        home.configure(settings(pointing, 'leaves_machine = "allow"'))
        async with session(home) as editor:
            for number in range(len(codes)):
                assert (await explain(editor, home.uri(f"{number}.py")))["markdown"] == LOCAL
        assert len(pointing.requests) >= len(codes)
    assert server.connections == 0


async def test_key_is_kept(home: Home) -> None:
    """A key stands in the request's header and nowhere else: in no message, log, receipt or file."""
    refused = answer(401, json.dumps({"error": {"message": f"Incorrect API key: {KEY}"}}).encode())
    async with scripted_server(refused) as server:
        home.configure(settings(server, 'leaves_machine = "allow"', chain='"far"'))
        async with session(home) as editor:
            with pytest.raises(JsonRpcException) as caught:
                await explain(editor, home.uri("a.py"))
            assert KEY not in str(caught.value)
            assert KEY not in repr(editor.unread)
        assert server.requests
    for path in home.root.rglob("*"):
        if path.is_file():
            assert KEY.encode() not in path.read_bytes(), path


async def test_a_settings_file_in_another_folder(home: Home, server: ScriptedServer) -> None:
    """A file below the open folder's own keeps its folder here from when it is saved, and nothing else."""
    home.configure(settings(server, privacy='leaves_machine = "allow"'))
    kept, free = home.uri("sub/deep/a.py"), home.uri("a.py")
    async with session(home) as editor:
        assert (await explain(editor, kept))["markdown"] == REMOTE
        home.write("sub/.turnout.toml", '[privacy]\nleaves_machine = "never"\n')
        assert (await explain(editor, kept))["markdown"] == LOCAL
        assert (await explain(editor, free))["markdown"] == REMOTE
        asked = {"kind": "explain", "textDocument": {"uri": kept}}
        route = await editor.request("turnout/explain", asked)
        [out] = [each for each in route["eliminated"] if each["model"] == "far"]
        assert out["source"].endswith("sub/.turnout.toml:2 privacy.leaves_machine")
    assert len(server.requests) == 2
