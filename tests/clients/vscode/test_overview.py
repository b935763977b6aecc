"""What the user can look up and switch: spend, receipts, the menu, the models of routes, settings files."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from clients.vscode.conftest import OpenReal
from clients.vscode.editor import ROW, STATUS, Editor, read, wait_until
from support import models_kit
from turnout import models

pytestmark = pytest.mark.editor

ENTRIES = (
    "Pause Completions",
    "Snooze Completions...",
    "Why Nothing Here?",
    "Explain Route...",
    "Switch Model...",
    "Show Spend and Receipts",
)
FAR = {"api": "openai-chat", "base_url": "http://127.0.0.1:9/v1", "model": "m", "leaves_machine": True}


@pytest.fixture
def source() -> Iterator[models_kit.Hub]:
    """What stands in for the hub that models come from."""
    with models_kit.hub() as running:
        yield running


def test_menu_and_spend(real: OpenReal, source: models_kit.Hub, tmp_path: Path) -> None:
    """The status bar opens the menu by click; spend and receipts are in words, with the request just made.

    The model of this machine is fetched by a command, and the user told when it is there.
    """
    fetching = models_kit.environment(tmp_path, source.url)
    manifest = models_kit.MANIFEST.replace("models.tiny", f'models."{models.DEFAULT_MODEL}"')
    Path(fetching["TURNOUT_MANIFEST"]).write_text(manifest)
    editor = real({"a.py": ""}, environment=fetching)
    editor.open("a.py")
    editor.wait_ready()
    editor.type("hel")
    editor.wait_ghost("lo_from_fake(42)")
    editor.press("Tab")

    editor.driver.do("click", selector=STATUS)
    for entry in ENTRIES:
        editor.wait_for(ROW, entry)
    editor.picture("menu")
    editor.answer("Show Spend")
    page = editor.wait_webview("The last")
    assert "stayed here" in page
    assert "inline" in page
    assert "Today $0.00" in page
    editor.picture("spend", "contrast")
    assert editor.webview_attribute("meta[http-equiv='Content-Security-Policy']", "content").startswith(
        "default-src 'none'"
    )

    editor.command("Turnout: Download the Local Model")
    editor.wait_message("the local model is on this machine")
    editor.picture("model-downloaded")
    (model,) = tmp_path.glob("cache/models/*.gguf")
    assert model.read_bytes() == models_kit.PAYLOAD


def test_switch_model(real: OpenReal) -> None:
    """The chosen model goes first in the user's own settings, the rest of the chain behind it."""
    editor = real({"a.py": ""}, **{"turnout.models": {"far": FAR, "two": {"model": "qwen2.5-coder-0.5b"}}})
    editor.open("a.py")
    editor.wait_ready()

    editor.command("Turnout: Switch Model...")
    editor.wait_for(ROW, "commit_message")
    editor.answer("inline")
    editor.wait_for(ROW, "text leaves this machine")
    editor.picture("switch-model")
    editor.answer("two")
    editor.wait_message("inline goes to two first; text stays on this machine")
    wait_until(
        lambda: user_settings(editor).get("turnout.routes"),
        lambda routes: routes == {"inline": {"models": ["two", "near"]}},
        "the new route",
    )
    editor.wait_for(STATUS, "two")
    editor.type("hel")
    editor.wait_ghost("lo_from_fake(42)")


def test_settings_file(real: OpenReal) -> None:
    """A settings file is completed from the schema and checked as it is typed; the faults are those of the server."""
    editor = real({".turnout.toml": "\n"}, **{"turnout.completion.enabled": False})
    editor.open(".turnout.toml")
    editor.wait_ready()

    editor.type("[privacy]\nleaves_machin = 1")
    editor.wait_for(".squiggly-warning")
    editor.press("F8")
    editor.wait_for(".marker-widget", "did you mean `leaves_machine`?")
    editor.picture("settings-file-fault")
    editor.press("Escape", "Control+End", *["Backspace"] * len("leaves_machin = 1"))
    editor.wait_gone(".squiggly-warning")
    editor.type("lea")
    editor.press("Control+Space")
    editor.wait_for(".suggest-widget .monaco-list-row", "leaves_machine")
    editor.press("Enter")
    editor.wait_for(".suggest-widget .monaco-list-row", '"never"')
    editor.picture("settings-file-values")
    editor.press("Enter")
    editor.press("Control+S")
    wait_until(
        lambda: read(editor.folder / ".turnout.toml"),
        lambda text: text and text.endswith('[privacy]\nleaves_machine = "never"'),
        "the completed file",
    )


def user_settings(editor: Editor) -> dict[str, Any]:
    """The settings file of the user, which the editor writes in steps; empty until it is whole."""
    try:
        settings: dict[str, Any] = json.loads(read(editor.driver.data / "User/settings.json") or "{}")
    except ValueError:
        return {}
    return settings
