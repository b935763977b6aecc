"""A machine without the server: the extension offers to install it, does, and starts it."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from clients.install import vscode
from clients.vscode.conftest import write_user_settings
from clients.vscode.editor import STATUS, Driver, Editor, start_driver

pytestmark = pytest.mark.editor

INSTALL_TIMEOUT_S = 300.0


@pytest.fixture
def fresh(install: vscode.Install, vsix: Path, tmp_path: Path) -> Iterator[Driver]:
    """An editor that has never run, on a machine where no `turnout` is on PATH."""
    folders = install.environment["PATH"].split(os.pathsep)
    without = [folder for folder in folders if not (Path(folder) / "turnout").exists()]
    env = {**install.environment, "PATH": os.pathsep.join(without)}
    env["TURNOUT_CONFIG_DIR"], env["TURNOUT_STATE_DIR"] = str(tmp_path / "config"), str(tmp_path / "state")
    driver = start_driver(install, vsix, tmp_path / "editor", env)
    yield driver
    driver.close()


def test_the_server_is_installed_and_started(fresh: Driver, tmp_path: Path) -> None:
    """Nothing is installed unasked; then it comes out of the package, with progress, and is started."""
    folder = tmp_path / "workspace"
    folder.mkdir()
    (folder / "a.py").write_text("")
    write_user_settings(fresh, {"turnout.completion.enabled": False})
    fresh.do("open", folder=str(folder))
    editor = Editor(fresh, folder)

    editor.wait_for(".gettingStartedContainer", "Get Started with Turnout")
    editor.wait_message("Turnout's server is not on this machine")
    editor.wait_for(STATUS, "stopped")
    editor.picture("first-start")
    installed = fresh.data / "User/globalStorage/turnout.turnout/server"
    assert not installed.exists()
    editor.push("Install")
    editor.wait_message("Installing the Turnout server")
    editor.picture("installing")
    editor.wait_for(f"{STATUS} [aria-label^='Turnout, ready']", timeout_s=INSTALL_TIMEOUT_S)
    assert (installed / "installed.txt").read_text().endswith(".whl[local]")

    (installed / "installed.txt").write_text("an older one")
    editor.command("Turnout: Restart Server")
    editor.wait_message("A newer Turnout server came with this extension.")
    editor.picture("update-offered")
