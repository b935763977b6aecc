"""Neovim 0.11 and 0.12, installed on first use, each test with a directory and a configuration of its own."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TypeVar

import pytest

from clients.install.base import InstallError
from clients.install.neovim import install
from clients.neovim.screen import GHOST_COLOUR
from clients.neovim.session import Neovim

ROOT = Path(__file__).parents[3]
PLUGIN = ROOT / "clients" / "neovim"
SCRIPTED_SERVER = ROOT / "tests" / "clients" / "support" / "scripted_server.py"

_INIT = """
vim.g.loaded_python3_provider = 0  -- looking for it takes a second, at the first Python file
vim.opt.runtimepath:prepend({plugin!r})
vim.o.showmode, vim.o.ruler, vim.o.laststatus = false, false, 0
vim.o.shortmess = vim.o.shortmess .. "I"
vim.api.nvim_set_hl(0, "TurnoutGhost", {{ fg = {colour} }})
"""


T = TypeVar("T")


def installed(what: str, install: Callable[[Path], T]) -> T:
    """What `install` puts into the directory of the tests' tools; skips the test where that is not possible here."""
    try:
        return install(Path(os.environ.get("TURNOUT_EDITORS_DIR") or ROOT / ".cache" / "editors"))
    except InstallError as exc:
        if os.environ.get("CI") == "true":
            pytest.fail(f"{what}: {exc}")
        pytest.skip(f"{what}: {exc}")


@pytest.fixture(scope="session", params=["0.11", "0.12"])
def binary(request: pytest.FixtureRequest) -> Path:
    """The editor; tests that use it run once with each version."""
    return installed(f"Neovim {request.param}", lambda directory: install(directory, request.param))


def environment(home: Path, **more: str) -> dict[str, str]:
    """An environment in which neither Neovim nor Turnout sees anything of the user's."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    own = {f"XDG_{kind}_HOME": str(home / kind.lower()) for kind in ("CONFIG", "DATA", "STATE", "CACHE")} | {
        f"TURNOUT_{kind}_DIR": str(home / f"turnout-{kind.lower()}")
        for kind in ("CONFIG", "CACHE", "STATE", "RUNTIME")
    }
    return {**kept, "LC_ALL": "C.UTF-8", **own, **more}


Start = Callable[..., Neovim]


@pytest.fixture
def start(binary: Path, tmp_path: Path) -> Iterator[Start]:
    """Starts an editor: `start(init, file, env=..., size=...)`; `init` is Lua that runs before the file is read."""
    work = tmp_path / "work"
    work.mkdir()
    (work / ".turnout.toml").touch()
    with ExitStack() as stack:

        def run(
            init: str = "",
            file: str = "a.py",
            *,
            env: dict[str, str] | None = None,
            size: tuple[int, int] = (80, 16),
            directory: Path = work,
        ) -> Neovim:
            script = tmp_path / "init.lua"
            script.write_text(_INIT.format(plugin=str(PLUGIN), colour=GHOST_COLOUR) + init)
            variables = environment(tmp_path, **(env or {}))
            editor = Neovim(binary, directory, variables, size, "-u", str(script), file)
            return stack.enter_context(editor)

        yield run


def setup_call(options: str = "", encoding: str = "utf-8") -> str:
    """Lua that sets the plugin up with the scripted server; `options` are more fields of its table."""
    server = [sys.executable, str(SCRIPTED_SERVER), encoding]
    cmd = ", ".join(f"[[{word}]]" for word in server)
    return f'require("turnout").setup({{ cmd = {{ {cmd} }}, {options} }})'


def wait_for_server(editor: Neovim) -> Neovim:
    """The editor once its server is there."""
    ready = 'local c = vim.lsp.get_clients({ name = "turnout", bufnr = 0 })[1]; return c and c.initialized'
    editor.until(lambda: editor.lua(ready), "the server")
    return editor


@pytest.fixture
def scripted(start: Start) -> Callable[..., Neovim]:
    """Starts an editor with the scripted server: `scripted(rules, text=..., options=..., encoding=...)`."""

    def run(
        *rules: dict[str, Any],
        text: str = "",
        options: str = "",
        encoding: str = "utf-8",
        before: str = "",
        file: str = "a.py",
        size: tuple[int, int] = (180, 16),
    ) -> Neovim:
        editor = start(before + setup_call(options, encoding), file, size=size)
        (editor.directory / file).write_text(text)
        editor.command("edit!")
        wait_for_server(editor)
        editor.server("test/script", {"rules": list(rules)})
        return editor

    return run


def methods(editor: Neovim, *names: str) -> list[Any]:
    """Parameters of what the server received under any of `names`, in order."""
    return [entry["params"] for entry in editor.server("test/log") if entry["method"] in names]
