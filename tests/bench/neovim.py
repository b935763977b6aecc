"""From a key to the ghost text on the screen of a real Neovim, and what the plugin costs before that.

The server is the installed one with the fake engine. The baseline of a key is the same key in the same Neovim without
the plugin: until its letter is on the screen.
"""

import os
import random
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from string import ascii_letters

from bench.report import Row, percentile
from bench.session import fresh_environment, turnout_command
from clients.install.neovim import install
from clients.neovim.session import Neovim

ROOT = Path(__file__).parents[2]
PLUGIN = ROOT / "clients" / "neovim"
VERSIONS = ("0.11", "0.12")
LETTERS_PER_LINE, WARM_UP = 40, 20
GHOST_TEXT = "_from_fake(42)"
_COLD_STARTS = 20

_REQUIRE = f"""
vim.opt.runtimepath:prepend({str(PLUGIN)!r})
local function cost(name)
  local began = vim.uv.hrtime()
  require(name)
  return (vim.uv.hrtime() - began) / 1e6
end
package.preload.nothing = function() return true end
cost("nothing")
io.write(cost("turnout"))
"""


def measure(count: int) -> list[Row]:
    """Type `count` letters into each version of Neovim, with and without the plugin in turn. Raises InstallError."""
    directory = Path(os.environ.get("TURNOUT_EDITORS_DIR") or ROOT / ".cache" / "editors")
    return [row for version in VERSIONS for row in _measure(version, install(directory, version), count)]


def _measure(version: str, binary: Path, count: int) -> list[Row]:
    ours: list[float] = []
    bare: list[float] = []
    with _typing(binary, _setup(), GHOST_TEXT) as typing, _typing(binary, "", "") as bare_typing:
        typing.letters(WARM_UP)
        bare_typing.letters(WARM_UP)
        while len(ours) < count:
            bare += bare_typing.letters(LETTERS_PER_LINE)
            ours += typing.letters(LETTERS_PER_LINE)
    name, against = f"Neovim {version}, key to ghost text", "key to letter"
    required = [_require_ms(binary) for _ in range(min(count, _COLD_STARTS))]
    return [
        Row(f"{name}, p50", "ms", percentile(ours, 0.5), percentile(bare, 0.5), against, 15.0, "difference"),
        Row(f"{name}, p95", "ms", percentile(ours, 0.95), percentile(bare, 0.95), against),
        Row(f'Neovim {version}, require("turnout"), p50', "ms", percentile(required, 0.5), limit=2.0),
    ]


class _Typing:
    """Letters typed into one editor; none of them is what the ghost text before it says."""

    def __init__(self, editor: Neovim, ghost: str) -> None:
        self._editor, self._ghost = editor, ghost
        self._random = random.Random(7)

    def letters(self, count: int) -> list[float]:
        """Type `count` letters into a line of their own, and give the milliseconds that each took to be seen."""
        self._editor.type("<Esc>ox")
        typed = "x"
        self._wait_for(typed)
        took = []
        for _ in range(count):
            letter = self._random.choice(ascii_letters)
            typed += letter
            began = time.perf_counter()
            self._editor.type(letter)
            self._wait_for(typed)
            took.append((time.perf_counter() - began) * 1000)
        return took

    def _wait_for(self, typed: str) -> None:
        line = typed + self._ghost
        self._editor.until(lambda: line in self._editor.screen.lines(), f"{line!r} on the screen")


@contextmanager
def _typing(binary: Path, setup: str, ghost: str) -> Iterator[_Typing]:
    with ExitStack() as stack:
        environment = stack.enter_context(fresh_environment())
        root = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="turnout-bench-")))
        own = {f"XDG_{kind}_HOME": str(root / kind) for kind in ("CONFIG", "DATA", "STATE", "CACHE")}
        (root / ".turnout.toml").touch()
        script = root / "init.lua"
        script.write_text("vim.o.showmode, vim.o.laststatus, vim.o.autoindent = false, 0, false\n" + setup)
        arguments = ("-u", str(script), str(root / "a.txt"))
        editor = stack.enter_context(Neovim(binary, root, {**environment, **own}, (120, 24), *arguments))
        if setup:
            ready = "local c = vim.lsp.get_clients({ bufnr = 0 })[1]; return c and c.initialized"
            editor.until(lambda: editor.lua(ready), "the server")
        yield _Typing(editor, ghost)


def _setup() -> str:
    command = ", ".join(f"[[{word}]]" for word in turnout_command())
    return f'vim.opt.runtimepath:prepend([[{PLUGIN}]])\nrequire("turnout").setup({{ cmd = {{ {command} }} }})'


def _require_ms(binary: Path) -> float:
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(_REQUIRE)
        script.flush()
        done = subprocess.run([binary, "-l", script.name], capture_output=True, text=True, check=True)
    return float(done.stdout)
