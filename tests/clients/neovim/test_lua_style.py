"""The Lua of the plugin, held to its formatter and its linter."""

import subprocess

import pytest

from clients.install.lua_tools import luacheck, stylua
from clients.install.neovim import install
from clients.neovim.conftest import PLUGIN, installed

pytestmark = pytest.mark.editor


def check(*command: object) -> None:
    """Run a tool in the plugin's folder; its findings fail the test."""
    done = subprocess.run(
        [str(word) for word in command], cwd=PLUGIN, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_file_is_formatted() -> None:
    """`stylua .` would change nothing."""
    check(installed("StyLua", stylua), "--check", ".")


def test_the_linter_finds_nothing() -> None:
    """No unused or shadowed name, no unknown global, no line over 120 columns."""
    neovim = installed("Neovim", lambda directory: install(directory, "0.11"))
    check(neovim, "-l", installed("luacheck", luacheck), "--config", ".luacheckrc", ".")
