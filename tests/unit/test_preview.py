"""`route explain --prompt`: what is printed is what would be sent."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from support.git import repository
from support.secrets import TOKENS
from support.settings_kit import SettingsKit
from turnout.__main__ import main
from turnout.core.requests import KINDS, Kind

SECRET = TOKENS["GitHub"]
TEXT = f"TOKEN = '{SECRET}'\n\n\ndef total(prices):\n    return sum(prices)\n"
SETTINGS = """
[index]
enabled = false
[models.far]
api = "openai-chat"
model = "far-1"
base_url = "https://far.example/v1"
context_tokens = 32000
[models.hole]
api = "completions"
model = "qwen2.5-coder"
base_url = "https://hole.example/v1"
""" + "".join(
    f'[routes.{kind}]\nmodels = ["{"hole" if kind in ("inline", "popup") else "far"}", "near"]\n'
    for kind in KINDS
)


@pytest.fixture
def kit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SettingsKit:
    """A user's settings and a workspace."""
    return SettingsKit(tmp_path, monkeypatch)


@pytest.fixture
def file(kit: SettingsKit) -> Path:
    """A file with a secret, in a workspace whose routes all begin elsewhere."""
    kit.load(SETTINGS)
    path = kit.workspace / "a.py"
    path.write_text(TEXT)
    return path


def run(capsys: pytest.CaptureFixture[str], file: Path, kind: str, *more: str) -> tuple[int, str, str]:
    """Exit status, output and errors of the command."""
    status = main(["route", "explain", kind, str(file), "--workspace", str(file.parent), "--prompt", *more])
    out, err = capsys.readouterr()
    return status, out, err


@pytest.mark.parametrize("kind", KINDS)
def test_what_would_be_sent(file: Path, capsys: pytest.CaptureFixture[str], kind: Kind) -> None:
    """For every kind: the address, the body with the file in it, no secret, and what was taken out."""
    repository(file.parent, {"a.py": TEXT})
    status, out, err = run(capsys, file, kind, "--json", "--instruction", "use float", "--cursor", "5:1")
    assert (status, err) == (0, "")
    shown = json.loads(out)["prompt"]
    completes = kind in ("inline", "popup")
    address = (
        "https://hole.example/v1/completions" if completes else "https://far.example/v1/chat/completions"
    )
    assert (shown["model"], shown["url"]) == ("hole" if completes else "far", address)
    body = json.loads(shown["text"])
    assert body["model"] == ("qwen2.5-coder" if completes else "far-1")
    assert "def total" in shown["text"]
    assert SECRET not in out
    assert shown["redacted"] == {"GitHub token": 1}
    status, text, _ = run(capsys, file, kind, "--instruction", "use float", "--cursor", "5:1")
    assert f"POST {address}\ntaken out: 1 x GitHub token\n\n{shown['text']}" in text


def test_here(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What stays here is shown as it is."""
    status, out, _ = run(capsys, file, "explain", "--model", "near", "--lines", "4-5")
    assert status == 0
    assert "near: to the model on this machine" in out
    assert "def total(prices)" in out
    assert "TOKEN" not in out


@pytest.mark.parametrize(
    ("settings", "kind", "more", "reason"),
    [
        ('[privacy]\nsecrets = "block"', "explain", (), "there are secrets in the text"),
        ('[privacy]\nleaves_machine = "never"', "explain", ("--model", "far"), "far may not serve"),
        ('[privacy]\nnever_read = ["a.py"]', "explain", (), "a.py is never read"),
        ("", "commit_message", (), "in no git repository"),
        ("", "explain", ("--lines", "x"), "x is not a place"),
        ("", "explain", ("--lines", "5-2"), "5-2 is not a place in the file. The file has lines 1-"),
        ("", "explain", ("--lines", "0-2"), "0-2 is not a place"),
        ("", "explain", ("--lines", "1-999"), "1-999 is not a place"),
        ("", "explain", ("--lines", "1-" + "9" * 5_000), "is not a place"),
        ("", "inline", ("--cursor", "999:1"), "999:1 is not a place"),
        ("", "inline", ("--cursor", "1:999"), "1:999 is not a place in the file. Line 1 has columns 1-"),
        ("", "inline", ("--cursor", "0:0"), "0:0 is not a place"),
        ("", "fix", (), "Say which with --instruction"),
    ],
)
def test_nothing_would_be_sent(
    file: Path, kit: SettingsKit, capsys: pytest.CaptureFixture[str], settings: str, kind: str, more: tuple[str, ...],
    reason: str,
) -> None:  # fmt: skip
    """Where nothing would be sent, nothing is shown, and the reason is said."""
    kit.load(SETTINGS + settings)
    status, out, err = run(capsys, file, kind, *more)
    assert status == 1
    assert reason in err
    assert "POST" not in out


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--lines", "1-2"), "Add --prompt"),
        (("--model", "near"), "Add --prompt"),
        (("--files", "0"), "--files counts from 1"),
        (("--workspace", "/none"), "/none is not a folder"),
    ],
)
def test_what_would_be_ignored_is_refused(
    file: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], reason: str
) -> None:
    """An argument that cannot do anything is a mistake, and said to be one."""
    assert main(["route", "explain", "explain", str(file), *arguments]) == 1
    assert reason in capsys.readouterr().err


def test_a_file_that_is_not_there_yet_has_a_route(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What would hold for it is printed, and that it is not there."""
    assert main(["route", "explain", "inline", str(file.parent / "none.py")]) == 0
    said = capsys.readouterr().out
    assert "none.py; this is what would hold for it" in said
    assert "chosen" in said


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (os.mkfifo, "not a regular file"),
        (Path.mkdir, "is a folder. Name a file in it"),
        (lambda path: path.symlink_to("/dev/zero"), "outside of the workspace"),
        (lambda path: path.symlink_to(path.name), "cannot be followed"),
        (lambda path: path.write_bytes(b"x" * 2_000_000), "2,000,000 bytes"),
        (lambda path: path.write_bytes(b"a\0b"), "binary"),
        (lambda path: path.write_bytes(b"\xff\xfe\xfd"), "not UTF-8"),
        (lambda _path: None, "There is no file"),
    ],
)
def test_what_is_no_text_is_named_and_not_read(
    file: Path, capsys: pytest.CaptureFixture[str], make: Callable[[Path], object], reason: str
) -> None:
    """A pipe, a folder, a device, a loop of links and a file too large end with a reason, and nothing hangs."""
    odd = file.parent / "odd.py"
    make(odd)
    status, out, err = run(capsys, odd, "explain")
    assert status == 1
    assert reason in err
    assert "POST" not in out


