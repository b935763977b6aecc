"""Where the cursor rests, told to a server that asks for it."""

import json
from collections.abc import Callable

import pytest

from clients.neovim.conftest import methods
from clients.neovim.session import Neovim

pytestmark = pytest.mark.editor

Scripted = Callable[..., Neovim]
TEXT = "one\ntwo\nthrée x\n"


def wanting(**extensions: object) -> str:
    """Lua that makes the scripted server offer `extensions`."""
    return f"vim.env.SCRIPTED = [[{json.dumps({'extensions': extensions})}]]\n"


def places(editor: Neovim) -> list[tuple[str, int, int]]:
    """What the server was told: file name, line and character."""
    return [
        (p["textDocument"]["uri"].rpartition("/")[2], p["position"]["line"], p["position"]["character"])
        for p in methods(editor, "turnout/cursor")
    ]


def test_the_server_learns_where_the_cursor_rests(scripted: Scripted) -> None:
    """In normal and insert mode and in another file: the place where it stays, once, and none on the way there."""
    editor = scripted(text=TEXT, before=wanting(cursor=True), encoding="utf-16")
    editor.until(lambda: places(editor) == [("a.py", 0, 0)], "the place of a file that is opened")
    editor.type("jjlllll")
    editor.until(lambda: places(editor)[1:] == [("a.py", 2, 5)], "the place in normal mode")
    editor.type("ab")
    editor.until(lambda: places(editor)[2:] == [("a.py", 2, 7)], "the place in insert mode")
    editor.type("<Esc>:silent write | edit b.py<CR>")
    editor.until(lambda: places(editor)[-1] == ("b.py", 0, 0), "the place in another file")
    assert "rror" not in editor.messages()


def test_a_server_that_does_not_ask_hears_nothing(scripted: Scripted) -> None:
    """Without the capability nothing watches the cursor, and what would is not loaded."""
    editor = scripted(text=TEXT, before=wanting())
    editor.type("jj")
    editor.until(lambda: editor.cursor() == (3, 0), "the cursor")
    assert editor.lua("return package.loaded['turnout.idle']") is None
    assert places(editor) == []
