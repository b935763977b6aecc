"""What is shipped: the manifest and the package."""

import json
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

from turnout import __version__

EXTENSION = Path(__file__).parents[3] / "clients/vscode"


def test_settings_follow_the_server() -> None:
    """The manifest has exactly the settings of the server; `clients/vscode/tools/settings.py` writes them."""
    done = subprocess.run([sys.executable, EXTENSION / "tools/settings.py", "--check"])
    assert done.returncode == 0


def test_lock_names_no_registry() -> None:
    """The lock file leaves the choice of a registry to whoever installs."""
    lock = json.loads((EXTENSION / "package-lock.json").read_text())
    assert not [name for name, package in lock["packages"].items() if "resolved" in package]


def test_same_licence() -> None:
    """The package carries the licence of the repository."""
    assert (EXTENSION / "LICENSE").read_bytes() == (EXTENSION.parents[1] / "LICENSE").read_bytes()


def test_no_source_copies_a_package() -> None:
    """Only `lsp.ts` imports the client library, and none imports VS Code by a star: both would slow down each start."""
    sources = {path.name: path.read_text("utf-8") for path in (EXTENSION / "src").glob("*.ts")}
    assert [name for name, text in sources.items() if 'from "vscode-languageclient' in text] == ["lsp.ts"]
    assert [name for name, text in sources.items() if 'import * as vscode from "vscode"' in text] == []


@pytest.mark.editor
def test_package_holds_what_runs(vsix: Path) -> None:
    """The package is small, has the server in it, and no sources, tools or dependencies of development."""
    assert vsix.stat().st_size < 2_000_000
    with ZipFile(vsix) as package:
        names = {name.removeprefix("extension/") for name in package.namelist()}
    assert names == {
        "[Content_Types].xml",
        "extension.vsixmanifest",
        "LICENSE.txt",
        "changelog.md",
        "dist/extension.js",
        "dist/main.js",
        f"dist/server/turnout-{__version__}-py3-none-any.whl",
        "media/icon.png",
        "media/review.svg",
        *(f"media/pictures/{picture}.png" for picture in ("ghost-text", "refactor", "spend")),
        *(f"media/walkthrough/{step}.md" for step in ("key", "model", "privacy", "try")),
        "package.json",
        "readme.md",
    }
