"""A real Helix in a real terminal with the documented configuration, against the installed server."""

import json
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from clients.install.terminal_editors import helix
from clients.neovim.conftest import installed
from clients.other_editors.documented import configuration
from support.actions import SCRIPT, SUMMED, TEXT
from support.home import TURNOUT, Home

pytestmark = pytest.mark.editor

TIMEOUT_S, LOOK_AGAIN_S = 30.0, 0.05
LOOKS_BEFORE_ASKING_AGAIN = 40


@dataclass(frozen=True)
class Terminal:
    """A program in a window of tmux."""

    socket: Path

    def _tmux(self, *words: str) -> str:
        done = subprocess.run(["tmux", "-S", self.socket, *words], capture_output=True, text=True, check=True)
        return done.stdout

    def type(self, *keys: str) -> None:
        """Press keys, in tmux's notation."""
        self._tmux("send-keys", *keys)

    def write(self, text: str) -> None:
        """Type text as it is."""
        self._tmux("send-keys", "-l", text)

    def screen(self) -> str:
        """What is on it."""
        return self._tmux("capture-pane", "-p")

    def until_shown(self, text: str) -> None:
        """Wait until `text` is on the screen."""
        self.until(lambda: text in self.screen(), f"{text!r} on the screen")

    def until(self, holds: Callable[[], bool], what: str) -> None:
        """Wait until `holds` says so; a terminal tells nobody that it has changed, so look again and again."""
        deadline = time.monotonic() + TIMEOUT_S
        while not holds():
            if time.monotonic() > deadline:
                pytest.fail(f"waited in vain for {what}\n{self.screen()}")
            threading.Event().wait(LOOK_AGAIN_S)


@contextmanager
def editing(home: Home, name: str) -> Iterator[Terminal]:
    """Helix on a file of the workspace."""
    if shutil.which("tmux") is None:
        pytest.skip("Helix runs in tmux, which is not installed")
    program = installed("Helix", helix)
    languages = home.root / "config-home" / "helix" / "languages.toml"
    languages.parent.mkdir(parents=True)
    languages.write_text(configuration("Helix"))
    environment = home.environment(
        TURNOUT_FAKE_SCRIPT=json.dumps(SCRIPT),
        PATH=f"{Path(TURNOUT).parent}:/usr/bin:/bin",
        XDG_CONFIG_HOME=str(languages.parents[1]),
        XDG_CACHE_HOME=str(home.root / "cache-home"),
        TERM="xterm-256color",
        LC_ALL="C.UTF-8",
    )
    terminal, log = Terminal(home.root / "tmux"), home.root / "helix.log"
    command = [
        "tmux",
        "-S",
        str(terminal.socket),
        "-f",
        "/dev/null",
        "new-session",
        "-d",
        "-x",
        "100",
        "-y",
        "30",
    ]
    subprocess.run(
        [*command, str(program), "-vv", "--log", str(log), name], cwd=home.work, env=environment, check=True
    )
    try:
        # Before that, keys that ask for something find no server.
        terminal.until(lambda: log.exists() and "textDocument/didOpen" in log.read_text(), "the server")
        yield terminal
    finally:
        subprocess.run(["tmux", "-S", terminal.socket, "kill-server"], check=False)


def saved(home: Home, name: str) -> str:
    """The text of a file; empty while there is none, since Helix moves the old one away before it writes."""
    try:
        return home.read(name)
    except FileNotFoundError:
        return ""


def test_a_suggestion_is_in_the_menu(home: Home) -> None:
    """The menu shows the model's text, and accepting it puts it into the buffer."""
    home.write(".turnout.toml", "")
    home.write("a.py", "x = 1\n")
    with editing(home, "a.py") as terminal:
        terminal.until_shown("x = 1")
        terminal.write("ohel")
        looks = 0

        def is_shown() -> bool:
            """Ask for the menu, and now and then again: one that a model is too slow for has nothing to show yet."""
            nonlocal looks
            if looks % LOOKS_BEFORE_ASKING_AGAIN == 0:
                terminal.type("C-x")
            looks += 1
            return "hello_from_fake" in terminal.screen()

        terminal.until(is_shown, "the suggestion in the menu")
        terminal.type("C-n", "Enter")
        terminal.until_shown("hello_from_fake(42)")

        def is_left() -> bool:
            """Leave insert mode; the first Escape may only close a menu that came meanwhile."""
            terminal.type("Escape")
            return "NOR" in terminal.screen()

        terminal.until(is_left, "normal mode")
        terminal.write(":w")
        terminal.type("Enter")
        terminal.until(lambda: saved(home, "a.py") == "x = 1\nhello_from_fake(42)\n", "the file")


def test_a_rewrite_takes_its_instruction_from_a_comment(home: Home) -> None:
    """A code action is offered in the menu of `Space a` and applied to the buffer."""
    instructed = TEXT.replace("    result = 0", "    # turnout: use sum()\n    result = 0")
    home.write(".turnout.toml", "")
    home.write("a.py", instructed)
    with editing(home, "a.py") as terminal:
        terminal.until_shown("result = 0")
        terminal.write("4ggxxxxxx")
        terminal.write(" a")
        terminal.until_shown("Rewrite selection")
        terminal.type("Enter")
        terminal.until_shown("return sum(prices)")
        terminal.write(":w")
        terminal.type("Enter")
        terminal.until(lambda: SUMMED in saved(home, "a.py"), "the file")
