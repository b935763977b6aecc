"""The extension with the real server, from the key to the file."""

import json
import os
import signal
from pathlib import Path

import pytest

from clients.vscode.conftest import OpenReal
from clients.vscode.editor import DIALOG, EDITOR, ROW, STATUS, TOAST, wait_until
from support.processes import processes_of
from support.real_model import real_model_path
from turnout import models

pytestmark = pytest.mark.editor

WHOLE = "```python\n{}```\n"


def test_ghost_text(real: OpenReal) -> None:
    """Typing shows what the engine says; the status bar names the model, and that text stays here."""
    editor = real({"a.py": ""})
    editor.open("a.py")
    editor.wait_ready()

    editor.type("hel")
    editor.wait_ghost("lo_from_fake(42)")
    editor.wait_for(STATUS, "near")
    editor.wait_for(STATUS, "ms")
    editor.wait_for(f"{STATUS} [aria-label*='text stays on this machine']")
    editor.picture("server-ghost-text")
    editor.press("Tab")
    editor.saved("a.py", "hello_from_fake(42)")


def test_languages(real: OpenReal) -> None:
    """A language that is switched off gets nothing, and the reason can be asked for."""
    editor = real({"a.py": "", "b.js": ""}, **{"turnout.completion.disabled_languages": ["python"]})
    editor.open("b.js")
    editor.wait_ready()
    editor.type("hel")
    editor.wait_ghost("lo_from_fake(42)")
    editor.open("a.py")
    editor.type("hel", delay_ms=300)
    editor.command("Trigger Inline Suggestion")
    editor.command("Turnout: Why Nothing Here?")
    editor.wait_message("python")
    editor.picture("why-nothing")
    assert editor.ghost() == ""


def test_folders_with_routes_of_their_own(real: OpenReal) -> None:
    """In a workspace of several folders each goes by its own settings, by file or editor, whichever is edited first."""
    models = {"turnout.models": {name: {"model": "qwen2.5-coder-0.5b"} for name in ("two", "three")}}
    files = {
        "one/a.py": "",
        "other/b.py": "",
        "other/.turnout.toml": '[routes.inline]\nmodels = ["two"]\n',
        "third/c.py": "",
        "third/.vscode/settings.json": json.dumps({"turnout.routes": {"inline": {"models": ["three"]}}}),
    }
    editor = real(files, folders=("one", "other", "third"), **models)
    for name, model in (("b.py", "two"), ("c.py", "three"), ("a.py", "near")):
        editor.open(name)
        editor.wait_ready()
        editor.type("hel")
        editor.wait_ghost("lo_from_fake(42)")
        editor.wait_for(STATUS, model)
    editor.picture("folders")


def test_rewrite_selection(real: OpenReal) -> None:
    """A selection is rewritten as the typed instruction says."""
    reply = {"contains": "make it two", "text": WHOLE.format("b = 2\n")}
    editor = real({"a.py": "a = 1\nb = 1\nc = 1\n"}, {"chat": [reply]})
    editor.open("a.py")
    editor.wait_ready()

    editor.press("ArrowUp", "ArrowUp", "Shift+ArrowDown")
    editor.choose_action("Rewrite selection...")
    editor.answer("make it two")
    wait_until(editor.screen, lambda text: "b = 2" in text.replace("\xa0", " "), "the new line")
    editor.saved("a.py", "a = 1\nb = 2\nc = 1\n")


def test_fix_of_another_server(real: OpenReal) -> None:
    """A diagnostic of the editor's own CSS server gets a fix, and then all that are left in the file."""
    right = [f"{name} {{ color: red; }}\n" for name in "abc"]
    wrong = [line.replace("color", "colr") for line in right]
    one, every = ("".join([right[0], *wrong[1:]]), "".join(right))
    replies = [
        {"contains": "fix this problem", "text": f"```css\n{one}```\n"},
        {"contains": "fix these problems", "text": f"```css\n{every}```\n"},
    ]
    editor = real({"a.css": "".join(wrong)}, {"chat": replies})
    editor.open("a.css")
    editor.wait_ready()

    editor.wait_for(".squiggly-warning")
    editor.press("Control+Home", *["ArrowRight"] * 5)
    editor.choose_action("Fix: Unknown property")
    wait_until(editor.screen, lambda text: "color" in text, "the fix")
    editor.saved("a.css", one)
    editor.command("Turnout: Fix All Problems in File")
    wait_until(editor.screen, lambda text: "colr" not in text, "the fix of all")
    editor.saved("a.css", every)


