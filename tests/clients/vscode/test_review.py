"""The review of a refactor: what is shown, what is sent, and what a conflict looks like."""

import pytest

from clients.vscode.conftest import OpenScripted
from clients.vscode.editor import DIALOG, EDITOR, MESSAGES, ROW, wait_until

pytestmark = pytest.mark.editor

FILES = {"a.py": "a = 1\nb = 2\nc = 3\n", "b.py": "x = 1\n"}
REVIEW = ".multiDiffEntry"
TREE = ".tree-explorer-viewlet-tree-view .monaco-list-row"


def test_choose_and_apply(scripted: OpenScripted) -> None:
    """All changes start accepted, failed checks are said; a conflict closes nothing; what is unticked is not sent.

    It stays under review, unticked, and an undo brings back the others.
    """
    editor, messages = scripted(FILES)
    editor.open("a.py")
    editor.wait_ready()

    editor.command("Turnout: Refactor...")
    editor.answer("Longer names")
    editor.wait_for(REVIEW, "new.py")
    wait_until(lambda: "alpha = 1" in editor.screen(), bool, "the preview of a.py")
    message = editor.wait_message("4 changes in 3 files")
    assert "Failed: ruff check." in message
    editor.wait_for(".statusbar-item", "4 of 4 changes, checks failed")
    editor.picture("refactor-review")

    editor.push("Apply")
    editor.wait_for(DIALOG, "a.py, line 1: These lines have been edited since.")
    editor.picture("refactor-conflict")
    editor.push("Show", of=DIALOG)
    editor.wait_for(".tab.active", "a.py")

    editor.command("Turnout: Choose Changes...")
    editor.wait_for(ROW, "alpha = 1")
    editor.picture("refactor-choose")
    editor.press("ArrowDown", "Space", "Enter")
    wait_until(
        editor.screen,
        lambda text: "gamma = 3" in text and "alpha = 1" not in text,
        "the change to leave the preview",
    )
    editor.command("Turnout: Apply Refactor")
    editor.wait_message("applied 3 of 4 changes")
    editor.wait_gone(REVIEW)
    editor.wait_for(".statusbar-item", "0 of 1 changes")
    editor.wait_for(
        f"{TREE}:has-text('alpha = 1') .custom-view-tree-node-item-checkbox[aria-checked='false']"
    )
    editor.push("Undo")
    editor.wait_message("undid the last refactor")
    editor.wait_for(".statusbar-item", "4 of 4 changes")
    editor.picture("refactor-undone")
    sent = messages.all("refactor", "apply", "undo", "discard")
    assert [message["method"] for message in sent] == ["refactor", "apply", "apply", "undo"]
    assert sent[0]["params"]["instruction"] == "Longer names"
    assert [message["params"]["hunks"] for message in sent[1:3]] == [
        ["0.0", "0.1", "1.0", "2.0"],
        ["0.1", "1.0", "2.0"],
    ]


def test_tick_in_the_tree(scripted: OpenScripted) -> None:
    """Files and hunks are ticked in a tree beside the preview, which follows, with the plan and the checks above.

    The editor's context menu has the command. What cannot be looked at afterwards, or does not fit, is told as that.
    """
    editor, messages = scripted(FILES)
    editor.open("a.py")
    editor.wait_ready()

    editor.driver.do("click", selector=EDITOR, button="right")
    editor.wait_for(".monaco-menu .action-label", "Refactor with Turnout...")
    editor.picture("context-menu")
    editor.driver.do("click", selector=".monaco-menu .action-label:has-text('Refactor with Turnout...')")
    editor.answer("Longer names")
    editor.wait_for(REVIEW, "new.py")
    editor.wait_for(".tree-explorer-viewlet-tree-view .message", "Longer names")
    editor.wait_for(f"{TREE}:has-text('pytest -q')", "not checked: it takes too long")
    editor.wait_for(f"{TREE}[aria-label^='ruff check, failed: new problems: a.py:1: F821']")
    editor.driver.do("click", selector=f"{TREE}:has-text('gamma = 3') .custom-view-tree-node-item-checkbox")
    editor.driver.do("click", selector=f"{TREE}:has-text('new.py') .custom-view-tree-node-item-checkbox")
    wait_until(
        editor.screen,
        lambda text: "alpha = 1" in text and "gamma = 3" not in text and "new = 1" not in text,
        "the changes to leave the preview",
    )
    editor.wait_for(".statusbar-item", "2 of 4 changes")
    editor.wait_for(f"{TREE}:has-text('new = 1') .custom-view-tree-node-item-checkbox[aria-checked='false']")
    editor.picture("refactor-tree")
    editor.driver.do("click", selector=f"{TREE}:has-text('alpha = 1') .custom-view-tree-node-item-checkbox")
    editor.wait_for(".statusbar-item", "1 of 4 changes, checks failed")
    editor.driver.do("click", selector=f"{TREE}:has-text('Checks failed')")
    editor.wait_webview("a.py:1: F821 beta")
    editor.picture("refactor-checks")
    editor.command("Turnout: Apply Refactor")
    editor.wait_message("applied 1 of 4 changes")
    editor.wait_gone(TREE, "ruff check")
    assert messages.all("apply")[0]["params"]["hunks"] == ["1.0"]

    # The others could not be looked at, which hid nothing of what was applied; now none of them fits.
    editor.command("Turnout: Review Refactor")
    editor.wait_for(DIALOG, "Nothing of it fits the files as they are.")
    editor.push("Cancel", of=DIALOG)
    editor.wait_gone(DIALOG)
    editor.open("b.py")
    editor.command("Turnout: Why Nothing Here?")
    editor.wait_message("the scripted server has nothing to say")
    assert not [text for text in editor.texts(MESSAGES) if "no refactor" in text]


def test_death_in_the_middle(scripted: OpenScripted) -> None:
    """A server that dies under a request is said to, its progress ends, and the next request finds a new server."""
    editor, messages = scripted(FILES)
    editor.open("a.py")
    editor.wait_ready()

    editor.command("Turnout: Refactor...")
    editor.answer("die")
    wait_until(lambda: messages.all("process"), lambda started: len(started) == 2, "a second server")
    editor.wait_ready()
    editor.wait_message("the server stopped while it was at work")
    editor.picture("died")
    editor.command("Turnout: Refactor...")
    editor.answer("Longer names")
    editor.wait_for(REVIEW, "new.py")
    editor.picture("back-again")


def test_reasons(scripted: OpenScripted) -> None:
    """The user can ask why nothing is shown, and why a model was chosen; a server that is too old is said to be."""
    editor, messages = scripted({"a.py": "a = 1\n"})
    editor.open("a.py")
    editor.wait_ready()

    editor.command("Turnout: Why Nothing Here?")
    editor.wait_message("the scripted server has nothing to say")
    editor.command("Turnout: Explain Route...")
    editor.answer("refactor")
    page = editor.wait_webview("Goes to near.")
    assert "no key is set" in page
    editor.picture("explain-route")
    assert messages.all("explain")[0]["params"]["kind"] == "refactor"

    launcher = editor.folder.with_name("turnout")
    launcher.write_text(launcher.read_text().replace("\n", "\nexport TURNOUT_TEST_VERSION=0.0.9\n", 1))
    editor.command("Turnout: Restart Server")
    message = editor.wait_message("The Turnout server 0.0.9 is older than")
    assert f"Update {launcher}" in message
    editor.picture("too-old")
    editor.push("Set the Path")
    editor.wait_for(".settings-editor", "Server: Path")
