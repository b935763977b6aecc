"""The installed `turnout serve` in a real Neovim: with the fake engine, and once with the real model."""

import json
from dataclasses import dataclass

import pytest

from clients.neovim.conftest import Start, wait_for_server
from clients.neovim.session import Neovim
from support.home import TURNOUT, Home

pytestmark = pytest.mark.editor

FILES = {
    "a.py": "one = 1\nuse(one)\n",
    "b.py": "from a import one\n",
    "c.py": "print('é', one)\n",
}
REPLY = """I rename it in all three files.

a.py
<<<<<<< SEARCH
one = 1
=======
uno = 1
>>>>>>> REPLACE

a.py
<<<<<<< SEARCH
use(one)
=======
use(uno)
>>>>>>> REPLACE

b.py
<<<<<<< SEARCH
from a import one
=======
from a import uno
>>>>>>> REPLACE

new/d.py
<<<<<<< SEARCH
=======
from a import uno
>>>>>>> REPLACE

*** Delete File: c.py
"""


@dataclass
class Installed:
    """Starts editors whose server is the installed command, for one imaginary user."""

    home: Home
    start: Start

    def edit(self, name: str, options: str = "", **env: str) -> Neovim:
        """An editor on a file of the workspace, with its server running."""
        setup = f'require("turnout").setup({{ cmd = {{ "{TURNOUT}", "serve", "--stdio" }}, {options} }})'
        editor = self.start(
            setup, name, env=self.home.environment(**env), directory=self.home.work, size=(140, 24)
        )
        return wait_for_server(editor)


@pytest.fixture
def installed(home: Home, start: Start) -> Installed:
    """The command as a user has it, with an empty workspace."""
    home.write(".turnout.toml", "")
    return Installed(home, start)


def test_ghost_text_of_the_installed_server(installed: Installed) -> None:
    """From a key to the screen and into the buffer, through the real server and the real worker's fake engine."""
    installed.home.write("a.py", "x = 1\n")
    editor = installed.edit("a.py")
    editor.type("ohel")
    editor.until_ghost("lo_from_fake(42)")
    editor.type("lo")
    editor.until_ghost("_from_fake(42)")
    editor.type("<M-Right>")
    editor.until(lambda: editor.lines() == ["x = 1", "hello_from_fake"], "the word")
    editor.type("<Tab>")
    editor.until(lambda: editor.lines() == ["x = 1", "hello_from_fake(42)"], "the rest")
    status = "local s = require('turnout.status').get(); return s and s.model"
    editor.until(lambda: editor.lua(status), "a status with a model")
    assert "rror" not in editor.messages()


def test_two_editors_share_what_the_server_needs(installed: Installed) -> None:
    """A second window of the same user is served as well, by a server of its own."""
    installed.home.write("a.py", "")
    installed.home.write("b.py", "")
    for name in ("a.py", "b.py"):
        editor = installed.edit(name)
        editor.type("ihel")
        editor.until_ghost("lo_from_fake(42)")


def texts(editor: Neovim) -> dict[str, str]:
    """Text of every loaded file buffer, by its path in the workspace."""
    found: dict[str, str] = editor.lua(
        """
        local texts = vim.empty_dict()
        for _, buf in ipairs(vim.api.nvim_list_bufs()) do
          if vim.api.nvim_buf_is_loaded(buf) and vim.bo[buf].buftype == "" then
            local name = vim.fn.fnamemodify(vim.api.nvim_buf_get_name(buf), ":.")
            texts[name] = table.concat(vim.api.nvim_buf_get_lines(buf, 0, -1, false), "\\n") .. "\\n"
          end
        end
        return texts
        """
    )
    return found


def test_a_refactor_of_the_installed_server(installed: Installed) -> None:
    """Four files previewed, one hunk rejected, the rest applied, everything undone."""
    for name, text in FILES.items():
        installed.home.write(name, text)
    script = json.dumps({"chat": [{"contains": "rename", "text": REPLY}]})
    editor = installed.edit("a.py", TURNOUT_FAKE_SCRIPT=script)
    editor.command("Turnout refactor rename one to uno")
    editor.until_shown("I rename it in all three files.")
    for shown in ("[x] a.py", "[x] b.py", "[x] new/d.py (create)", "[x] c.py (delete)"):
        editor.until_shown(shown)
    editor.lua("vim.fn.search('b.py')")
    editor.type("x")
    editor.until_shown("[ ] b.py")
    editor.type("q")
    editor.until_shown("hunks?")
    editor.type("a")
    after = {"a.py": "uno = 1\nuse(uno)\n", "new/d.py": "from a import uno\n"}
    editor.until(lambda: texts(editor) == after, f"{after}, not {texts(editor)}")
    assert not (installed.home.work / "c.py").exists()
    assert installed.home.read("a.py") == FILES["a.py"]
    assert not (installed.home.work / "new").exists()
    editor.until(lambda: "applied" in editor.messages(), "the report")
    editor.command("Turnout undo")
    editor.until(lambda: "was taken back" in editor.messages(), "the report of the undo")
    assert texts(editor)["a.py"] == FILES["a.py"]
    assert "new/d.py" not in texts(editor)
    everything = {
        **{name: installed.home.read(name) for name in ("a.py", "b.py")},
        "c.py": texts(editor).get("c.py"),
    }
    everything["c.py"] = everything["c.py"] or installed.home.read("c.py")
    assert everything == FILES


def test_the_server_explains_itself(installed: Installed) -> None:
    """`why`, `explain` and `status` show what the real server answers."""
    installed.home.write("a.py", "x = 1\n")
    editor = installed.edit("a.py")
    editor.type(":Turnout explain inline<CR>")
    editor.until_shown("`inline` goes to")
    editor.type(":Turnout why<CR>")
    editor.until(lambda: "turnout: " in editor.messages(), "a reason")


def test_hostile_settings_of_a_workspace_are_ignored(installed: Installed) -> None:
    """A repository cannot name an endpoint or a key: suggestions stay local, and the user is told."""
    installed.home.write(
        ".turnout.toml",
        '[models.evil]\napi = "openai-chat"\nbase_url = "http://127.0.0.1:9/v1"\nkey = "env:HOME"\nmodel = "x"\n'
        '[routes.inline]\nmodels = ["evil"]\n',
    )
    installed.home.write("a.py", "")
    editor = installed.edit("a.py")
    editor.type("ihel")
    editor.until(lambda: editor.screen.ghost() or "evil" in editor.messages(), "the server's answer")
    explain = editor.server("turnout/explain", {"kind": "inline"})
    assert "evil" not in json.dumps(explain["candidates"])


@pytest.mark.real_model
def test_ghost_text_of_the_real_model(installed: Installed, real_model: str) -> None:
    """A quantized model on this machine completes Python, and what is on the screen is what Tab inserts."""
    installed.home.configure(f'[models.near]\npath = "{real_model}"\n')
    installed.home.write("a.py", "def add(a, b):\n    return a + b\n\n\ndef subtract(a, b):\n")
    editor = installed.edit("a.py", TURNOUT_ENGINE="")
    editor.type("Go    return")
    ghost = editor.until(lambda: editor.screen.ghost(), "a completion")
    assert "a - b" in ghost[0]
    editor.type("<Tab>")
    editor.until(lambda: "a - b" in editor.lines()[5], "the completion")
