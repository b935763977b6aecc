"""Ghost text beside the real menus of blink.cmp and nvim-cmp, and the suggestion as one of their items."""

from collections.abc import Callable

import pytest

from clients.neovim.conftest import Start, wait_for_server
from clients.neovim.session import Neovim
from clients.neovim.test_installing import plugins
from support.home import TURNOUT, Home

pytestmark = pytest.mark.editor

Scripted = Callable[..., Neovim]
HELLO = {"after": "hel", "text": "lo(name)"}
GAS = {"after": "helium", "text": "_gas"}


def with_blink(sources: str) -> str:
    """Lua that sets blink.cmp up with some sources, nothing selected at first."""
    path = plugins("blink.cmp")["blink.cmp"]
    return f"""
        vim.opt.runtimepath:append({str(path)!r})
        require("blink.cmp").setup({{ fuzzy = {{ implementation = "lua" }}, sources = {{ default = {{ {sources} }} }},
          keymap = {{ preset = "none", ["<C-n>"] = {{ "select_next" }}, ["<C-p>"] = {{ "select_prev" }},
            ["<C-e>"] = {{ "hide" }}, ["<C-y>"] = {{ "accept" }}, ["<Tab>"] = {{ "accept", "fallback" }} }},
          completion = {{ list = {{ selection = {{ preselect = false, auto_insert = false }} }} }} }})
    """


def with_cmp(sources: str) -> str:
    """The same for nvim-cmp."""
    found = plugins("nvim-cmp", "cmp-nvim-lsp")
    paths = "".join(f"vim.opt.runtimepath:append({str(path)!r})\n" for path in found.values())
    return f"""{paths}
        vim.cmd.runtime("plugin/cmp.lua")
        vim.cmd.runtime("after/plugin/cmp_nvim_lsp.lua")
        require("cmp_nvim_lsp").setup()
        local cmp = require("cmp")
        cmp.register_source("words", {{ complete = function(_, _, callback)
          callback({{ items = {{ {{ label = "helium" }}, {{ label = "helmet" }} }}, isIncomplete = false }})
        end }})
        cmp.setup({{ sources = {{ {sources} }}, preselect = cmp.PreselectMode.None,
          completion = {{ completeopt = "menu,menuone,noselect" }},
          mapping = {{ ["<C-n>"] = cmp.mapping.select_next_item({{ behavior = cmp.SelectBehavior.Select }}),
            ["<C-p>"] = cmp.mapping.select_prev_item({{ behavior = cmp.SelectBehavior.Select }}),
            ["<C-e>"] = cmp.mapping.abort(), ["<C-y>"] = cmp.mapping.confirm({{ select = false }}),
            ["<Tab>"] = cmp.mapping.confirm({{ select = false }}) }} }})
    """


MENUS = {
    "blink.cmp": (lambda: with_blink("'buffer'"), "require('blink.cmp').is_menu_visible()"),
    "nvim-cmp": (lambda: with_cmp("{ name = 'words' }"), "require('cmp').visible()"),
}


def type_slowly(editor: Neovim, keys: str) -> None:
    """Type one key at a time: the menus of plugins do not open for keys that wait in a row."""
    for key in keys:
        editor.type(key)
        editor.until(lambda: not editor.lua("return vim.fn.getchar(1) ~= 0"), "the key to be taken")


@pytest.mark.parametrize("menu", MENUS)
def test_ghost_text_gives_way_to_a_selected_item(scripted: Scripted, menu: str) -> None:
    """Beside an open menu it is shown; with an item selected it is not, and Tab is the menu's; then it is back."""
    setup, visible = MENUS[menu][0](), f"return {MENUS[menu][1]}"
    editor = scripted(HELLO, GAS, text="helium helmet\n", before=setup, size=(100, 24))
    type_slowly(editor, "ohel")
    editor.until(lambda: editor.lua(visible), "the menu")
    editor.until_ghost("lo(name)")
    editor.type("<C-n>")
    editor.until_ghost()
    editor.type("<C-p>")
    editor.until_ghost("lo(name)")
    editor.type("<C-n>")
    editor.until_ghost()
    editor.type("<Tab>")
    editor.until(lambda: editor.lines()[1] in ("helium", "helmet"), "the item")
    editor.type("<Esc>cchel")
    editor.until_ghost("lo(name)")
    editor.type("<Tab>")
    editor.until(lambda: editor.lines()[1] == "hello(name)", "the suggestion")
    assert "rror" not in editor.messages()


@pytest.mark.parametrize("menu", MENUS)
def test_the_suggestion_is_an_item_of_the_menu(home: Home, start: Start, menu: str) -> None:
    """With `ghost.enabled = false` the menus have it from the language server like any other item."""
    before = with_blink("'lsp'") if menu == "blink.cmp" else with_cmp("{ name = 'nvim_lsp' }")
    home.write(".turnout.toml", "")
    home.write("a.py", "x = 1\n")
    setup = f"""
        require("turnout").setup({{ cmd = {{ "{TURNOUT}", "serve", "--stdio" }}, ghost = {{ enabled = false }} }})
    """
    editor = start(before + setup, env=home.environment(), directory=home.work, size=(100, 24))
    wait_for_server(editor)
    type_slowly(editor, "ohel")
    editor.until_shown("hello_from_fake(42)")
    editor.type("<C-n>")
    editor.until(lambda: editor.lua("return require('turnout.menu').selected()"), "the selection")
    editor.type("<C-y>")
    editor.until(lambda: editor.lines()[1] == "hello_from_fake(42)", "the item")
    assert "rror" not in editor.messages()