@pytest.mark.parametrize(
    ("privacy", "near"),
    [("", False), ('local_only = ["kept.py"]', True), ('never_read = ["kept.py"]', False)],
)
def test_a_refactor_is_decided_on_every_file_of_its_prompt(
    file: Path, kit: SettingsKit, capsys: pytest.CaptureFixture[str], privacy: str, near: bool
) -> None:
    """A file that may not leave the machine keeps the whole prompt here; one that is never read is not in it."""
    (file.parent / "kept.py").write_text("from a import total\n\nKEPT = total([1])\n")
    kit.load(f"{SETTINGS}[privacy]\n{privacy}")
    status, out, _ = run(
        capsys, file, "refactor", "--json", "--instruction", "let total take floats, also in kept.py"
    )
    shown = json.loads(out)
    assert status == 0
    assert (shown["prompt"]["model"], shown["chosen"]) == (("near", "near") if near else ("far", "far"))
    assert (shown["prompt"]["url"] is None) is near
    assert near or ("KEPT" in shown["prompt"]["text"]) is not privacy.startswith("never_read")
    status, _, err = run(
        capsys, file, "refactor", "--model", "far", "--instruction", "let total take floats, also in kept.py"
    )
    assert (status, "far may not serve" in err) == ((1, True) if near else (0, False))


@pytest.mark.parametrize(("privacy", "shown"), [("", True), ('local_only = ["AGENTS.md"]', False)])
def test_what_is_shown_beside(
    file: Path, kit: SettingsKit, capsys: pytest.CaptureFixture[str], privacy: str, shown: bool
) -> None:
    """The project's instructions are part of what is printed as of what is sent, unless they may not go there."""
    (file.parent / "AGENTS.md").write_text("Use tabs everywhere.\n")
    kit.load(f"{SETTINGS}[privacy]\n{privacy}")
    status, out, _ = run(capsys, file, "refactor", "--json", "--instruction", "let total take floats")
    answer = json.loads(out)
    assert (status, answer["chosen"]) == (0, "far")
    assert ("Use tabs everywhere." in answer["prompt"]["text"]) is shown
    left_out = {out["path"]: out["reason"] for out in answer["prompt"]["leftOut"]}
    assert shown or "far: AGENTS.md may not leave this machine" in left_out["AGENTS.md"]


@pytest.mark.parametrize(
    ("privacy", "chosen"), [("", "far"), ('local_only = ["b.py"]', "far"), ('local_only = ["*"]', "near")]
)
def test_a_commit_message_is_decided_on_what_is_staged(
    file: Path, kit: SettingsKit, capsys: pytest.CaptureFixture[str], privacy: str, chosen: str
) -> None:
    """The file only says which repository is meant."""
    repository(file.parent, {"a.py": TEXT, "b.py": "HERE = 1\n"})
    kit.load(f"{SETTINGS}[privacy]\n{privacy}")
    status, out, _ = run(capsys, file, "commit_message", "--json")
    answer = json.loads(out)
    assert (status, answer["chosen"], answer["prompt"]["model"]) == (0, chosen, chosen)
    assert "def total" in answer["prompt"]["text"]
    left_out = [out["path"] for out in answer["prompt"]["leftOut"]]
    assert ("HERE" in answer["prompt"]["text"]) is (left_out == []) is (privacy != 'local_only = ["b.py"]')


def test_ignored(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file that an ignore file keeps from every model has no candidate, with the line that says so."""
    (file.parent / ".cursorignore").write_text("*.py\n")
    status, out, _ = run(capsys, file, "explain")
    assert status == 1
    assert ".cursorignore:1" in out


def test_what_the_index_finds(file: Path, kit: SettingsKit, capsys: pytest.CaptureFixture[str]) -> None:
    """A completion is shown with the pieces of other files and their sources, and with what was kept out of it."""
    kit.load(SETTINGS.replace("enabled = false", "enabled = true") + '[privacy]\nlocal_only = ["kept.py"]\n')
    call = "def pay(customer):\n    total = price(customer)\n    send_receipt(customer, total)\n"
    (file.parent / "other.py").write_text(call)
    (file.parent / "kept.py").write_text(call.replace("pay", "kept"))
    file.write_text("def bill(customer):\n    total = price(customer, 3)\n    send_")
    status, out, err = run(capsys, file, "inline")
    assert status == 0
    assert (err, "has no index yet: it is built first" in out) == ("", True)
    assert "from: other.py, 81 bytes (similar)" in out
    assert "left out: kept.py: hole: kept.py may not leave this machine" in out
    assert "send_receipt(customer, total)" in out
    assert "def kept" not in out
    assert "not known here: text that is not saved" in out


def test_without_an_index(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where there is no index, it is said that other files are not searched."""
    _, out, _ = run(capsys, file, "inline")
    assert "note: The settings switch the index off (`index.enabled`): without an index" in out
