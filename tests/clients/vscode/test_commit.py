"""The message of a commit in VS Code's own view of source control, with a real git repository."""

import subprocess
from pathlib import Path

import pytest

from clients.vscode.conftest import OpenReal, OpenScripted
from clients.vscode.editor import DIALOG, Editor, wait_until

pytestmark = pytest.mark.editor

VIEW = ".activitybar .action-item:has(.codicon-source-control-view-icon)"
BUTTON = ".sidebar .action-label[aria-label^='Generate Commit Message']"
MESSAGE = ".scm-editor .view-lines"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """The folder that the editor will open, with a staged file."""
    folder = tmp_path / "workspace"
    folder.mkdir()
    (folder / "a.py").write_text("a = 1\n")
    for command in (["init", "--quiet"], ["add", "a.py"]):
        subprocess.run(["git", *command], cwd=folder, check=True)
    return folder


def written(editor: Editor) -> str:
    """What stands in the box of the message."""
    return "\n".join(editor.texts(f"{MESSAGE} .view-line"))


def test_message(scripted: OpenScripted, repository: Path) -> None:
    """A button writes it into the box of the repository; what the user has begun is replaced only with a yes."""
    editor, messages = scripted({}, **{"git.enabled": True})
    editor.open("a.py")
    editor.wait_ready()

    editor.driver.do("click", selector=VIEW)
    editor.wait_for(BUTTON)
    editor.driver.do("click", selector=BUTTON)
    wait_until(lambda: written(editor), lambda text: text.startswith("Give it a name"), "the message")
    editor.picture("commit-message")
    asked = [message["params"] for message in messages.all("commit message")]
    assert [argument["folder"].rpartition("/")[2] for (argument,) in asked] == ["workspace"]

    editor.driver.do("click", selector=MESSAGE)
    editor.press("Control+A")
    editor.type("mine")
    editor.driver.do("click", selector=BUTTON)
    editor.wait_for(DIALOG, "Replace the commit message")
    editor.push("Cancel", of=DIALOG)
    editor.wait_gone(DIALOG)
    assert written(editor) == "mine"
    editor.driver.do("click", selector=BUTTON)
    editor.push("Replace", of=DIALOG)
    wait_until(lambda: written(editor), lambda text: text.startswith("Give it a name"), "the message")
    assert len(messages.all("commit message")) == 2


def test_message_of_the_server(real: OpenReal, repository: Path) -> None:
    """The real server writes it from what is staged."""
    editor = real({}, {"chat": [{"contains": "a.py", "text": "Add a file"}]}, **{"git.enabled": True})
    editor.open("a.py")
    editor.wait_ready()

    editor.driver.do("click", selector=VIEW)
    editor.wait_for(BUTTON)
    editor.command("Turnout: Generate Commit Message")
    wait_until(lambda: written(editor), lambda text: text == "Add a file", "the message")
