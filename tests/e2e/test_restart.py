"""A proposal and an undo outlive the server that made them, also one that was killed."""

import json
import time
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
from lsprotocol import types

from support.act_kit import LOCAL, receipt
from support.editor import Editor, editing, vscode
from support.home import TURNOUT, Home
from support.shop import AFTER, BEFORE, FILES, SCRIPT, Shop, open_shop
from turnout.act.applying.entries import Entry
from turnout.act.applying.transactions import real_root
from turnout.act.proposals import Proposal
from turnout.core.edits.changes import file_change
from turnout.files import Folder
from turnout.journal import Journal

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


def cut_between(home: Home) -> None:
    """Have a process die after the edits of a change and before its operations on files."""
    home.write("two/a.py", "from b import one\n")
    home.write("two/b.py", "one = 1\n")
    folder = Folder(home.work / "two")
    edit = file_change("edit", folder.uri("a.py"), "a.py", ("from b import one\n",), ("from c import one\n",))
    lines = ("one = 1\n",)
    there: dict[str, Any] = {"new_uri": folder.uri("c.py"), "new_path": "c.py"}
    move = file_change("rename", folder.uri("b.py"), "b.py", lines, lines, **there)
    create = file_change("create", folder.uri("d.py"), "d.py", (), ("d = 1\n",))
    proposal = Proposal("p", "Move b", "plan", (edit, move, create), (), receipt("refactor", LOCAL, (), 1))
    root = real_root(folder.root)
    journal = Journal(home.state / "journal")
    journal.write(Entry(proposal, root, "applying", time.time(), proposal.changes))
    home.write("two/a.py", "from c import one\n")


async def test_a_change_is_mended_before_any_document_is_opened(home: Home) -> None:
    """Also where the folder that it was cut off in is added later: nobody has to open a file for that."""
    cut_between(home)
    async with editing(home, vscode(), options={}, folders=()) as editor:
        await editor.request("turnout/receipts", {"count": 1})  # the server has begun without it
        added = types.WorkspaceFoldersChangeEvent([types.WorkspaceFolder(home.uri("two"), "two")], [])
        editor.workspace_did_change_workspace_folders(types.DidChangeWorkspaceFoldersParams(added))
        assert "taken back" in await editor.said()
        editor.drop(types.WORKSPACE_APPLY_EDIT)
    assert home.read("two/a.py") == "from b import one\n"
    assert home.read("two/b.py") == "one = 1\n"
    assert not (home.work / "two/c.py").exists()
