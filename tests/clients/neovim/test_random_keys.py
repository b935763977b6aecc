"""Random typing against a randomly slow server: the plugin changes nothing but what is shown."""

import os
import random
from collections.abc import Callable

import pytest

from clients.neovim.conftest import Start
from clients.neovim.session import Neovim
from clients.neovim.test_ghost import leftover_marks

pytestmark = pytest.mark.editor

# Each leaves Neovim in insert mode, where it waits for no second key.
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
SEQUENCES = int(os.environ.get("TURNOUT_RANDOM_SEQUENCES", "40"))
LENGTH = 25
OPTIONS = "vim.o.hidden = true; vim.o.belloff = 'all'; vim.o.shiftwidth = 2; vim.o.expandtab = true\n"
# Tab accepts where a suggestion is shown, which is a difference that is wanted: here it only ever falls through.
NEVER_ACCEPT = "require('turnout.ghost').accept = function() return false end\n"


def play(editor: Neovim, keys: list[list[str]]) -> list[list[str]]:
    """The buffer after each sequence; each starts in insert mode in the file's window alone."""
    texts = []
    for sequence in keys:
        editor.type("<Esc><Esc>:silent only | silent %bwipeout! | silent edit a.txt<CR>i")
        for key in sequence:
            editor.type(key)
            # A key that is already waiting would cut the search for completions short: take them one by one.
            editor.request("nvim_eval", "1")
        editor.type("<Esc><Esc>")
        editor.until(
            lambda: editor.request("nvim_get_mode") == {"mode": "n", "blocking": False}, "normal mode"
        )
        texts.append(editor.lua("return vim.api.nvim_buf_get_lines(vim.fn.bufnr('a.txt'), 0, -1, false)"))
    return texts


@pytest.mark.parametrize("seed", [1])
def test_random_keys_leave_the_same_text_as_without_the_plugin(
    scripted: Callable[..., Neovim], start: Start, seed: int
) -> None:
    """No error message, no mark left over, and text identical to the same keys in a Neovim without the plugin."""
    pick = random.Random(seed)
    keys = [[pick.choice(KEYS) for _ in range(LENGTH)] for _ in range(SEQUENCES)]
    expected = play(start(OPTIONS, "a.txt"), keys)
    editor = scripted(before=OPTIONS, options="keymaps = { dismiss = false }", file="a.txt", text="")
    editor.lua(NEVER_ACCEPT)
    editor.server("test/script", {"fuzz": seed})
    played = play(editor, keys)
    for sequence, got, wanted in zip(keys, played, expected, strict=True):
        assert got == wanted, sequence
    assert leftover_marks(editor) == []
    assert editor.screen.ghost() == []
    assert "rror" not in editor.messages()
    shown = [entry for entry in editor.server("test/log") if entry["method"] == "turnout/didShow"]
    assert shown, "no suggestion was ever on screen: the run showed nothing"
