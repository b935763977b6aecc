"""The installed `turnout serve` in a real Neovim: with the fake engine, and once with the real model."""

import asyncio
import json
import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from clients.neovim.conftest import Start, wait_for_server
from clients.neovim.session import Neovim
from support.home import TURNOUT, Home
from support.provider import openai_answer
from support.scripted_server import scripted_server

pytestmark = pytest.mark.editor

FILES = {
    "a.py": "alpha = 1\nuse(alpha)\n",
    "b.py": "from a import alpha\n",
    "c.py": "print('é', alpha)\n",
}
RENAMED = {name: text.replace("alpha", "omega") for name, text in FILES.items()}
BLOCKS = """I rename it, and move the printing.

a.py
<<<<<<< SEARCH
alpha = 1
use(alpha)
=======
omega = 1
use(omega)
>>>>>>> REPLACE

b.py
<<<<<<< SEARCH
from a import alpha
=======
from a import omega
>>>>>>> REPLACE

new/d.py
<<<<<<< SEARCH
=======
from a import omega
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


def whole_files() -> str:
    """A script of the fake engine: each file is answered with its new text."""
    rules = [{"contains": f"File {name}:", "text": f"{name}\n```\n{RENAMED[name]}```\n"} for name in FILES]
    return json.dumps({"chat": rules})


def leave(editor: Neovim, answer: str) -> None:
    """Leave the preview and answer its question."""
    editor.type("q")
    editor.until_shown("hunks?")
    editor.type(answer)


def test_a_refactor_by_the_local_model(installed: Installed) -> None:
    """Three files previewed, one rejected, two applied to buffers and not to the disk, and all undone."""
    for name, text in FILES.items():
        installed.home.write(name, text)
    editor = installed.edit("a.py", TURNOUT_FAKE_SCRIPT=whole_files())
    editor.command("Turnout refactor rename alpha to omega")
    for name in FILES:
        editor.until_shown(f"[x] {name}")
    editor.lua("vim.fn.search('b.py')")
    editor.type("x")
    editor.until_shown("[ ] b.py")
    leave(editor, "a")
    after = {"a.py": RENAMED["a.py"], "c.py": RENAMED["c.py"]}
    editor.until(lambda: texts(editor) == after, f"{after}, not {texts(editor)}")
    assert {name: installed.home.read(name) for name in FILES} == FILES
    editor.until(lambda: "applied" in editor.messages(), "the report")
    editor.command("Turnout undo")
    before = {"a.py": FILES["a.py"], "c.py": FILES["c.py"]}
    editor.until(lambda: texts(editor) == before, f"{before}, not {texts(editor)}")


@contextmanager
def provider(*answers: bytes) -> Iterator[str]:
    """The URL of a hosted model that gives these answers."""
    ready: queue.Queue[tuple[str, asyncio.AbstractEventLoop, asyncio.Event]] = queue.Queue()

    async def serve() -> None:
        end = asyncio.Event()
        async with scripted_server(*answers) as server:
            ready.put((server.url, asyncio.get_running_loop(), end))
            await end.wait()

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    url, loop, end = ready.get()
    try:
        yield url
    finally:
        loop.call_soon_threadsafe(end.set)
        thread.join()


def configure_far(home: Home, url: str) -> None:
    """Send refactors to a model that is not on this machine."""
    home.configure(
        f'[models.far]\napi = "openai-chat"\nmodel = "far"\nbase_url = "{url}/v1"\nleaves_machine = true\n'
        'jurisdiction = "EU"\n[routes.refactor]\nmodels = ["far"]\n[privacy]\nleaves_machine = "ask"\n'
    )


def test_a_refactor_by_a_remote_model_asks_first(installed: Installed) -> None:
    """After consent the hosted model's answer edits, creates and deletes files, and undo brings all back."""
    for name, text in FILES.items():
        installed.home.write(name, text)
    with provider(openai_answer(BLOCKS)) as url:
        configure_far(installed.home, url)
        editor = installed.edit("a.py")
        editor.type(":Turnout refactor rename alpha to omega<CR>")
        editor.until_shown("Send once")
        editor.type("1<CR>")
        for shown in (
            "[x] a.py",
            "[x] b.py",
            "[x] new/d.py (create)",
            "[x] c.py (delete)",
            "left this machine",
        ):
            editor.until_shown(shown)
        leave(editor, "a")
        after = {"a.py": RENAMED["a.py"], "b.py": RENAMED["b.py"], "new/d.py": "from a import omega\n"}
        editor.until(lambda: texts(editor) == after, f"{after}, not {texts(editor)}")
        editor.until(lambda: not (installed.home.work / "c.py").exists(), "c.py is deleted")
        assert not (installed.home.work / "new").exists()
        editor.until(lambda: "applied" in editor.messages(), "the report")
        editor.command("Turnout undo")
        editor.until(lambda: "was taken back" in editor.messages(), "the report of the undo")
        left = texts(editor)
        assert (left["a.py"], left["b.py"]) == (FILES["a.py"], FILES["b.py"])
        assert "new/d.py" not in left
        assert left.get("c.py") or installed.home.read("c.py") == FILES["c.py"]


