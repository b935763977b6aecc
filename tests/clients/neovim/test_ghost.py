"""Ghost text as it is on the screen of a real Neovim, with a server that answers what the test says."""

from collections.abc import Callable
from typing import Any

import pytest

from clients.neovim.conftest import methods
from clients.neovim.session import Neovim

pytestmark = pytest.mark.editor

Scripted = Callable[..., Neovim]
HELLO = {"after": "hel", "text": "lo(name)", "id": "h"}
BLOCK = {"after": "def f", "text": "(x):\n    return x\n"}


def test_a_suggestion_is_drawn_and_tab_inserts_it(scripted: Scripted) -> None:
    """What is on screen as ghost text is what Tab puts into the buffer, and the cursor is at its end."""
    editor = scripted(HELLO)
    editor.type("ihel")
    editor.until_ghost("lo(name)")
    assert editor.lines() == ["hel"]
    editor.type("<Tab>")
    editor.until(lambda: editor.lines() == ["hello(name)"], "the text")
    assert editor.cursor() == (1, len("hello(name)"))
    editor.until_ghost()


@pytest.mark.parametrize(
    ("text", "keys", "rule", "ghost", "accepted"),
    [
        ("", "idef f", BLOCK, ["(x):", "    return x"], ["def f(x):", "    return x", ""]),
        ("x\ny", "jAhel", HELLO, ["lo(name)"], ["x", "yhello(name)"]),
        ("f()", "A<Left>hel", HELLO, ["lo(name)"], ["f(hello(name))"]),
        ("f()", "A<Left>hel", {**HELLO, "replaces": ")", "text": "lo)"}, ["lo"], ["f(hello)"]),
        ("f(old)", "A<C-o>F(<Right>hel", {**HELLO, "replaces": "old)", "text": "lo)"}, ["lo)"], ["f(hello)"]),
        ("f()", "A<Left>hel", {**HELLO, "text": "lo(\n  1"}, ["lo(", "  1"], ["f(hello(", "  1)"]),
        ("", "ihel", {**HELLO, "typed": "hel", "text": "hello"}, ["lo"], ["hello"]),
        (
            "世界 = 1\né",
            "jAhel",
            {**HELLO, "text": "lo_世界(é)"},
            ["lo_世界(é)"],
            ["世界 = 1", "éhello_世界(é)"],
        ),
        ("", "i世界hel", {**HELLO, "typed": "世界hel", "text": "世界hello"}, ["lo"], ["世界hello"]),
        ("\t世", "Ahel", {**HELLO, "text": "l\to"}, ["l  o"], ["\t世hell\to"]),
        ("", "i🚂hel", {**HELLO, "replaces": ""}, ["lo(name)"], ["🚂hello(name)"]),
        ("", "ihel", {**HELLO, "text": "l\r\no"}, ["l", "o"], ["hell", "o"]),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32"])
def test_ghost_text_and_what_accepting_leaves(
    scripted: Scripted,
    text: str,
    keys: str,
    rule: dict[str, Any],
    ghost: list[str],
    accepted: list[str],
    encoding: str,
) -> None:
    """In any encoding, at the end and in the middle of lines, with wide characters and tabs, one and more lines."""
    editor = scripted(rule, text=text, encoding=encoding, before="vim.o.tabstop = 4\n")
    editor.type(keys)
    editor.until_ghost(*ghost)
    editor.type("<Tab>")
    editor.until(lambda: editor.lines() == accepted, f"{accepted}, not {editor.lines()}")
    document = next(iter(editor.server("test/documents").values()))
    assert document["text"].removesuffix("\n").split("\n") == accepted


def test_the_rest_of_the_line_is_shown_where_it_will_be(scripted: Scripted) -> None:
    """A suggestion of several lines in the middle of one shows the pushed-down rest at its own end."""
    editor = scripted({**HELLO, "text": "lo(\n  1"}, text="f() # end")
    editor.type("0f)ihel")
    editor.until_ghost("lo(", "  1")
    assert [line for line in editor.screen.lines() if line][:2] == ["f(hello(", "  1) # end"]


@pytest.mark.parametrize(
    ("keys", "kept"),
    [
        ("lo", ["(name)"]),
        ("l", ["o(name)"]),
        ("lo(", ["name)"]),
        ("lo<BS>", ["o(name)"]),
        ("lo<BS><BS>", ["lo(name)"]),
    ],
)
def test_typing_what_the_suggestion_says_keeps_it(scripted: Scripted, keys: str, kept: list[str]) -> None:
    """Typing through a suggestion asks the server nothing, and what is left stays on screen."""
    editor = scripted(HELLO)
    editor.type("ihel")
    editor.until_ghost("lo(name)")
    asked = len(methods(editor, "textDocument/inlineCompletion"))
    for key in keys.replace("<BS>", "\b"):
        editor.type("<BS>" if key == "\b" else key)
        editor.request("nvim_get_mode")
        assert editor.screen.ghost() != []
    editor.until_ghost(*kept)
    assert len(methods(editor, "textDocument/inlineCompletion")) == asked


def test_typing_through_a_line_end_follows_the_indentation(scripted: Scripted) -> None:
    """Where Enter indents as the suggestion does, the rest of it stays."""
    editor = scripted(BLOCK, before="vim.o.autoindent = true\n", text="", file="a.txt")
    editor.server("test/script", {"rules": [{"after": "  if x:", "text": "\n  go()"}]})
    editor.type("i  if x:")
    editor.until_ghost("  go()")
    editor.type("<CR>")
    editor.until_ghost("go()")
    editor.type("<Tab>")
    editor.until(lambda: editor.lines() == ["  if x:", "  go()"], "the text")


def test_typing_something_else_drops_the_suggestion_and_tells_the_server(scripted: Scripted) -> None:
    """What is on screen always fits the text, and the server hears that it was turned down."""
    editor = scripted(HELLO)
    editor.type("ihel")
    editor.until_ghost("lo(name)")
    editor.type("x")
    editor.until_ghost()
    assert methods(editor, "turnout/didReject") == [{"id": "h"}]
    assert editor.lines() == ["helx"]


PAIRS = """
vim.keymap.set("i", "(", "()<Left>")
vim.keymap.set("i", ")", function()
  return vim.fn.getline("."):sub(vim.fn.col("."), vim.fn.col(".")) == ")" and "<Right>" or ")"
end, { expr = true })
"""


@pytest.mark.parametrize(
    ("text", "keys", "first", "pressed", "line", "rejected"),
    [
        ("", "ihello", "(name)", "(", "hello()", []),
        ("f()", "A<Left>hello", ") + 1", ")", "f(hello)", []),
        ("", "ihello", "_x", "(", "hello()", [{"id": "h"}]),
    ],
)
def test_what_a_plugin_closes_is_no_rejection(
    scripted: Scripted, text: str, keys: str, first: str, pressed: str, line: str, rejected: list[Any]
) -> None:
    """Brackets that appear or are passed over behind the cursor, while one types what the suggestion says."""
    editor = scripted({"after": "hello", "text": first, "id": "h"}, text=text, before=PAIRS)
    editor.type(keys)
    editor.until_ghost(first)
    editor.type(pressed)
    editor.until_ghost()
    assert editor.lines() == [line]
    assert methods(editor, "turnout/didReject") == rejected


@pytest.mark.parametrize(
    ("key", "expected", "told"),
    [
        ("<M-Right>", ["hello"], {"accepted": "word", "length": 2}),
        ("<M-Right><M-Right>", ["hello("], {"accepted": "word", "length": 3}),
        ("<M-Right><M-Right><M-Right>", ["hello(name"], {"accepted": "word", "length": 7}),
        ("<M-Down>", ["hello(name)"], {"accepted": "line", "length": 8}),
        ("<M-Down><M-Down>", ["hello(name)", "  x"], {"accepted": "full", "length": 12}),
        ("<Tab>", ["hello(name)", "  x"], {"accepted": "full", "length": 12}),
    ],
)
def test_a_part_can_be_accepted(
    scripted: Scripted, key: str, expected: list[str], told: dict[str, Any]
) -> None:
    """A word or a line is inserted, the rest stays on screen, and the server hears how much was taken."""
    editor = scripted({**HELLO, "text": "lo(name)\n  x"})
    editor.type("ihel")
    editor.until_ghost("lo(name)", "  x")
    editor.type(key)
    editor.until(lambda: editor.lines() == expected, f"{expected}, not {editor.lines()}")
    assert methods(editor, "turnout/didAccept")[-1] == {"id": "h", **told}
    assert methods(editor, "turnout/didShow") == [{"id": "h"}]
    assert methods(editor, "turnout/didReject") == []


def test_accepting_is_an_undo_step_of_its_own(scripted: Scripted) -> None:
    """Undo takes back the suggestion and leaves what was typed; the ghost text does not come back with it."""
    editor = scripted(HELLO)
    editor.type("ihel")
    editor.until_ghost("lo(name)")
    editor.type("<Tab><Esc>")
    editor.until(lambda: editor.lines() == ["hello(name)"], "the text")
    editor.type("u")
    editor.until(lambda: editor.lines() == ["hel"], "what was typed")
    assert editor.screen.ghost() == []


@pytest.mark.parametrize("keys", ["<Esc>", "<C-c>", "<C-]>", "<Left>", "<C-o>:new<CR>", "<C-w>", "<CR>"])
def test_it_goes_when_its_place_goes(scripted: Scripted, keys: str) -> None:
    """Leaving insert mode, dismissing, moving and going elsewhere leave no ghost text and no mark behind."""
    editor = scripted(HELLO)
    editor.type("ihel")
    editor.until_ghost("lo(name)")
    editor.type(keys)
    editor.until_ghost()
    assert leftover_marks(editor) == []


def leftover_marks(editor: Neovim) -> list[Any]:
    """Marks of the plugin in any buffer."""
    found: list[Any] = editor.lua(
        """
        local found, ns = {}, vim.api.nvim_create_namespace("turnout.ghost")
        for _, buf in ipairs(vim.api.nvim_list_bufs()) do
          vim.list_extend(found, vim.api.nvim_buf_get_extmarks(buf, ns, 0, -1, {}))
        end
        return found
        """
    )
    return found


@pytest.mark.parametrize(
    ("init", "keys"),
    [
        ("vim.o.virtualedit = 'all'", "i<End><Right>"),
        ("vim.b.turnout = false", "i<End>"),
        (
            "vim.o.foldopen = ''; vim.api.nvim_buf_set_lines(0, 0, -1, false, { 'abc', 'hel', 'x' }); "
            "vim.cmd('2,3fold')",
            "A<Down>",
        ),
        ("vim.bo.filetype = 'secret'", "i<End>"),
        ("", "Rhel"),
    ],
)
def test_it_stays_away(scripted: Scripted, init: str, keys: str) -> None:
    """Right of the end of a line, where it was turned off, in a closed fold and in replace mode nothing is shown."""
    editor = scripted(HELLO, text="hel", options="ghost = { disabled_filetypes = { 'secret' } }")
    editor.lua(init)
    editor.type(keys)
    editor.until(lambda: editor.request("nvim_get_mode")["mode"][0] in "iR", "the mode")
    editor.server("test/log")  # whatever was asked for has been answered
    assert editor.screen.ghost() == []
    assert leftover_marks(editor) == []


def test_a_long_suggestion_wraps_with_its_line(scripted: Scripted) -> None:
    """Ghost text past the window's edge goes on in the next row; a concealed part of the line does not shift it."""
    text = "lo" + "x" * 60 + "END"
    editor = scripted({**HELLO, "text": text}, text="a||b", size=(40, 10), file="a.txt")
    editor.lua("vim.fn.matchadd('Conceal', '||'); vim.wo.conceallevel = 3; vim.wo.concealcursor = 'i'")
    editor.type("Ahel")
    editor.until(lambda: "".join(editor.screen.ghost()) == text, "the whole suggestion")
    assert len(editor.screen.ghost()) == 2


def test_a_file_without_a_filetype_is_served(scripted: Scripted) -> None:
    """Neovim starts no server for such a file; inserting into it does."""
    editor = scripted(HELLO)
    editor.command("edit plain")
    assert editor.lua("return vim.bo.filetype") == ""
    editor.type("ihel")
    editor.until_ghost("lo(name)")
    assert editor.lua("return #vim.lsp.get_clients({ name = 'turnout' })") == 1


def test_an_answer_for_older_text_is_dropped(scripted: Scripted) -> None:
    """Each change cancels the request before it, and what still comes of it is not shown."""
    editor = scripted(HELLO, {"after": "help", "text": "_me"})
    editor.server("test/hold")
    editor.type("ihel")
    editor.until(lambda: len(methods(editor, "textDocument/inlineCompletion")) >= 1, "a request")
    editor.type("p")
    editor.until(lambda: editor.lines() == ["help"], "the letter")
    editor.until(lambda: methods(editor, "$/cancelRequest"), "the cancellation")
    editor.server("test/release")
    editor.until_ghost("_me")


@pytest.mark.parametrize(
    ("options", "text", "keys", "suggestion", "rows"),
    [
        ("number = true", "x", "Ahel", "lo", ["  1 xhello"]),
        ("tabstop = 4", "\t世", "Ahel", "l\tx\n\t世", ["    世hell  x", "    世"]),
        ("vartabstop = '2,6'", "", "ihel", "lo\n\ta\tb", ["hello", "  a     b"]),
        ("list = true", "\tx", "Ahel", "lo", [">       xhello"]),
        ("tabstop = 4", "f(a, 世)", "f)i, hel", "lo(\n\t1", ["f(a, 世, hello(", "    1)"]),
        ("signcolumn = 'yes:2'", "x", "Ahel", "lo", ["    xhello"]),
        (
            "breakindent = true",
            "    " + "y" * 70,
            "Ahel",
            "lo" * 4,
            ["    " + "y" * 70 + "hello", "    lololo"],
        ),
        ("virtualedit = 'onemore'", "x", "Ahel", "lo", ["xhello"]),
        ("rightleft = true", "", "ihel", "lo", None),
        ("foldmethod = 'manual'", "x\ny\nz", "zfjGohel", "lo\nz", None),
    ],
)
def test_it_stands_where_the_text_will_be(
    scripted: Scripted, options: str, text: str, keys: str, suggestion: str, rows: list[str] | None
) -> None:
    """With the options that move text on the screen: accepting changes no cell but those of the ghost text's colour.

    A last line that is accepted pushes what is below it down, and virtual lines do so before.
    """
    editor = scripted({**HELLO, "text": suggestion}, text=text, size=(79, 16), file="a.txt")
    editor.lua("vim.o.shiftwidth = 0; vim.o.expandtab = false; vim.opt_local." + options)
    editor.type(keys)
    editor.until(lambda: editor.screen.ghost(), "the ghost text")
    before = [row for row in editor.screen.lines() if row != "~"]
    if rows is not None:
        assert before[: len(rows)] == rows
    editor.type("<Tab>")
    editor.until(lambda: not editor.screen.ghost(), "the text")
    editor.lua("vim.cmd.redraw()")
    assert [row for row in editor.screen.lines() if row != "~"] == before


def test_at_the_end_of_a_file_that_fills_the_window(scripted: Scripted) -> None:
    """The first line of the suggestion is in its place, and after accepting the rest is on screen too."""
    text = "\n".join(f"line {n}" for n in range(40))
    editor = scripted({**HELLO, "text": "lo\n  end"}, text=text, file="a.txt")
    editor.type("Gohel")
    editor.until(lambda: editor.screen.ghost(), "the ghost text")
    assert editor.screen.ghost()[0] == "lo"
    editor.type("<Tab>")
    editor.until(lambda: editor.lines()[-2:] == ["hello", "  end"], "the text")
    editor.until_shown("  end")


def test_a_colour_scheme_keeps_its_colour(scripted: Scripted) -> None:
    """The groups stay linked to the standard ones whatever scheme comes later."""
    editor = scripted(before="vim.cmd.highlight('clear TurnoutGhost')\n")
    linked = "return vim.api.nvim_get_hl(0, { name = 'TurnoutGhost' }).link"
    editor.type("i<Esc>")
    editor.until(lambda: editor.lua(linked) == "Comment", "the link")
    editor.command("colorscheme habamax")
    assert editor.lua(linked) == "Comment"


def test_alternatives_are_gone_through(scripted: Scripted) -> None:
    """The next and the previous suggestion replace each other on screen, and each is reported once."""
    editor = scripted(HELLO, {"after": "hel", "text": "p()", "id": "p"})
    editor.type("ihel")
    for key, ghost in [("", "lo(name)"), ("<M-]>", "p()"), ("<M-]>", "lo(name)"), ("<M-[>", "p()")]:
        editor.type(key)
        editor.until_ghost(ghost)
    assert methods(editor, "turnout/didShow") == [{"id": "h"}, {"id": "p"}]
    editor.type("p")
    editor.until_ghost("()")


def test_pause_and_resume(scripted: Scripted) -> None:
    """While paused nothing is asked and nothing is shown."""
    editor = scripted(HELLO)
    editor.command("Turnout pause")
    editor.type("ihel")
    editor.until(lambda: editor.lines() == ["hel"], "the text")
    assert methods(editor, "textDocument/inlineCompletion") == []
    editor.type("<Esc>:Turnout resume<CR>A<BS>l")
    editor.until_ghost("lo(name)")


def test_without_automatic_requests_a_key_asks(scripted: Scripted) -> None:
    """`ghost.auto = false` leaves only the trigger key."""
    editor = scripted(HELLO, options="ghost = { auto = false }")
    editor.type("ihel")
    editor.until(lambda: editor.lines() == ["hel"], "the text")
    assert methods(editor, "textDocument/inlineCompletion") == []
    editor.type("<M-\\>")
    editor.until_ghost("lo(name)")
    assert methods(editor, "textDocument/inlineCompletion")[0]["context"] == {"triggerKind": 1}


def test_a_server_that_dies_comes_back(scripted: Scripted) -> None:
    """After a crash in the middle of a request the text and the keys are as before, and suggestions return."""
    editor = scripted(HELLO)
    editor.type("ihel")
    editor.until_ghost("lo(name)")
    editor.server("test/hold")
    asked = len(methods(editor, "textDocument/inlineCompletion"))
    editor.type("x")
    editor.until(lambda: len(methods(editor, "textDocument/inlineCompletion")) > asked, "a request under way")
    dead = editor.lua("return vim.lsp.get_clients({ name = 'turnout' })[1].id")
    editor.lua("vim.lsp.get_client_by_id(...):request('test/crash', {}, function() end)", dead)
    alive = """
        local c = vim.lsp.get_clients({ name = "turnout", bufnr = 0 })[1]
        return c and c.initialized and c.id ~= ...
    """
    editor.until(lambda: editor.lua(alive, dead), "another server")
    editor.until_ghost()
    editor.server("test/script", {"rules": [HELLO]})
    editor.type("<BS>")
    editor.until_ghost("lo(name)")
    editor.type("<Tab>")
    editor.until(lambda: editor.lines() == ["hello(name)"], "the text")
