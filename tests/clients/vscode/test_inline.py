"""Ghost text in a real VS Code, and what the server hears of it."""

from typing import Any

import pytest

from clients.vscode.conftest import Messages, OpenScripted
from clients.vscode.editor import STATUS, wait_until

pytestmark = pytest.mark.editor


def check_reports(messages: Messages, *expected: tuple[str, dict[str, Any]]) -> None:
    """The reports are those expected, each once."""
    wanted = [{"method": method, "params": params} for method, params in expected]

    def heard() -> list[dict[str, Any]]:
        return messages.all("shown", "accepted", "rejected", "the server's own command")

    wait_until(heard, lambda messages: len(messages) >= len(wanted), f"the reports {wanted}")
    assert heard() == wanted


def test_tab_accepts_and_otherwise_indents(scripted: OpenScripted) -> None:
    """Tab takes what is shown, which the server hears once, and indents where nothing is shown."""
    editor, messages = scripted({"a.py": ""})
    editor.open("a.py")
    editor.wait_ready()

    editor.type("hel")
    editor.wait_ghost("lo_from_script(42)")
    editor.picture("ghost-text")
    editor.press("Tab")
    editor.saved("a.py", "hello_from_script(42)")
    editor.press("Enter")
    editor.wait_no_ghost()
    editor.press("Tab")
    editor.type("x")
    editor.saved("a.py", "hello_from_script(42)\n    x")
    check_reports(
        messages,
        ("shown", {"id": "offer of hel"}),
        ("accepted", {"id": "offer of hel", "accepted": "full", "length": 21}),
    )


def test_parts_and_dismissal(scripted: OpenScripted) -> None:
    """Typing through is not reported; a word and a line taken are, with their length; so is turning down."""
    editor, messages = scripted({"a.py": ""})
    editor.open("a.py")
    editor.wait_ready()

    editor.type("one")
    editor.wait_ghost(" two three\nfour")
    editor.picture("ghost-text-lines")
    editor.type(" ")
    editor.wait_ghost("two three\nfour")
    editor.press("Control+ArrowRight")
    editor.wait_ghost(" three\nfour")
    editor.picture("ghost-text-word-taken")
    editor.press("Control+ArrowRight")
    editor.wait_ghost("three\nfour")
    editor.press("Control+ArrowRight")
    editor.wait_ghost("\nfour")
    editor.press("Escape")
    editor.wait_no_ghost()
    editor.picture("ghost-text-dismissed")

    editor.press("Enter")
    editor.type("hel")
    editor.wait_ghost("lo_from_script(42)")
    editor.type("met")
    editor.wait_no_ghost()

    editor.press("Enter")
    editor.type("hel")
    editor.wait_ghost("lo_from_script(42)")
    editor.press("ArrowUp")
    editor.wait_no_ghost()
    editor.saved("a.py", "one two three\nhelmet\nhel")
    check_reports(
        messages,
        ("shown", {"id": "offer of one"}),
        ("accepted", {"id": "offer of one", "accepted": "word", "length": 3}),
        ("accepted", {"id": "offer of one", "accepted": "line", "length": 5}),
        ("rejected", {"id": "offer of one"}),
        ("shown", {"id": "offer of hel"}),
        ("rejected", {"id": "offer of hel"}),
        ("shown", {"id": "offer of hel"}),
        ("rejected", {"id": "offer of hel"}),
    )


def test_pause(scripted: OpenScripted) -> None:
    """While paused nothing is asked for as one types, the status bar says so, and an explicit trigger still works."""
    editor, messages = scripted({"a.py": ""})
    editor.open("a.py")
    editor.wait_ready()

    editor.command("Turnout: Pause Completions")
    editor.wait_for(STATUS, "paused")
    editor.type("hel")
    editor.picture("paused")
    assert messages.all("asked") == []
    editor.command("Trigger Inline Suggestion")
    editor.wait_ghost("lo_from_script(42)")
    editor.press("Escape")
    editor.command("Turnout: Resume Completions")
    editor.wait_gone(STATUS, "paused")
    editor.press("Enter")
    editor.type("hel")
    editor.wait_ghost("lo_from_script(42)")


def test_suggestions_off(scripted: OpenScripted) -> None:
    """Where VS Code's own `editor.inlineSuggest.enabled` is off, nothing is asked for and nothing shown."""
    editor, messages = scripted({"a.py": ""}, **{"editor.inlineSuggest.enabled": False})
    editor.open("a.py")
    editor.wait_ready()

    editor.type("hel")
    editor.press("Tab")
    editor.saved("a.py", "hel ")
    assert messages.all("asked", "shown") == []


def test_several(scripted: OpenScripted) -> None:
    """Where there are several suggestions, the next one can be shown and taken."""
    editor, messages = scripted({"a.py": ""})
    editor.open("a.py")
    editor.wait_ready()

    editor.type("alp")
    editor.wait_ghost("ha")
    editor.press("Alt+]")
    editor.wait_ghost("ine")
    editor.press("Tab")
    editor.saved("a.py", "alpine")
    accepted = {"id": "offer of alp", "accepted": "full", "length": 6}
    wait_until(lambda: messages.all("accepted"), bool, "the report")
    assert [message["params"] for message in messages.all("accepted")] == [accepted]


def test_snippets(scripted: OpenScripted) -> None:
    """While a snippet is filled in nothing is asked for, and Tab goes on in it; after it all is as ever."""
    keys = [
        {
            "key": "f7",
            "command": "editor.action.insertSnippet",
            "args": {"snippet": "${1:name} ${2:value}\n$0"},
        }
    ]
    editor, messages = scripted({"a.py": ""}, keybindings=keys)
    editor.open("a.py")
    editor.wait_ready()

    editor.press("F7")
    wait_until(editor.screen, lambda text: "name" in text, "the snippet")
    editor.type("hel")
    editor.press("Tab")
    editor.type("one")
    editor.press("Tab")
    assert messages.all("asked") == []
    editor.type("hel")
    editor.wait_ghost("lo_from_script(42)")
    editor.press("Tab")
    editor.saved("a.py", "hel one\nhello_from_script(42)")


def test_snooze(scripted: OpenScripted) -> None:
    """A snooze says until when nothing is shown, and can be ended."""
    editor, messages = scripted({"a.py": ""})
    editor.open("a.py")
    editor.wait_ready()

    editor.command("Turnout: Snooze Completions...")
    editor.answer("15 minutes")
    editor.wait_for(STATUS, "paused until")
    editor.picture("snoozed")
    editor.type("hel")
    editor.command("Turnout: Resume Completions")
    editor.wait_gone(STATUS, "paused")
    assert messages.all("asked") == []
    editor.press("Enter")
    editor.type("hel")
    editor.wait_ghost("lo_from_script(42)")
