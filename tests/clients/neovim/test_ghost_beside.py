"""Ghost text beside what else wants its keys and its place: mappings, menus, and Neovim's own suggestions."""

from collections.abc import Callable

import pytest

from clients.neovim.session import Neovim

pytestmark = pytest.mark.editor

Scripted = Callable[..., Neovim]
HELLO = {"after": "hel", "text": "lo(name)", "id": "h"}


def test_tab_does_what_it_did_where_there_is_no_suggestion(scripted: Scripted) -> None:
    """Indentation, the user's mappings of every kind, and buffer-local ones survive."""
    editor = scripted(HELLO, before="vim.o.expandtab = true; vim.o.shiftwidth = 4; vim.o.softtabstop = 4\n")
    editor.type("i<Tab>x")
    editor.until(lambda: editor.lines() == ["    x"], "an indented x")


@pytest.mark.parametrize(
    ("mapping", "expected"),
    [
        ("vim.keymap.set('i', '<Tab>', 'plain')", "plain!"),
        ("vim.keymap.set('i', '<Tab>', function() return 'e<lt>x' end, { expr = true })", "e<x!"),
        (
            "vim.keymap.set('i', '<Tab>', function() vim.api.nvim_put({ 'put' }, 'c', false, true) end)",
            "put!",
        ),
        ("vim.cmd([[inoremap <expr> <Tab> 'v' .. 'im']])", "vim!"),
        ("vim.cmd([[inoremap Q remapped]]); vim.cmd([[imap <Tab> Q]])", "remapped!"),
        (
            "vim.keymap.set('i', '<Plug>(mine)', 'plugged'); vim.keymap.set('i', '<Tab>', '<Plug>(mine)')",
            "plugged!",
        ),
        ("vim.keymap.set('i', '<Tab>', 'own', { buffer = true })", "own!"),
    ],
)
@pytest.mark.parametrize("late", [False, True])
def test_tab_falls_through_to_the_users_mapping(
    scripted: Scripted, mapping: str, expected: str, late: bool
) -> None:
    """Whatever Tab was mapped to still happens, whether it was mapped before the plugin or after."""
    editor = scripted(HELLO)
    if late:
        editor.type("i<Esc>")
        editor.until(lambda: editor.lua("return vim.b.turnout_keymaps"), "the keys")
    editor.lua(mapping)
    editor.type("i<Tab>!")
    editor.until(lambda: editor.lines() == [expected], f"{expected}, not {editor.lines()}")


def test_it_hides_while_a_menu_item_is_selected(scripted: Scripted) -> None:
    """The menu's own keys work, and the suggestion is back when the selection is gone."""
    editor = scripted(
        HELLO,
        {"after": "helium", "text": "_gas"},
        text="helium\n",
        before="vim.o.completeopt = 'menuone,noselect'\n",
    )
    editor.type("ohel")
    editor.until_ghost("lo(name)")
    editor.type("<C-n>")
    editor.until(lambda: editor.lua("return vim.fn.pumvisible() == 1"), "the menu")
    editor.until_ghost("lo(name)")
    editor.type("<C-n>")
    editor.until(lambda: editor.lines()[1] == "helium", "the menu's item")
    editor.until_ghost()
    editor.type("<C-y>")
    editor.until_ghost("_gas")


@pytest.mark.parametrize(
    ("module", "menu"),
    [
        (
            "blink.cmp",
            "is_menu_visible = function() return true end, get_selected_item = function() return item end",
        ),
        ("cmp", "visible = function() return true end, get_selected_entry = function() return item end"),
        ("cmp", "visible = function() error('another version') end"),
    ],
)
def test_it_hides_from_the_menus_of_plugins(scripted: Scripted, module: str, menu: str) -> None:
    """With an item of such a menu selected, nothing is shown and Tab is the menu's; a menu that fails is none."""
    editor = scripted(HELLO)
    editor.lua(f"item = {{}}; package.loaded['{module}'] = {{ {menu} }}")
    editor.type("ihe")
    editor.until(lambda: editor.lines() == ["he"], "the text")
    editor.lua("item = nil")
    editor.type("l")
    editor.until_ghost("lo(name)")
    editor.lua("item = {}")
    editor.type("<Tab>")
    broken = "error" in menu
    expected = ["hello(name)"] if broken else ["hel "]
    editor.until(lambda: editor.lines() == expected, f"{expected}, not {editor.lines()}")


def test_it_hides_as_soon_as_a_plugin_selects_an_item(scripted: Scripted) -> None:
    """Such menus are no completion of Neovim's: a key moves the selection and no event tells of it.

    A stand-in for blink.cmp at the two functions that are asked; `test_menus` has the real ones.
    """
    menu = "is_menu_visible = function() return true end, get_selected_item = function() return item end"
    editor = scripted(HELLO)
    editor.lua(f"package.loaded['blink.cmp'] = {{ {menu} }}")
    editor.lua("vim.keymap.set('i', '<C-n>', function() vim.schedule(function() item = {} end) end)")
    editor.lua("vim.keymap.set('i', '<C-p>', function() vim.schedule(function() item = nil end) end)")
    editor.type("ihel")
    editor.until_ghost("lo(name)")
    for key, ghost in (("<C-n>", []), ("<C-p>", ["lo(name)"]), ("<C-n>", [])):
        editor.type(key)
        editor.until_ghost(*ghost)


def test_neovims_own_ghost_text_does_not_double_it(scripted: Scripted) -> None:
    """Where the user has `vim.lsp.inline_completion` on for everything, this server is taken out of it."""
    own = "vim.lsp.inline_completion"
    editor = scripted(HELLO, before=f"if {own} then {own}.enable() end\n")
    editor.type("ihel")
    editor.until_ghost("lo(name)")
    client = "vim.lsp.get_clients({ name = 'turnout' })[1].id"
    assert not editor.lua(f"return {own} and {own}.is_enabled({{ client_id = {client} }})")
