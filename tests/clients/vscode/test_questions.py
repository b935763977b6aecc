"""A question of the server reaches the user, whatever else is said at that time."""

import pytest

from clients.vscode.conftest import OpenScripted
from clients.vscode.editor import CENTER, wait_until

pytestmark = pytest.mark.editor

REMINDER = ".statusbar-item[id='turnout.turnout.turnout.question']"


def test_a_question_among_others(scripted: OpenScripted) -> None:
    """VS Code hides it where several messages come at once; then the status bar leads to it, until it is answered."""
    editor, messages = scripted({"a.py": "a = 1\nb = 2\nc = 3\n", "b.py": "x = 1\n"})
    editor.open("a.py")
    editor.wait_ready()

    editor.command("Turnout: Refactor...")
    editor.answer("ask among others")
    editor.wait_for(REMINDER, "Turnout asks you")
    editor.picture("question")
    editor.driver.do("click", selector=REMINDER)
    editor.wait_for(CENTER, "May text leave?")
    editor.picture("question-found")
    editor.push("Keep it here", of=CENTER)
    wait_until(lambda: messages.all("answer"), bool, "the answer")
    assert [message["params"] for message in messages.all("answer")] == ["Keep it here"]
    editor.wait_gone(REMINDER)
