"""The formatter and the linter of the Lua client: StyLua from npm, luacheck from Debian, run by Neovim's own Lua."""

import shutil
from pathlib import Path

from clients.install.base import InstallError, once, run

STYLUA = "@johnnymorganz/stylua-bin@2.5.2"
LUACHECK_PACKAGES = ("lua-check", "lua-argparse", "lua-filesystem")

_LUACHECK = """
package.path = "{lua}/?.lua;{lua}/?/init.lua;" .. package.path
package.cpath = "{compiled}/?.so;" .. package.cpath
require("luacheck.main")
"""


def stylua(directory: Path) -> Path:
    """StyLua's command, installed under `directory`. Raises InstallError."""
    return once(directory, "stylua", _install_stylua) / "node_modules" / ".bin" / "stylua"


def luacheck(directory: Path) -> Path:
    """A script for `nvim -l` that is luacheck, installed under `directory`. Raises InstallError."""
    return once(directory, "luacheck", _install_luacheck) / "luacheck.lua"


def _install_stylua(home: Path) -> None:
    if shutil.which("npm") is None:
        raise InstallError("StyLua comes from npm, and there is no npm here")
    run("npm", "install", "--prefix", str(home), "--no-audit", "--no-fund", STYLUA)


def _install_luacheck(home: Path) -> None:
    if shutil.which("apt-get") is None:
        raise InstallError("luacheck comes from Debian packages, and there is no apt-get here")
    run("apt-get", "download", "-qq", *LUACHECK_PACKAGES, cwd=home)
    for package in home.glob("*.deb"):
        run("dpkg", "-x", str(package), str(home / "root"))
    compiled = next((home / "root" / "usr" / "lib").glob("*/lua/5.1"))
    lua = home / "root" / "usr" / "share" / "lua" / "5.1"
    (home / "luacheck.lua").write_text(_LUACHECK.format(lua=lua, compiled=compiled))
