"""Files that an ignore file for AI tools names are seen by no model, whichever way they are asked about."""

import json

import pytest
from lsprotocol import types
from pygls.exceptions import JsonRpcException

from support.editor import editing
from support.home import Home

SCRIPT = json.dumps({"chat": [{"text": "It adds."}]})


@pytest.mark.parametrize("name", [".turnoutignore", ".cursorignore"])
async def test_seen_by_no_model(home: Home, name: str) -> None:
    """No ghost text, no action and no refactor there, with the line that says so; the files beside are as ever."""
    home.write(name, "kept.py\n")
    for file in ("kept.py", "deep/kept.py", "other.py"):
        home.write(file, "hel")
    async with editing(home, options={}, TURNOUT_FAKE_SCRIPT=SCRIPT) as editor:
        for file in ("kept.py", "deep/kept.py"):
            buffer = editor.open(home.uri(file), "hel")
            assert await editor.ghost(buffer, 3) is None, file
            assert f"{name}:1" in await editor.why(buffer), file
            argument = {"kind": "explain", "uri": home.uri(file), "version": 1, "first": 0, "end": 1}
            command = types.ExecuteCommandParams("turnout.explain", [argument])
            with pytest.raises(JsonRpcException, match=f"{name}:1"):
                await editor.request(types.WORKSPACE_EXECUTE_COMMAND, command)
            await editor.displayed()
            params = {"instruction": "x", "scope": [home.uri(file)]}
            with pytest.raises(JsonRpcException):
                await editor.request("turnout/refactor", params)
            await editor.displayed()
            explained = await editor.request(
                "turnout/explain", {"kind": "explain", "textDocument": {"uri": home.uri(file)}}
            )
            assert explained["candidates"] == []
            editor.close(buffer)
        assert await editor.ghost(editor.open(home.uri("other.py"), "hel"), 3) is not None
        editor.drop(types.WINDOW_SHOW_MESSAGE)
