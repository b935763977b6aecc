"""A proposal and an undo outlive the server that made them, also one that was killed."""

import json
from contextlib import AbstractAsyncContextManager

import pytest
from lsprotocol import types

from support.editor import Editor, editing, vscode
from support.home import TURNOUT, Home
from support.shop import AFTER, BEFORE, FILES, SCRIPT, Shop, open_shop

pytestmark = pytest.mark.asyncio

NAME = "shop-of-two-lives"


def session(home: Home) -> AbstractAsyncContextManager[Editor]:
    return editing(home, vscode(), options={}, TURNOUT_FAKE_SCRIPT=json.dumps(SCRIPT))


def close_all(editor: Editor, shop: Shop) -> None:
    """Save and close what is open."""
    for buffer, name in zip(shop.buffers, FILES, strict=False):
        shop.home.write(f"{shop.name}/{name}", buffer.text)
        editor.close(buffer)


def cut_off(home: Home) -> None:
    """Have the journal say what it would after a crash at the very end."""
    [entry] = (home.state / "journal").rglob("*.entry")
    entry.write_bytes(entry.read_bytes().replace(b'"state": "applied"', b'"state": "applying"', 1))


def on_disk(home: Home) -> list[str]:
    return [home.read(f"{NAME}/{name}") for name in FILES]


async def test_a_proposal_and_its_undo_outlive_the_server(home: Home) -> None:
    """Proposed by one server, applied by the next after a kill, undone by a third, with every file closed by then."""
    killed = Editor()
    environment = home.environment(TURNOUT_FAKE_SCRIPT=json.dumps(SCRIPT))
    await killed.start_io(TURNOUT, "serve", "--stdio", env=environment, cwd=home.root)
    await killed.greet(home, vscode(), {}, None)
    proposal = await open_shop(killed, home, NAME).propose()
    await killed.kill()
    async with session(home) as editor:
        shop = open_shop(editor, home, NAME)
        assert (await shop.request("apply", proposal))["applied"] is True
        await shop.edit()
        assert shop.texts() == AFTER
        close_all(editor, shop)
    async with session(home) as editor:
        assert (await editor.request("turnout/undo", {}))["undone"] is True
        await editor.next(types.WORKSPACE_APPLY_EDIT)
    assert on_disk(home) == BEFORE


async def test_what_a_crash_cut_off_is_put_right_and_said(home: Home) -> None:
    """A server that starts where another died in the middle of applying takes it back, and tells the user."""
    async with session(home) as editor:
        shop = open_shop(editor, home, NAME)
        proposal = await shop.propose()
        assert (await shop.request("apply", proposal))["applied"] is True
        await shop.edit()
        close_all(editor, shop)
    cut_off(home)
    name = next(iter(FILES))
    home.write(f"{NAME}/{name}", BEFORE[0])
    async with session(home) as editor:
        said = await editor.said()
        assert "cut off" in said
        assert "taken back" in said
        assert editor.drop(types.WORKSPACE_APPLY_EDIT)
    assert on_disk(home) == BEFORE