def test_refactor(real: OpenReal) -> None:
    """A refactor over three files is previewed, applied without a rejected change, and undone."""
    files = {
        "a.py": "width = 1\n\n\ntwice = 2 * width\n",
        "b.py": "from a import width\n",
        "c.py": "import a\n\nprint(a.width)\n",
    }
    after = {name: text.replace("width", "breadth") for name, text in files.items()}
    chat = [{"contains": f"File {name}:", "text": WHOLE.format(text)} for name, text in after.items()]
    editor = real(files, {"chat": chat})
    editor.open("a.py")
    editor.wait_ready()

    editor.command("Turnout: Refactor...")
    editor.answer("rename width to breadth")
    message = editor.wait_message("4 changes in 3 files by near on this machine")
    assert "Verified: " in message
    editor.picture("server-refactor")
    editor.command("Turnout: Choose Changes...")
    editor.wait_for(ROW, "twice = 2 * breadth")
    editor.press("ArrowDown", "ArrowDown", "Space", "Enter")
    editor.wait_for(".statusbar-item", "3 of 4 changes, not verified as chosen")
    editor.command("Turnout: Apply Refactor")
    editor.wait_message("applied 3 of 4 changes")
    editor.wait_gone(TOAST, "4 changes in 3 files")
    editor.wait_file("a.py", "breadth = 1\n\n\ntwice = 2 * width\n")
    editor.wait_file("b.py", after["b.py"])
    editor.wait_file("c.py", after["c.py"])
    editor.picture("server-refactor-applied")
    editor.command("Turnout: Undo Last Refactor")
    for name, text in files.items():
        editor.wait_file(name, text)


def servers_of(directory: Path) -> list[int]:
    """Process ids of the servers that keep their state there."""
    return [pid for pid, command in processes_of(directory).items() if "serve --stdio" in command]


def test_conflict_and_death(real: OpenReal, tmp_path: Path) -> None:
    """A line that was edited since stops the whole refactor; a server that is killed is replaced by itself."""
    chat = [{"contains": f"File {name}:", "text": WHOLE.format("breadth = 1\n")} for name in ("a.py", "b.py")]
    editor = real({"a.py": "width = 1\n", "b.py": "width = 1\n"}, {"chat": chat})
    editor.open("a.py")
    editor.wait_ready()

    editor.command("Turnout: Refactor...")
    editor.answer("rename width to breadth")
    editor.wait_for(".statusbar-item", "2 of 2 changes")
    editor.wait_for(".multiDiffEntry", "b.py")
    editor.driver.do("click", selector=".tab:has-text('a.py')")
    editor.wait_for(".editor-instance[aria-label^='a.py']")
    editor.driver.do("click", selector=EDITOR)
    editor.press("Control+Home")
    editor.type("bandwidth_")
    editor.command("Turnout: Apply Refactor")
    editor.wait_for(DIALOG, "Nothing was applied.")
    editor.wait_for(DIALOG, "a.py, line 1")
    editor.picture("server-conflict")
    editor.press("Escape")
    editor.wait_gone(DIALOG)
    assert (editor.folder / "b.py").read_text() == "width = 1\n"

    (first,) = servers_of(tmp_path)
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: servers_of(tmp_path), lambda now: now and now != [first], "another server")
    editor.wait_ready()
    editor.press("Control+End")
    editor.type("hel")
    editor.ask_for_ghost("lo_from_fake(42)")


def test_consent(real: OpenReal) -> None:
    """Before text leaves the machine the user is asked; with a no, the next model of the route answers here."""
    far = {"api": "openai-chat", "base_url": "http://127.0.0.1:9/v1", "model": "m", "leaves_machine": True}
    reply = {"contains": "make it two", "text": WHOLE.format("b = 2\n")}
    editor = real(
        {"a.py": "b = 1\n"},
        {"chat": [reply]},
        **{"turnout.models": {"far": far}, "turnout.routes": {"rewrite": {"models": ["far", "near"]}}},
    )
    editor.open("a.py")
    editor.wait_ready()

    editor.press("Control+A")
    editor.choose_action("Rewrite selection...")
    editor.answer("make it two")
    editor.wait_message("from 1 file to far, m")
    editor.picture("consent")
    editor.push("Keep it here")
    wait_until(editor.screen, lambda text: "b = 2" in text, "the answer of the local model")
    editor.saved("a.py", "b = 2\n")


@pytest.mark.real_model
def test_real_model(real: OpenReal) -> None:
    """The default model on this machine finishes a line on the screen."""
    near = {"near": {"model": models.DEFAULT_MODEL, "path": real_model_path(), "context_tokens": 2048}}
    patient = {"inline": {"models": ["near"], "deadline_ms": 60_000}}
    settings = {"turnout.models": near, "turnout.routes": patient}
    editor = real({"a.py": "def add(a, b):\n"}, engine="", **settings)
    editor.open("a.py")
    editor.wait_ready()

    editor.type("    return ")
    wait_until(editor.ghost, lambda text: text.startswith("a + b"), "the sum")
    editor.picture("real-model")
    editor.press("Tab")
    wait_until(editor.screen, lambda text: "return a + b" in text, "the accepted text")
