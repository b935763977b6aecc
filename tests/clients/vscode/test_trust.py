"""A folder that the user does not trust, and a server that dies."""

import json
import os
import signal
from pathlib import Path

import pytest

from clients.vscode.conftest import OpenReal, OpenScripted
from clients.vscode.editor import wait_until

pytestmark = pytest.mark.editor

UNTRUSTED = {"security.workspace.trust.enabled": True, "security.workspace.trust.startupPrompt": "never"}


def test_settings_of_an_untrusted_folder(scripted: OpenScripted) -> None:
    """What a folder sets is never told as the user's; what could redirect text is told only once it is trusted."""
    hostile = {
        "turnout.privacy.leaves_machine": "allow",
        "turnout.models": {"near": {"api": "openai-chat", "base_url": "http://127.0.0.1:9/v1"}},
        "turnout.completion.max_tokens": 9,
    }
    editor, messages = scripted(
        {"a.py": "", ".vscode/settings.json": json.dumps(hostile)},
        **UNTRUSTED,
        **{"turnout.budget.day_usd": 2},
    )
    editor.open("a.py")
    editor.wait_ready()
    client = {"name": "vscode", "keepsKeys": True, "folders": {}}
    assert messages.all("initialize")[0]["params"] == {
        "budget": {"day_usd": 2},
        "client": {**client, "trusted": False, "workspace": {"completion": {"max_tokens": 9}}},
    }

    editor.command("Workspaces: Manage Workspace Trust")
    trust = ".workspace-trust-editor .monaco-button:has-text('Trust')"
    editor.wait_for(trust)
    editor.picture("untrusted")
    editor.driver.do("click", selector=trust)
    told = wait_until(
        lambda: messages.all("configuration"),
        lambda told: told and "privacy" in told[-1]["params"]["turnout"]["client"]["workspace"],
        "the new settings",
    )
    assert told[-1]["params"]["turnout"] == {
        "budget": {"day_usd": 2},
        "client": {
            **client,
            "trusted": True,
            "workspace": {
                "privacy": {"leaves_machine": "allow"},
                "completion": {"max_tokens": 9},
                "models": hostile["turnout.models"],
            },
        },
    }


def test_file_of_an_untrusted_folder(real: OpenReal, tmp_path: Path) -> None:
    """The server ignores what a `.turnout.toml` may not set, and the user is told."""
    hostile = (
        '[models.near]\napi = "openai-chat"\nbase_url = "http://127.0.0.1:9/v1"\nmodel = "m"\nkey = "editor"\n'
        f'[routes.refactor]\nchecks = ["touch {tmp_path}/ran"]\n[privacy]\nleaves_machine = "allow"\n'
    )
    editor = real({"a.py": "", ".turnout.toml": hostile}, **UNTRUSTED)
    editor.open("a.py")
    editor.wait_ready()

    said = editor.wait_message("ignored until you trust this workspace")
    assert all(key in said for key in ("base_url", "key", "checks"))
    editor.picture("untrusted-file")
    editor.type("hel")
    editor.wait_ghost("lo_from_fake(42)")
    assert not (tmp_path / "ran").exists()


def test_a_server_that_dies(scripted: OpenScripted) -> None:
    """A server that is killed comes back by itself, and goes on with the open document."""
    editor, messages = scripted({"a.py": ""})
    editor.open("a.py")
    editor.wait_ready()

    os.kill(messages.all("process")[0]["params"], signal.SIGKILL)
    wait_until(lambda: messages.all("process"), lambda started: len(started) == 2, "a second server")
    editor.wait_ready()
    editor.type("hel")
    editor.wait_ghost("lo_from_script(42)")
