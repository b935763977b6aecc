"""What an editor found in the workspace itself, and keys that it is slow to give."""

import asyncio
from typing import Any

import pytest

from support.editor import GUARD_S, editing
from support.home import Home

ENDPOINT = "http://127.0.0.1:9/v1"
FAR = {"api": "openai-chat", "model": "m", "base_url": ENDPOINT, "key": "editor"}
USER = f"""[privacy]
leaves_machine = "never"
[completion]
enabled = false
[models.far]
api = "openai-chat"
model = "m"
base_url = "{ENDPOINT}"
leaves_machine = true
[routes.rewrite]
models = ["far", "near"]
"""


@pytest.mark.parametrize("trusted", [True, False])
async def test_no_looser(home: Home, trusted: bool) -> None:
    """A workspace's settings send nothing away that the user keeps here; an untrusted one's switch nothing on."""
    home.configure(USER)
    looser = {"privacy": {"leaves_machine": "allow"}, "completion": {"enabled": True}}
    client: dict[str, Any] = {"name": "test", "trusted": trusted, "workspace": looser}
    if trusted:
        client |= {"workspace": {}, "folders": {home.uri(): looser}}
    async with editing(home, options={"client": client}) as editor:
        params = {"kind": "rewrite", "textDocument": {"uri": home.uri("a.py")}}
        assert (await editor.request("turnout/explain", params))["chosen"] == "near"
        buffer = editor.open(home.uri("a.py"), "hel")
        assert await editor.ghost(buffer, 3) == ("lo_from_fake(42)" if trusted else None)
        said = [await editor.said() for _ in range(1 if trusted else 2)]
        assert all("the workspace's editor settings" in text for text in said)
        editor.drop("turnout/status")


@pytest.mark.parametrize(
    "odd", ["no table", ["no table"], {"file:///x": 3}, {"nowhere:x": {}, "file://host/x": {}}]
)
async def test_odd_tables(home: Home, odd: object) -> None:
    """What is no table of settings, or no folder of this machine, says nothing."""
    client = {"name": "test", "workspace": odd if not isinstance(odd, dict) else {}, "folders": odd}
    async with editing(home, options={"client": client}) as editor:
        assert await editor.ghost(editor.open(home.uri("a.py"), "hel"), 3) == "lo_from_fake(42)"
        editor.drop("turnout/status")


async def test_typing_waits_for_no_key(home: Home) -> None:
    """While the editor's store of keys is locked, what needs no key goes on, and what needs one still may get it."""
    unlocked = asyncio.Event()

    async def no_key(_params: object) -> dict[str, None]:
        await unlocked.wait()
        return {"key": None}

    client = {"name": "test", "keepsKeys": True}
    options = {"models": {"far": FAR}, "routes": {"rewrite": {"models": ["far", "near"]}}, "client": client}
    async with editing(home, options=options) as editor:
        editor.answers["turnout/key"] = no_key
        assert await editor.ghost(editor.open(home.uri("a.py"), "hel"), 3) == "lo_from_fake(42)"
        params = {"kind": "rewrite", "textDocument": {"uri": home.uri("a.py")}}
        assert (await editor.request("turnout/explain", params))["chosen"] == "far"
        await editor.next("turnout/key")
        unlocked.set()
        async with asyncio.timeout(GUARD_S):
            while (await editor.request("turnout/explain", params))["chosen"] != "near":
                pass
        editor.drop("turnout/status")
