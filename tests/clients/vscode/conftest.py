"""The editor under test: installed once, started once, one window per test."""

import hashlib
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from clients.install import vscode
from clients.vscode.editor import (
    NOTIFICATION,
    STATUS,
    USER_SETTINGS,
    Driver,
    DriverError,
    Editor,
    read,
    start_driver,
)

EXTENSION = Path(__file__).parents[3] / "clients/vscode"

OpenEditor = Callable[..., Editor]
OpenReal = Callable[..., Editor]
OpenScripted = Callable[..., "tuple[Editor, Messages]"]


@pytest.fixture(scope="session")
def install() -> vscode.Install:
    try:
        return vscode.ensure()
    except vscode.InstallError as reason:
        if os.environ.get("CI") == "true":
            pytest.fail(f"VS Code cannot be installed: {reason}")
        pytest.skip(f"VS Code cannot be installed: {reason}")


@pytest.fixture(scope="session")
def dependencies(install: vscode.Install) -> None:
    """What the extension is built with."""
    install_dependencies(install)


@pytest.fixture(scope="session")
def vsix(install: vscode.Install) -> Path:
    """The extension, built from its sources."""
    return build(install)


def build(install: vscode.Install) -> Path:
    """Build the package from the sources."""
    install_dependencies(install)
    run([*install.npm, "run", "package"], install)
    return EXTENSION / "dist/turnout.vsix"


def install_dependencies(install: vscode.Install) -> None:
    """Fetch what the lock file names, unless that is here already."""
    lock = hashlib.sha256((EXTENSION / "package-lock.json").read_bytes()).hexdigest()
    stamp = EXTENSION / "node_modules/.installed"
    if not stamp.exists() or stamp.read_text() != lock:
        run([*install.npm, "ci"], install)
        stamp.write_text(lock)


def run(command: list[str], install: vscode.Install) -> None:
    # The server's wheel is built by the `python3` that is first on PATH.
    path = os.pathsep.join([str(Path(sys.prefix) / "bin"), install.environment["PATH"]])
    env = {**install.environment, "PATH": path}
    done = subprocess.run(command, cwd=EXTENSION, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="session")
def driver(install: vscode.Install, vsix: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Driver]:
    home = tmp_path_factory.mktemp("vscode")
    running = start_driver(install, vsix, home, install.environment)
    yield running
    running.close()


@pytest.fixture
def open_editor(driver: Driver, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[OpenEditor]:
    """Opens a window on a folder with `files`, for a server that is started by `command` with `env`.

    `folders` within it make a workspace of several.
    """

    def open_window(
        files: dict[str, str],
        command: list[str],
        env: dict[str, str] | None = None,
        settings: dict[str, Any] | None = None,
        keybindings: Sequence[dict[str, Any]] = (),
        folders: Sequence[str] = (),
    ) -> Editor:
        folder = tmp_path / "workspace"
        for name, text in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text, "utf-8")
        server = write_launcher(tmp_path / "turnout", command, env or {})
        write_machine_settings(driver, server)
        write_user_settings(driver, settings or {})
        (driver.data / "User/keybindings.json").write_text(json.dumps(keybindings))
        if folders:
            together = folder / "all.code-workspace"
            together.write_text(json.dumps({"folders": [{"path": str(folder / name)} for name in folders]}))
            driver.do("open", workspace=str(together))
        else:
            driver.do("open", folder=str(folder))
        return Editor(driver, folder)

    failed_before = request.session.testsfailed
    yield open_window
    if request.session.testsfailed > failed_before:
        with suppress(DriverError):
            report_failure(Editor(driver, tmp_path), request.node.name)
    driver.do("close")


def report_failure(window: Editor, test: str) -> None:
    """Keep pictures of the window, and print what it showed and what the extension and its host logged last."""
    window.picture(f"failed-{test}")
    print("status:", window.texts(STATUS))
    window.command("Notifications: Show Notifications")
    window.picture(f"failed-{test}-messages")
    print("messages:", window.texts(NOTIFICATION))
    logs = [
        path
        for name in ("Turnout.log", "remoteexthost.log")
        for path in window.driver.data.glob(f"logs/**/{name}")
    ]
    for log in sorted(logs, key=lambda path: path.stat().st_mtime)[-2:]:
        print(f"--- {log.name}\n{log.read_text('utf-8')[-2000:]}")


def write_launcher(path: Path, command: list[str], env: dict[str, str]) -> Path:
    """A `turnout` that is `command` with `env`; the arguments of the editor follow.

    It leaves a file behind when it serves: a window that opens while its settings change begins with the server before.
    """
    exports = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in env.items())
    words = shlex.join(command)
    path.write_text(f'#!/bin/sh\n{exports}[ "$1" = serve ] && : >"$0.served"\nexec {words} "$@"\n')
    path.chmod(0o755)
    return path


def write_machine_settings(driver: Driver, server: Path) -> None:
    """A window in a browser is a remote one, and a remote one takes paths from the remote machine's settings alone."""
    file = driver.data / "Machine/settings.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    welcome = "workbench.welcomePage.walkthroughs.openOnInstall"
    file.write_text(json.dumps({"turnout.server.path": str(server), welcome: False}))


def write_user_settings(driver: Driver, settings: dict[str, Any]) -> None:
    file = driver.data / "User/settings.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({**USER_SETTINGS, **settings}))


@pytest.fixture
def scripted(open_editor: OpenEditor, tmp_path: Path) -> OpenScripted:
    """Opens a window whose server is `scripted_server.py`."""

    def open_scripted(
        files: dict[str, str], keybindings: Sequence[dict[str, Any]] = (), **settings: Any
    ) -> tuple[Editor, Messages]:
        messages = Messages(tmp_path / "messages.jsonl")
        command = [sys.executable, str(Path(__file__).with_name("scripted_server.py"))]
        env = {"TURNOUT_TEST_LOG": str(messages.path)}
        return open_editor(files, command, env, settings, keybindings), messages

    return open_scripted


@pytest.fixture
def real(open_editor: OpenEditor, tmp_path: Path) -> Iterator[OpenReal]:
    """Opens a window whose server is the installed `turnout`, by default with the fake engine and `script`."""
    # Sockets have short paths. The worker ends when this directory does.
    with TemporaryDirectory(prefix="turnout-") as runtime:

        def open_real(
            files: dict[str, str],
            script: dict[str, Any] | None = None,
            engine: str = "fake",
            folders: Sequence[str] = (),
            environment: Mapping[str, str] | None = None,
            **settings: Any,
        ) -> Editor:
            env = {
                "TURNOUT_ENGINE": engine,
                "TURNOUT_FAKE_SCRIPT": json.dumps(script or {}),
                "TURNOUT_RUNTIME_DIR": runtime,
                "TURNOUT_CONFIG_DIR": str(tmp_path / "config"),
                "TURNOUT_STATE_DIR": str(tmp_path / "state"),
                **(environment or {}),
            }
            return open_editor(files, [str(Path(sys.prefix) / "bin/turnout")], env, settings, folders=folders)

        yield open_real


class Messages:
    """What the scripted server was told."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def all(self, *methods: str) -> list[dict[str, Any]]:
        """The messages of these methods, oldest first."""
        whole, _, _ = (read(self.path) or "").rpartition("\n")  # the last line may be half written
        messages = [json.loads(line) for line in whole.splitlines()]
        return [message for message in messages if message["method"] in methods]
