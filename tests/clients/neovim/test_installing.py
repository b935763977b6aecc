"""The ways in which the plugin comes onto the runtime path, as the README shows them, and what others build on it."""

import os
import shutil
import subprocess
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest

from clients.install import debian
from clients.install.base import once
from clients.neovim.conftest import PLUGIN, Start, installed, setup_call, wait_for_server
from clients.neovim.screen import GHOST_COLOUR
from clients.neovim.session import Neovim
from clients.other_editors.documented import blocks, configuration
from support.home import TURNOUT, Home

pytestmark = pytest.mark.editor

PLACEHOLDERS = ("https://example.com/turnout.git", "/path/to/turnout")
WITHOUT_PLUGIN = f"vim.opt.runtimepath:remove({str(PLUGIN)!r})\n"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A git repository with the plugin where this one has it."""
    path = tmp_path / "turnout.git"
    shutil.copytree(PLUGIN, path / "clients" / "neovim")
    identity = ("-c", "user.name=test", "-c", "user.email=test@localhost")
    for words in (("init", "-q", "-b", "main"), ("add", "."), (*identity, "commit", "-q", "-m", "plugin")):
        subprocess.run(["git", *words], cwd=path, check=True, capture_output=True)
    return path


def from_readme(number: int, repository: Path) -> str:
    """A block of Lua under "Install", made to fetch `repository` and to start the scripted server."""
    address, folder = PLACEHOLDERS
    text = blocks(PLUGIN / "README.md", "Install")[number]
    text = text.replace(address, repository.as_uri()).replace(folder, str(repository))
    return WITHOUT_PLUGIN + text.replace('require("turnout").setup({})', setup_call())


def serves(editor: Neovim, repository: Path) -> None:
    """The plugin that runs is the repository's or a clone's: its help is found, its command there, its server up."""
    wait_for_server(editor)
    (found,) = editor.lua("return vim.api.nvim_get_runtime_file('lua/turnout/init.lua', true)")
    assert not found.startswith(str(PLUGIN))
    editor.server("test/script", {"rules": [{"after": "hel", "text": "lo"}]})
    editor.type("ihel")
    editor.until_ghost("lo")
    editor.type("<Esc>:Turnout why<CR>")
    editor.until(lambda: "the cursor is in a comment" in editor.messages(), "the command")
    editor.command("help turnout")
    assert "rror" not in editor.messages()


def test_a_folder_on_the_runtime_path(start: Start, repository: Path) -> None:
    """A clone's folder is all that is needed."""
    serves(start(from_readme(2, repository)), repository)


def test_vim_pack(start: Start, repository: Path, binary: Path) -> None:
    """Neovim's own package manager clones the repository, after asking, and the plugin runs from the clone."""
    if "0.11" in str(binary):
        pytest.skip("vim.pack came with Neovim 0.12")
    editor = start(from_readme(0, repository), size=(120, 24))
    editor.until_shown("will be installed")
    editor.type("y")
    serves(editor, repository)
    assert editor.lua("return vim.pack.get()[1].path"), "vim.pack knows of the plugin"


def plugins(*names: str) -> dict[str, Path]:
    """Checkouts of other plugins in the folder that `TURNOUT_NEOVIM_PLUGINS` names; skips the test without them.

    PyPI, npm and Debian have none of them, and tests fetch from nowhere else.
    """
    folder = Path(os.environ.get("TURNOUT_NEOVIM_PLUGINS", "/nowhere"))
    missing = [name for name in names if not (folder / name).is_dir()]
    if missing:
        pytest.skip(f"TURNOUT_NEOVIM_PLUGINS has no {', '.join(missing)}")
    return {name: folder / name for name in names}


