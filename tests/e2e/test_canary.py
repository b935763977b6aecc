"""A key is in the header of the request that it is for, and in nothing else that Turnout writes or says.

A planted key is looked for everywhere: in what the editor is told, in errors and their data, on stderr, in the log,
the receipts and every other file, whatever a server does with it.
"""

import base64
import json
from contextlib import AsyncExitStack
from typing import Any
from urllib.parse import quote

import pytest
from lsprotocol import types
from pygls.exceptions import JsonRpcException

from support.editor import Editor, editing
from support.home import Home
from support.provider import openai_answer
from support.scripted_server import (
    LAST_CHUNK,
    STREAM_HEAD,
    Exchange,
    Script,
    answer,
    chunked,
    scripted_server,
)

KEY = "sk-canary-9f8e7d6c5b4a39281706f5e4d3c2b1a0"
FORMS = (KEY, quote(KEY), base64.b64encode(KEY.encode()).decode(), KEY[3:30])
TEXT = "def total(prices):\n    return sum(prices)\n"


def echoing(status: int, body: str, *headers: str) -> bytes:
    """An answer that repeats the key."""
    return answer(status, body.encode(), "application/json", *headers)


def event(data: object) -> bytes:
    """A stream of one event, and its end."""
    return STREAM_HEAD + chunked(f"data: {json.dumps(data)}\n\n".encode()) + LAST_CHUNK


async def echo_request(exchange: Exchange) -> None:
    """Send the request's own head back."""
    lines = "\n".join(f"{name}: {value}" for name, value in exchange.request.headers.items())
    await exchange.send(answer(400, lines.encode(), "text/plain"))


FAULTS: dict[str, Script | bytes] = {
    "refused": echoing(401, json.dumps({"error": {"message": f"Incorrect API key provided: {KEY}"}})),
    "refused, in pieces": echoing(403, json.dumps({"error": {"message": f"{KEY[:20]} {KEY[20:]} {KEY}"}})),
    "in a code": echoing(
        429, json.dumps({"error": {"type": KEY, "code": KEY, "param": KEY, "message": "x"}})
    ),
    "no json": echoing(500, f"Authorization: Bearer {KEY}"),
    "html": answer(200, f"<html>{KEY}</html>".encode(), "text/html"),
    "content type": answer(200, b"x", f"text/{KEY}"),
    "redirect": echoing(307, "", f"location: https://{KEY}.example/?key={KEY}"),
    "retry after": echoing(503, "{}", f"retry-after: {KEY}"),
    "own head": echo_request,
    "event": event({"error": {"message": f"bad {KEY}", "code": KEY}}),
    "no event": STREAM_HEAD + chunked(f"data: {KEY}\n\n".encode()) + LAST_CHUNK,
    "finish": event({"choices": [{"index": 0, "delta": {}, "finish_reason": KEY}]}),
    "no http": f"{KEY}\r\n{KEY}: {KEY}\r\n\r\n".encode(),
    "status line": f"HTTP/1.1 500 {KEY}\r\ncontent-length: 0\r\n\r\n".encode(),
    "cut": openai_answer("x")[:150],
    "nothing": b"",
}


async def explain(editor: Editor, uri: str) -> Any:
    """Have a function explained; the answer, or the error with its data."""
    buffer = editor.open(uri, TEXT)
    argument = {"kind": "explain", "uri": uri, "version": 1, "first": 0, "end": 2, "name": "total"}
    try:
        return await editor.request(
            types.WORKSPACE_EXECUTE_COMMAND, types.ExecuteCommandParams("turnout.explain", [argument])
        )
    except JsonRpcException as error:
        return (error.message, error.code, error.data)
    finally:
        editor.close(buffer)
        await editor.displayed()


async def test_nowhere(home: Home, capfd: pytest.CaptureFixture[str]) -> None:
    """Whatever a server answers, the key is in no message, error, log, receipt or file, in no form."""
    said: list[str] = []
    async with AsyncExitStack() as stack:
        servers = [await stack.enter_async_context(scripted_server(script)) for script in FAULTS.values()]
        models = "".join(
            f'[models.far-{number}]\napi = "openai-chat"\nmodel = "m"\nbase_url = "{server.url}/v1"\n'
            'key = "env:FAR_KEY"\nleaves_machine = true\n'
            for number, server in enumerate(servers)
        )
        home.configure(f'{models}[privacy]\nleaves_machine = "allow"\n')
        async with editing(home, options={}, FAR_KEY=KEY) as editor:
            for number, server in enumerate(servers):
                routes = {"explain": {"models": [f"far-{number}"], "deadline_ms": 1500}}
                params = types.DidChangeConfigurationParams({"turnout": {"routes": routes}})
                editor.workspace_did_change_configuration(params)
                said.append(repr(await explain(editor, home.uri(f"{number}.py"))))
                assert server.requests, list(FAULTS)[number]
            methods = ("turnout/receipts", "turnout/spend", "turnout/models")
            said += [repr(await editor.request(method, {})) for method in methods]
            said.append(repr(editor.unread))
            editor.unread.clear()
    said += capfd.readouterr()
    files = {path: path.read_bytes() for path in home.root.rglob("*") if path.is_file()}
    for form in FORMS:
        assert not any(form in text for text in said), form
        assert [path for path, data in files.items() if form.encode() in data] == [], form
