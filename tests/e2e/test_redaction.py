"""Secrets in a session: a model elsewhere never sees one, and the user's file never gets a placeholder."""

import json
import re
import stat
from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types
from pygls.exceptions import JsonRpcException

from support.editor import Editor, editing
from support.home import Home
from support.provider import openai_answer
from support.scripted_server import Exchange, ScriptedServer, scripted_server
from support.secrets import TOKENS

SECRET = TOKENS["GitHub"]
TEXT = f'def connect():\n    return open_session("{SECRET}")\n'


def settings(server: ScriptedServer, privacy: str = "") -> str:
    """A user's settings whose rewrites and refactors go elsewhere."""
    return f"""
[models.far]
api = "openai-chat"
model = "far-1"
base_url = "{server.url}/v1"
leaves_machine = true
context_tokens = 32000
[routes.rewrite]
models = ["far"]
[routes.refactor]
models = ["far"]
[privacy]
leaves_machine = "allow"
{privacy}
"""


def answering(written: str) -> Any:
    """A model that writes the function anew; `{0}` in what it writes is the placeholder that it was shown."""

    async def script(exchange: Exchange) -> None:
        shown = re.findall(r"TURNOUT_REDACTED_\d+_x*_", exchange.request.body.decode())
        argument = written.format(shown[-1] if shown else "nothing")
        code = f'```python\ndef connect():\n    return open_session("{argument}", retry=True)\n```\n'
        await exchange.send(openai_answer(*(code[at : at + 5] for at in range(0, len(code), 5))))

    return script


async def rewrite(editor: Editor, uri: str) -> Any:
    """Rewrite the function of a newly opened document."""
    buffer = editor.open(uri, TEXT)
    editor.progress_reports["t"] = []
    argument = {"kind": "rewrite", "uri": uri, "version": 1, "first": 0, "end": 2, "instruction": "retry"}
    params = types.ExecuteCommandParams("turnout.rewrite", [argument], work_done_token="t")
    try:
        result = await editor.request(types.WORKSPACE_EXECUTE_COMMAND, params)
        await editor.next(types.WORKSPACE_APPLY_EDIT)
        return buffer.text, result["receipt"]
    finally:
        await editor.displayed("t")


async def test_the_value_comes_back(home: Home) -> None:
    """The edit that is applied has the secret where the model wrote its placeholder; the receipt says what was kept."""
    async with scripted_server(answering("{0}")) as server:
        home.configure(settings(server))
        async with editing(home, options={}) as editor:
            text, receipt = await rewrite(editor, home.uri("a.py"))
            assert text == TEXT.replace('")', '", retry=True)')
            assert receipt["redacted"] == {"GitHub token": 1}
    assert server.requests
    assert not any(SECRET.encode() in request.body for request in server.requests)
    for path in filter(Path.is_file, home.state.rglob("*")):
        if SECRET.encode() in path.read_bytes():
            assert "journal" in path.parts, path  # the files' own text, to undo with, for the user alone
            assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


@pytest.mark.parametrize("spoiled", ["TURNOUT_REDACTED_1_xyx_", "TURNOUT_REDACTED_9_xx_"])
async def test_nothing_spoiled_is_written(home: Home, spoiled: str) -> None:
    """An answer with a spoiled placeholder changes nothing, and says so."""
    async with scripted_server(answering(spoiled)) as server:
        home.configure(settings(server))
        async with editing(home, options={}) as editor:
            with pytest.raises(JsonRpcException, match="placeholder of a secret"):
                await rewrite(editor, home.uri("a.py"))
            assert editor.buffers[home.uri("a.py")].text == TEXT


async def test_blocked(home: Home) -> None:
    """Where secrets block, not even a connection is made, and the message names the kind and not the value."""
    async with scripted_server(answering("{0}")) as server:
        home.configure(settings(server, 'secrets = "block"'))
        async with editing(home, options={}) as editor:
            with pytest.raises(JsonRpcException, match="1 x GitHub token") as caught:
                await rewrite(editor, home.uri("a.py"))
            assert SECRET not in json.dumps(caught.value.to_response_error(), default=str)
        assert server.connections == 0