def test_lazy(start: Start, repository: Path, tmp_path: Path) -> None:
    """lazy.nvim clones the repository and runs the plugin from the clone."""
    lazy = plugins("lazy.nvim")["lazy.nvim"]
    spec = from_readme(1, repository).removeprefix(WITHOUT_PLUGIN)
    init = f"""
        vim.opt.runtimepath:prepend({str(lazy)!r})
        vim.g.mapleader = " "
        require("lazy").setup({{ spec = {{ {spec} }}, root = {str(tmp_path / "lazy")!r},
          lockfile = {str(tmp_path / "lock.json")!r}, rocks = {{ enabled = false }},
          -- A Neovim that was unpacked privately has its parsers where lazy.nvim does not look.
          performance = {{ rtp = {{ reset = false }} }} }})
        vim.api.nvim_set_hl(0, "TurnoutGhost", {{ fg = {GHOST_COLOUR} }}) -- lazy.nvim sets a colour scheme
    """
    editor = start(WITHOUT_PLUGIN + init, size=(120, 24))
    editor.until(lambda: editor.lua("return package.loaded.turnout ~= nil"), "the plugin")
    editor.lua(
        "for _, win in ipairs(vim.api.nvim_list_wins()) do "
        "if vim.api.nvim_win_get_config(win).relative ~= '' then vim.api.nvim_win_close(win, true) end end"
    )
    editor.command("edit! a.py")
    serves(editor, repository)


def lualine(directory: Path) -> Path:
    """The statusline plugin, as Debian packages it. Raises InstallError."""

    def build(home: Path) -> None:
        debian.unpack(home, "neovim-lualine", alone=True)

    home = once(directory, "lualine", build)
    return next((home / "root").glob("usr/share/**/lua/lualine.lua")).parents[1]


def test_the_component_of_lualine(scripted: Callable[..., Neovim]) -> None:
    """`"turnout"` is a component of lualine that shows what the statusline function says."""
    path = installed("lualine", lualine)
    before = f"vim.opt.runtimepath:append({str(path)!r})\n"
    editor = scripted(before=before, size=(100, 16))
    editor.lua("vim.o.laststatus = 2")
    editor.lua(
        "require('lualine').setup({ options = { icons_enabled = false }, sections = { lualine_x = { 'turnout' } } })"
    )
    status = {"state": "ready", "model": "near", "leavesMachine": False, "lastLatencyMs": 31.4}
    editor.server("test/script", {"status": status})
    editor.until_shown("turnout: near 31 ms")


LOOKS_BEFORE_ASKING_AGAIN = 100
NATIVE_COLOURS = "vim.api.nvim_set_hl(0, 'ComplHint', { fg = 0x123456 })\n"


def test_neovim_without_the_plugin(home: Home, start: Start, binary: Path) -> None:
    """The documented lines alone: on 0.12 Neovim's own ghost text, which Tab accepts, and on 0.11 omni completion."""
    home.write(".turnout.toml", "")
    home.write("a.py", "x = 1\n")
    documented = configuration("Neovim without the plugin").replace(
        '"turnout", "serve"', f'"{TURNOUT}", "serve"'
    )
    editor = start(WITHOUT_PLUGIN + NATIVE_COLOURS + documented, env=home.environment(), directory=home.work)
    wait_for_server(editor)
    editor.type("ohel")
    if "0.11" in str(binary):
        looks = count()

        def is_there() -> bool:
            """Ask for the menu, and now and then again: no menu waits while the model is loaded."""
            if next(looks) % LOOKS_BEFORE_ASKING_AGAIN == 0:
                editor.type("<C-x><C-o>")
            return editor.lines() == ["x = 1", "hello_from_fake(42)"]

        editor.until(is_there, "the text")
    else:
        editor.until_ghost("lo_from_fake(42)")
        editor.type("<Tab>")
        editor.until(lambda: editor.lines() == ["x = 1", "hello_from_fake(42)"], "the text")
    editor.type("<Tab>!")
    editor.until(lambda: editor.lines()[1].startswith("hello_from_fake(42) "), "Tab as it was")
    assert "rror" not in editor.messages()
