"""A real VS Code in a browser, with the verbs of its user: open, type, press, read what is on the screen."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from clients.install.vscode import Install

DRIVER = Path(__file__).with_name("driver.cjs")
PICTURES = Path(__file__).parents[3] / "artifacts/vscode"
TIMEOUT_S = 30.0
PATIENCE_S = 8.0
"""How long something is waited for that may not come, before the other way to it is taken."""

T = TypeVar("T")

GHOST_IN_LINE = ".view-lines .ghost-text-decoration"
GHOST_BELOW = ".suggest-preview-text .view-line"
EDITOR = ".editor-instance .view-lines"
STATUS = ".statusbar-item[id='turnout.turnout.turnout.status']"
READY = f"{STATUS} [aria-label^='Turnout, ready']"
DIALOG = ".monaco-dialog-box"
INPUT = ".quick-input-widget input"
CENTER = ".notifications-center"
MESSAGES = f":is(.notifications-toasts, {CENTER})"
NOTIFICATION = f"{MESSAGES} .notification-list-item"
TOAST = ".notifications-toasts .notification-list-item"
"""A message that shows itself; the list of all messages keeps it for longer."""
ROW = ".quick-input-list .monaco-list-row"

USER_SETTINGS: dict[str, Any] = {
    "security.workspace.trust.enabled": False,
    "workbench.startupEditor": "none",
    "workbench.tips.enabled": False,
    "workbench.reduceMotion": "on",
    "window.autoDetectColorScheme": True,
    "workbench.preferredDarkColorTheme": "Default Dark Modern",
    "workbench.preferredLightColorTheme": "Default Light Modern",
    "telemetry.telemetryLevel": "off",
    "extensions.autoCheckUpdates": False,
    "extensions.autoUpdate": False,
    "extensions.ignoreRecommendations": True,
    "window.restoreWindows": "none",
    "chat.disableAIFeatures": True,
    "editor.accessibilitySupport": "off",
    "editor.quickSuggestions": {"other": "off", "comments": "off", "strings": "off"},
    "editor.wordBasedSuggestions": "off",
    "editor.autoClosingBrackets": "never",
    "git.enabled": False,
}


def wait_until(
    read: Callable[[], T], done: Callable[[T], object], what: str, timeout_s: float = TIMEOUT_S
) -> T:
    """What `read` gives once `done` holds of it; fails naming `what` and the last reading."""
    end = time.monotonic() + timeout_s
    while not done(value := read()):
        if time.monotonic() > end:
            raise AssertionError(f"timed out waiting for {what}; last seen: {value!r}")
        time.sleep(0.02)
    return value


def read(path: Path) -> str | None:
    """What a file reads now; None where there is none, as for a moment while it is replaced."""
    try:
        return path.read_text("utf-8")
    except FileNotFoundError:
        return None


class DriverError(AssertionError):
    """The editor did not do, or did not show, what was asked."""


class Driver:
    """The process that holds code-server and the browser; one request at a time."""

    def __init__(self, install: Install, home: Path, env: dict[str, str]) -> None:
        self.data = home / "data"
        self.log = home / "code-server.log"
        self._last = 0
        config = {
            "node": str(install.node),
            "codeServer": str(install.code_server),
            "playwright": str(install.playwright),
            "chromium": str(install.chromium),
            "profile": str(home / "profile"),
            "log": str(self.log),
            "arguments": code_server_arguments(home),
            "env": env,
            "timeoutMs": int(TIMEOUT_S * 1000),
        }
        self._process = subprocess.Popen(
            [install.node, DRIVER, json.dumps(config)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._read(0)

    def do(self, op: str, **args: Any) -> Any:
        """The result of an operation of `driver.cjs`."""
        self._last += 1
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"id": self._last, "op": op, "args": args}) + "\n")
        self._process.stdin.flush()
        return self._read(self._last)

    def close(self) -> None:
        """End the browser, code-server and everything that they started."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(TIMEOUT_S)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._process.stdout.close()

    def _read(self, expected: int) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise DriverError(f"the driver ended:\n{self.log.read_text()[-2000:]}")
        answer = json.loads(line)
        assert answer["id"] == expected
        if "error" in answer:
            raise DriverError(answer["error"])
        return answer["result"]


