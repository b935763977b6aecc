"""Random typing against a randomly slow server: the plugin changes nothing but what is shown.

`TURNOUT_RANDOM_SEQUENCES=10000` in the environment makes it a long run.
"""

import json
import os
import random
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from clients.neovim.conftest import Start, wait_for_server
from clients.neovim.session import Neovim
from support.home import TURNOUT, Home

pytestmark = pytest.mark.editor

# Each leaves Neovim in insert mode, where it waits for no second key. CTRL-C is not among them: it throws away keys
# that are waiting, without the plugin too.
KEYS = (
    *("a", "b", " ", "\n", "(", ")", "世", "é", "<lt>", "<Tab>", "<BS>", "<CR>", "<Del>", "<C-w>", "<C-u>"),
    *(
        "<Left>",
        "<Right>",
        "<Up>",
        "<Down>",
        "<Home>",
        "<End>",
        "<C-o>x",
        "<C-o>u",
        "<C-g>u",
        "<C-n>",
        "<C-y>",
    ),
    *("<Esc>i", "<Esc>ui", "<Esc>ddi", "<Esc>o", "<Esc>A", "<Esc>ggI", "<Esc>yypi", "<Esc>xi", "<Esc>Go"),
    *(
        "<Esc>:new<CR>i",
        "<Esc>:silent! close<CR>a",
        "<Esc>:split<CR>i",
        "<Esc><C-w>wi",
        "<Esc>V>i",
        "<Esc>Rb<Esc>i",
    ),
    *("<Esc>.i", "<Esc>:stopinsert<CR>i", "<Esc>ciw", "<Esc>vypi"),
)
SEQUENCES = int(os.environ.get("TURNOUT_RANDOM_SEQUENCES", "100"))
LENGTH = 25
OPTIONS = "vim.o.hidden = true; vim.o.belloff = 'all'; vim.o.shiftwidth = 2; vim.o.expandtab = true\n"
# Tab accepts where a suggestion is shown, which is a difference that is wanted: here it only ever falls through.
NEVER_ACCEPT = "require('turnout.ghost').accept = function() return false end\n"
COUNT_SHOWN = """
    local render = require("turnout.render")
    local draw = render.draw
    vim.g.drawn = 0
    render.draw = function(...)
      vim.g.drawn = vim.g.drawn + 1
      return draw(...)
    end
"""
START = "<Esc><Esc>:silent only | silent %bwipeout! | silent messages clear | silent edit a.txt<CR>i"
AFTERWARDS = """
    local marks, namespace = 0, vim.api.nvim_create_namespace("turnout.ghost")
    for _, buf in ipairs(vim.api.nvim_list_bufs()) do
      marks = marks + #vim.api.nvim_buf_get_extmarks(buf, namespace, 0, -1, {})
    end
    return {
      vim.api.nvim_buf_get_lines(vim.fn.bufnr("a.txt"), 0, -1, false),
      vim.api.nvim_exec2("messages", { output = true }).output,
      marks,
    }
"""


@dataclass(frozen=True)
class Ending:
    """What a sequence of keys leaves behind."""

    text: list[str]
    messages: str
    marks: int


def play(editor: Neovim, keys: list[list[str]], linger: Callable[[], object] | None = None) -> list[Ending]:
    """The ending of each sequence; each starts in insert mode in the file's window alone.

    `linger` is called after one key in four: time in which answers come.
    """
    endings, pick = [], random.Random(0)
    for sequence in keys:
        editor.type(START)
        for key in sequence:
            editor.type(key)
            # A key that is already waiting would cut the search for completions short: take them one by one.
            editor.request("nvim_eval", "1")
            if linger and pick.random() < 0.25:
                linger()
        editor.type("<Esc><Esc>")
        editor.until(
            lambda: editor.request("nvim_get_mode") == {"mode": "n", "blocking": False}, "normal mode"
        )
        endings.append(Ending(*editor.lua(AFTERWARDS)))
    return endings


def random_keys(seed: int, count: int) -> list[list[str]]:
    """That many sequences."""
    pick = random.Random(seed)
    return [[pick.choice(KEYS) for _ in range(LENGTH)] for _ in range(count)]


def compare(keys: list[list[str]], played: list[Ending], expected: list[Ending]) -> None:
    """The text is that of the editor without the plugin, no error was said, and no mark is left."""
    for sequence, got, wanted in zip(keys, played, expected, strict=True):
        assert got.text == wanted.text, sequence
        assert got.marks == 0, sequence
        assert "rror" not in got.messages, sequence


@pytest.mark.parametrize("seed", [1])
def test_random_keys_leave_the_same_text_as_without_the_plugin(
    scripted: Callable[..., Neovim], start: Start, seed: int
) -> None:
    """Whatever is typed, however late the answers come: what is in the buffer is what would be there anyway."""
    keys = random_keys(seed, SEQUENCES)
    expected = play(start(OPTIONS, "a.txt"), keys)
    editor = scripted(before=OPTIONS, options="keymaps = { dismiss = false }", file="a.txt", text="")
    editor.lua(NEVER_ACCEPT)
    editor.server("test/script", {"fuzz": seed})
    compare(keys, play(editor, keys), expected)
    assert editor.screen.ghost() == []
    shown = [entry for entry in editor.server("test/log") if entry["method"] == "turnout/didShow"]
    assert shown, "no suggestion was ever on screen: the run showed nothing"


def slow_engine() -> str:
    """A script of the fake engine: text of one and of several lines, at once or late, by what stands at the cursor."""
    rules = [
        {"prefix_ends": "a", "text": "b(ab)"},
        {"prefix_ends": "b", "text": " ab\n  a", "token_delay_s": 0.002},
        {"prefix_ends": "(", "text": "世é)", "prefill_delay_s": 0.01},
        {"prefix_ends": "世", "text": "é a", "token_delay_s": 0.02},
        {"text": "a"},
    ]
    return json.dumps({"fim": rules})


def test_random_keys_with_the_installed_server(home: Home, start: Start) -> None:
    """The same with the real server, and an engine whose answers come at once or late."""
    keys = random_keys(2, SEQUENCES // 2)
    expected = play(start(OPTIONS, "a.txt"), keys)
    home.write(".turnout.toml", "")
    home.write("a.txt", "")
    command = f'{{ "{TURNOUT}", "serve", "--stdio" }}'
    setup = f"{OPTIONS}require('turnout').setup({{ cmd = {command}, keymaps = {{ dismiss = false }} }})"
    environment = home.environment(TURNOUT_FAKE_SCRIPT=slow_engine())
    editor = wait_for_server(start(setup, "a.txt", env=environment, directory=home.work))
    editor.lua(NEVER_ACCEPT + COUNT_SHOWN)
    editor.type("ia")
    editor.until_ghost("b(ab)")
    query = {"kind": "inline"}
    compare(keys, play(editor, keys, lambda: editor.server("turnout/explain", query)), expected)
    assert editor.screen.ghost() == []
    assert editor.lua("return vim.g.drawn") > SEQUENCES // 20
