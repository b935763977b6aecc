"""Keys that the client keeps: asked of those that keep them, by endpoint, and written nowhere."""

from typing import Any

import pytest
from lsprotocol import types

from support.editor import editing
from support.home import Home

KEY = "sk-0f-the-user-and-nobody-else"
ENDPOINT = "http://127.0.0.1:9/v1"
FAR = {"api": "openai-chat", "model": "m", "base_url": ENDPOINT, "key": "editor"}


@pytest.mark.parametrize(
    ("keeps", "answer", "found"),
    [
        (True, {"key": KEY}, True),
        (True, {"key": None}, False),
        (True, {"key": {"nested": KEY}}, False),
        (True, KEY, False),
        (True, None, False),
        (True, [KEY], False),
        (False, {"key": KEY}, False),
    ],
)
async def test_asked(home: Home, keeps: bool, answer: Any, found: bool) -> None:
    """A client that says so is asked once for each endpoint; no other client is, and no odd answer is a key."""
    client = {"name": "test", "keepsKeys": keeps}
    async with editing(home, options={"client": client}) as editor:
        editor.answers["turnout/key"] = lambda params: answer
        settings = {"turnout": {"models": {"far": FAR}, "client": client}}
        editor.workspace_did_change_configuration(types.DidChangeConfigurationParams(settings))
        models = (await editor.request("turnout/models"))["models"]
        assert {model["name"]: model["hasKey"] for model in models}["far"] is found
        assert len(editor.drop("turnout/key")) == keeps
        editor.drop("turnout/status")
    written = [file.read_bytes() for file in home.state.rglob("*") if file.is_file()]
    assert not any(KEY.encode() in text for text in written)
