"""The plan of a refactor in a real VS Code: shown before any edit, approved, corrected, cancelled."""

import pytest

from clients.vscode.conftest import Messages, OpenScripted
from clients.vscode.editor import DIALOG, MESSAGES, ROW, Editor, wait_until

pytestmark = pytest.mark.editor

FILES = {"a.py": "a = 1\nb = 2\nc = 3\n", "b.py": "x = 1\n"}
PROGRESS = f"{MESSAGES} .monaco-button:text-is('Cancel')"
REVIEW = ".multiDiffEntry"


def ask(editor: Editor, instruction: str) -> None:
    """Ask for a refactor."""
    editor.command("Turnout: Refactor...")
    editor.answer(instruction)


def refactors(messages: Messages) -> list[object]:
    """The plans that refactors were asked for with; None for one without."""
    return [message["params"].get("plan") for message in messages.all("refactor")]


def test_plan(scripted: OpenScripted) -> None:
    """The plan is cancelled, corrected and approved; only the approved one becomes a refactor, under its id."""
    editor, messages = scripted(FILES)
    editor.open("a.py")
    editor.wait_ready()

    ask(editor, "plan longer names")
    editor.wait_for(DIALOG, "Turnout's plan: Rename in 2 files.")
    for shown in (
        "Edit b.py: a longer name",
        "May not be done: ../x.py: It is not in the workspace.",
        "Goes to opus, text leaves this machine, about 1200 tokens in and 300 out, about $0.01, about 12 s.",
    ):
        editor.wait_for(DIALOG, shown)
    editor.picture("refactor-plan")
    editor.push("Cancel", of=DIALOG)
    editor.wait_gone(DIALOG)
    assert refactors(messages) == []

    ask(editor, "plan longer names")
    editor.wait_for(DIALOG, "Rename in 2 files.")
    editor.wait_gone(PROGRESS)  # it stays a little, and its button does nothing then
    editor.push("Correct...", of=DIALOG)
    editor.answer("wait")
    editor.wait_message("Turnout: planning")
    editor.picture("refactor-progress")
    editor.push("Cancel")
    editor.wait_for(DIALOG, "Rename in 2 files.")  # the plan stands where a better one was given up
    editor.push("Correct...", of=DIALOG)
    editor.answer("leave b.py")
    editor.wait_for(DIALOG, "Rename in 1 files.")
    editor.push("Approve", of=DIALOG)
    editor.wait_for(REVIEW, "a.py")
    assert refactors(messages) == [{"id": "plan-2"}]
    corrections = [message["params"] for message in messages.all("plan")][3:]
    assert [(params["previous"], params["correction"]) for params in corrections] == [
        ("plan-1", "leave b.py")
    ]


def test_no_usable_plan(scripted: OpenScripted) -> None:
    """That is said, and the refactor may go on without one; where the server wants none, nobody is asked."""
    editor, messages = scripted(FILES)
    editor.open("a.py")
    editor.wait_ready()

    ask(editor, "an unusable plan")
    editor.wait_for(DIALOG, "Turnout has no usable plan. The answer is no plan.")
    editor.push("Go on Without a Plan", of=DIALOG)
    editor.wait_for(REVIEW, "a.py")
    editor.command("Turnout: Discard Refactor")
    editor.wait_gone(REVIEW)
    editor.command("Turnout: Refactor...")
    editor.wait_for(ROW, "an unusable plan")  # what was asked before is within reach
    editor.answer("longer names")
    wait_until(lambda: refactors(messages), lambda found: len(found) == 2, "the second refactor")
    assert refactors(messages) == [None, None]