def start_driver(install: Install, vsix: Path, home: Path, env: dict[str, str]) -> Driver:
    """A driver whose editor has the extension installed and keeps everything under `home`."""
    command = [
        str(install.node),
        str(install.code_server),
        *code_server_arguments(home),
        "--install-extension",
    ]
    subprocess.run([*command, str(vsix)], env=env, capture_output=True, check=True)
    return Driver(install, home, env)


def code_server_arguments(home: Path) -> list[str]:
    """Keeps everything that code-server writes under `home`."""
    return [
        "--user-data-dir",
        str(home / "data"),
        "--extensions-dir",
        str(home / "extensions"),
        "--config",
        str(home / "config.yaml"),
    ]


@dataclass(frozen=True, slots=True)
class Editor:
    """One window on one folder."""

    driver: Driver
    folder: Path

    def press(self, *keys: str) -> None:
        """Press keys one after the other, such as `Control+S`."""
        for key in keys:
            self.driver.do("press", key=key)

    def type(self, text: str, delay_ms: int = 30) -> None:
        """Type at the pace of a fast typist."""
        self.driver.do("type", text=text, delayMs=delay_ms)

    def wait_for(self, selector: str, text: str | None = None, timeout_s: float = TIMEOUT_S) -> str:
        """The text of the first element that is on the screen and contains `text`."""
        limit_ms = int(timeout_s * 1000)
        args = {"selector": selector, "text": text, "state": "visible", "timeoutMs": limit_ms}
        return str(self.driver.do("waitFor", **args))

    def wait_gone(self, selector: str, text: str | None = None) -> None:
        """Wait until no such element is on the screen."""
        self.driver.do("waitFor", selector=selector, text=text, state="hidden")

    def texts(self, selector: str) -> list[str]:
        """The texts of all elements, as they are now; spaces as plain spaces."""
        return [text.replace("\xa0", " ") for text in self.driver.do("texts", selector=selector)]

    def open(self, name: str) -> None:
        """Open a file of the folder and place the caret at its end."""
        shown = f".editor-instance[aria-label^='{name}']"
        if not self._open_from_tree(name, shown):
            self.pick("Control+P", name)
            self.wait_for(shown)
        self.driver.do("click", selector=EDITOR)
        self.press("Control+End")

    def _open_from_tree(self, name: str, shown: str) -> bool:
        """Whether a file could be opened in the tree, which needs no extension host; the search for files does."""
        row = f".explorer-folders-view .monaco-list-row[aria-label='{name}']"
        if not self.texts(row):
            return False
        try:
            self.driver.do("click", selector=row, times=2)  # once would open it only until the next file is
            self.wait_for(shown, timeout_s=PATIENCE_S)
        except DriverError:
            return False  # a tree that is drawn anew in the middle of a click takes none
        return True

    def pick(self, key: str, name: str) -> None:
        """Press the key that opens a list, type a name into it and take the entry of that name."""
        for last in (False, True):
            self.wait_gone(INPUT)
            self.press(key)
            self.wait_for(INPUT)
            self.driver.do("insert", text=name)
            try:
                self.wait_for(f"{ROW}.focused", name, TIMEOUT_S if last else PATIENCE_S)
                break
            except DriverError:
                if last:
                    raise
                self.press("Escape")  # the list was made before the editor knew its files or commands
        self.press("Enter")

    def screen(self) -> str:
        """The text of all editors on the screen."""
        return "\n".join(self.texts(".view-lines"))

    def wait_ready(self) -> None:
        """Wait until this window's own server has been started, and the status bar says that it is ready."""
        launcher = self.folder.with_name("turnout")
        if launcher.exists():
            wait_until(launcher.with_name("turnout.served").exists, bool, "the server of this window")
        self.wait_for(READY)

    def ghost(self) -> str:
        """The ghost text on the screen: what stands in the line, which is in coloured parts, and the lines below."""
        return "\n".join(["".join(self.texts(GHOST_IN_LINE)), *self.texts(GHOST_BELOW)])

    def wait_ghost(self, text: str) -> None:
        """Wait until the ghost text reads `text`."""
        wait_until(self.ghost, lambda shown: shown == text, f"ghost text {text!r}")

    def ask_for_ghost(self, text: str) -> None:
        """Ask for ghost text until it reads `text`: a server that has only just started may take too long once."""
        for _ in range(int(TIMEOUT_S // PATIENCE_S)):
            self.command("Trigger Inline Suggestion")
            try:
                wait_until(self.ghost, lambda shown: shown == text, f"ghost text {text!r}", PATIENCE_S)
                return
            except AssertionError:
                continue
        self.wait_ghost(text)

    def wait_no_ghost(self) -> None:
        """Wait until there is no ghost text."""
        wait_until(self.ghost, lambda shown: not shown, "no ghost text")

    def command(self, title: str) -> None:
        """Run a command from the palette."""
        self.pick("F1", title)

    def answer(self, text: str) -> None:
        """Type into the input that is open, and confirm."""
        self.wait_for(INPUT)
        self.driver.do("insert", text=text)
        self.press("Enter")

    def wait_webview(self, text: str) -> str:
        """The text of the web view, once it contains `text`."""
        return str(self.driver.do("waitWebview", text=text))

    def webview_attribute(self, selector: str, name: str) -> str:
        """An attribute of an element of the web view."""
        return str(self.driver.do("webviewAttribute", selector=selector, name=name))

    def choose_action(self, title: str) -> None:
        """Open the menu of code actions and choose one with the keyboard, since an overlay swallows clicks."""
        row = ".action-widget .monaco-list-row"

        for tries_left in reversed(range(int(TIMEOUT_S // PATIENCE_S))):
            self.press("Control+.")
            try:
                self.wait_for(row, title, PATIENCE_S if tries_left else TIMEOUT_S)
                break
            except DriverError:
                # The editor says that there are none where it is asked while it still takes in where the caret is.
                if not tries_left:
                    raise
        self.picture(f"action-{title.partition(' ')[0].strip(':').lower()}")
        self.driver.do("pointAway")  # a pointer that rests on the menu takes the focus with it
        for _ in self.texts(row):
            if any(title in text for text in self.texts(f"{row}.focused")):
                break
            self.press("ArrowDown")
        self.wait_for(f"{row}.focused", title)
        self.press("Enter")
        self.wait_gone(row)

    def wait_message(self, text: str) -> str:
        """The text of the message with `text` in it."""
        return self._wait_among_messages(NOTIFICATION, text)

    def push(self, button: str, of: str = MESSAGES) -> None:
        """Push a button of a message, or of a dialog."""
        selector = f"{of} .monaco-button:text-is('{button}')"
        if of == MESSAGES:
            self._wait_among_messages(selector)
        else:
            self.wait_for(selector)
        self.driver.do("click", selector=selector)

    def _wait_among_messages(self, selector: str, text: str | None = None) -> str:
        """A message hides after a while, and where several come at once; then it is in the list of all of them."""
        try:
            return self.wait_for(selector, text, PATIENCE_S)
        except DriverError:
            self.command("Notifications: Show Notifications")
            return self.wait_for(selector, text)

    def saved(self, name: str, expected: str) -> None:
        """Save the active file and wait until it reads `expected` on disk."""
        self.press("Control+S")
        self.wait_file(name, expected)

    def wait_file(self, name: str, expected: str) -> None:
        """Wait until a file reads `expected` on disk."""
        path = self.folder / name
        wait_until(lambda: read(path), lambda text: text == expected, f"{name} to read {expected!r}")

    def picture(self, name: str, *themes: str) -> None:
        """Keep pictures of the window among the artefacts, dark and light and in further `themes`."""
        PICTURES.mkdir(parents=True, exist_ok=True)
        wanted = ("dark", "light", *themes)
        self.driver.do("pictures", paths={theme: str(PICTURES / f"{name}-{theme}.png") for theme in wanted})