def test_a_plan_is_corrected_and_kept_to(installed: Installed) -> None:
    """The real server's plan is shown, corrected and approved; what goes beyond it is not among the changes."""
    for name, text in FILES.items():
        installed.home.write(name, text)
    plan = "SUMMARY: Rename alpha.\nEDIT a.py: the name\nEDIT b.py: the import\nEDIT ../x.py: y\n"
    replies = (plan, "SUMMARY: Not in b.py.\nEDIT a.py: the name\n", BLOCKS, BLOCKS)
    with provider(*map(openai_answer, replies)) as url:
        configure_far(installed.home, url)
        installed.home.write(".turnout.toml", '[routes.refactor]\nplan = "ask"\n')
        editor = installed.edit("a.py", 'settings = { privacy = { leaves_machine = "allow" } },')
        editor.type(":Turnout refactor rename alpha to omega<CR>")
        for shown in ("edit    b.py: the import", "may not be done: ../x.py", "far, leaves this machine"):
            editor.until_shown(shown)
        editor.type("c")
        editor.until_shown("Correct the plan:")
        editor.type("not in b.py<CR>")
        editor.until_shown("Not in b.py.")
        editor.type("a")
        editor.until_shown("[x] a.py")
        editor.until_shown("incomplete: a part of")
        screen = editor.screen.text()
        assert "] b.py" not in screen
        assert "] c.py" not in screen
        assert "] new/d.py" not in screen
    assert {name: installed.home.read(name) for name in FILES} == FILES


@pytest.mark.parametrize("keys", ["3<CR>", "<Esc>"])
def test_without_consent_nothing_is_sent(installed: Installed, keys: str) -> None:
    """Closing the question is no consent: the refactor ends with the reason, and the provider hears nothing."""
    installed.home.write("a.py", FILES["a.py"])
    configure_far(installed.home, "http://127.0.0.1:9")
    editor = installed.edit("a.py")
    editor.type(":Turnout refactor rename alpha to omega<CR>")
    editor.until_shown("Send once")
    editor.type(keys)
    said = editor.until(editor.messages, "the reason")
    assert "far" in said
    assert texts(editor) == {"a.py": FILES["a.py"]}


def test_the_server_explains_itself(installed: Installed) -> None:
    """`why`, `explain` and `status` show what the real server answers."""
    installed.home.write("a.py", "x = 1\n")
    editor = installed.edit("a.py")
    editor.type(":Turnout explain inline<CR>")
    editor.until_shown("inline goes to")
    editor.type(":Turnout why<CR>")
    editor.until(lambda: "turnout: " in editor.messages(), "a reason")


def test_the_health_report_of_the_installed_server(installed: Installed) -> None:
    """`:checkhealth` has findings of the running server, its worker, GPU, models, routes and keys, and no error."""
    installed.home.write("a.py", "")
    editor = installed.edit("a.py", ANTHROPIC_API_KEY="sk-secret")
    editor.command("checkhealth turnout")
    text = "\n".join(editor.lines())
    for part in (
        "Neovim 0.1",
        "OK server: ",
        "offers suggestions",
        "inline goes to near",
        "worker: ",
        "gpu: ",
        "key: ",
    ):
        assert part in text, text
    assert "sk-secret" not in text


def test_the_server_learns_where_the_cursor_rests(installed: Installed) -> None:
    """The installed server asks for `turnout/cursor` and takes it without a word."""
    installed.home.write("a.py", "x = 1\ny = 2\n")
    editor = installed.edit("a.py")
    editor.lua(
        """
        vim.g.told = 0
        local client = vim.lsp.get_clients({ name = "turnout" })[1]
        local notify = client.notify
        client.notify = function(self, method, ...)
          vim.g.told = vim.g.told + (method == "turnout/cursor" and 1 or 0)
          return notify(self, method, ...)
        end
        """
    )
    editor.type("j")
    editor.until(lambda: editor.lua("return vim.g.told") == 1, "the notification")
    assert editor.server("turnout/explain", {"kind": "inline"})["chosen"] == "near"
    assert "rror" not in editor.messages()


def test_hostile_settings_of_a_workspace_are_ignored(installed: Installed) -> None:
    """A repository cannot put an endpoint and a key in the place of the local model, and the user is told."""
    installed.home.write(
        ".turnout.toml",
        '[models.near]\napi = "openai-chat"\nbase_url = "http://127.0.0.1:9/v1"\nkey = "env:HOME"\n'
        '[privacy]\nleaves_machine = "allow"\n',
    )
    installed.home.write("a.py", "")
    editor = installed.edit("a.py")
    editor.until(lambda: "models.near.api" in editor.messages(), "the warning")
    editor.type("ihel")
    editor.until_ghost("lo_from_fake(42)")


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
