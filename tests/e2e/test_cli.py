"""The command line: what it prints, where, and with which exit status."""

import json
import subprocess
from collections.abc import Callable

import pytest

from support.home import TURNOUT, Home

Run = Callable[..., "subprocess.CompletedProcess[str]"]

HOUSE = """\
[models.house]
api = "openai-chat"
model = "house-1"
base_url = "http://127.0.0.1:9/v1"
leaves_machine = true
[routes.refactor]
models = ["opus", "house", "near"]
"""


@pytest.fixture
def turnout(home: Home) -> Run:
    """Runs the installed command in the workspace."""

    def run(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [TURNOUT, *arguments], cwd=home.work, env=home.environment(COLUMNS="120", **environment),
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip

    return run


def test_help(turnout: Run) -> None:
    """`--help` lists every command with what it is for; each command explains itself."""
    shown = turnout("--help")
    assert (shown.returncode, shown.stderr) == (0, "")
    for command in ("serve", "models", "route", "settings", "trust", "worker", "demo"):
        assert command in shown.stdout
        explained = turnout(command, "--help")
        assert (explained.returncode, explained.stderr) == (0, "")
        assert explained.stdout.startswith(f"usage: turnout {command}")


def test_version(turnout: Run) -> None:
    """`--version` prints the version of the package."""
    from turnout import __version__

    assert turnout("--version").stdout.strip() == f"turnout {__version__}"


@pytest.mark.parametrize(
    "arguments", [[], ["nonsense"], ["route", "explain", "nonsense", "a.py"], ["models", "pull", "x"]]
)
def test_wrong_usage(turnout: Run, arguments: list[str]) -> None:
    """A command line that means nothing fails with a message on stderr and without a traceback."""
    failed = turnout(*arguments)
    assert failed.returncode != 0
    assert failed.stdout == ""
    assert failed.stderr
    assert "Traceback" not in failed.stderr


def test_route_explain(turnout: Run, home: Home) -> None:
    """`route explain` prints the decision with every other candidate's reason and the setting behind it."""
    config = home.configure(HOUSE)
    home.write(".turnout.toml", '[privacy]\nlocal_only = ["secret/**"]\n')
    home.write("secret/a.py", "x = 1\n")
    shown = turnout("route", "explain", "refactor", "a.py")
    assert (shown.returncode, shown.stderr) == (0, "")
    lines = shown.stdout.splitlines()
    assert any("house" in line and "chosen" in line and "127.0.0.1:9" in line for line in lines)
    assert any("near" in line and "stays on this machine" in line for line in lines)
    assert any("opus" in line and "ANTHROPIC_API_KEY" in line for line in lines)
    assert f"{config}:7 routes.refactor.models" in shown.stdout
    secret = turnout("route", "explain", "refactor", "secret/a.py").stdout.splitlines()
    assert any("house" in line and "local_only" in line and "secret/" in line for line in secret)
    assert any("near" in line and "chosen" in line for line in secret)


def test_route_explain_as_json(turnout: Run, home: Home) -> None:
    """With `--json` it prints what `turnout/explain` answers."""
    home.configure(HOUSE)
    answer = json.loads(turnout("route", "explain", "refactor", "a.py", "--json").stdout)
    assert answer["chosen"] == "house"
    assert answer["candidates"] == ["house", "near"]
    assert {entry["model"] for entry in answer["eliminated"]} >= {"opus"}
    assert all(set(entry) == {"model", "reason", "source"} for entry in answer["eliminated"])


def test_no_model_left(turnout: Run, home: Home) -> None:
    """Where no model may serve a request the status says so too."""
    home.configure('[routes.refactor]\nmodels = ["opus"]\n')
    shown = turnout("route", "explain", "refactor", "a.py")
    assert shown.returncode == 1
    assert "no model" in shown.stdout


def test_settings_show(turnout: Run, home: Home) -> None:
    """`settings show` prints each effective value with where it is set; what is wrong goes to stderr."""
    config = home.configure(HOUSE)
    home.write(".turnout.toml", "[completion]\nmax_tokens = 40\nmultilin = 1\n")
    shown = turnout("settings", "show")
    assert shown.returncode == 0
    lines = shown.stdout.splitlines()
    (line,) = [line for line in lines if line.startswith("completion.max_tokens ")]
    assert "40" in line
    assert ".turnout.toml:2" in line
    assert any("models.house.base_url" in line and f"{config}:4" in line for line in lines)
    assert any("privacy.leaves_machine" in line and "ask" in line and "default" in line for line in lines)
    assert "multilin" in shown.stderr
    assert "multiline" in shown.stderr
    assert json.loads(turnout("settings", "show", "--json").stdout)


def test_settings_check(turnout: Run, home: Home) -> None:
    """`settings check` is silent success or a failure that names file, line, key, value and what is allowed."""
    assert turnout("settings", "check").returncode == 0
    home.write(".turnout.toml", '[completion]\nmultiline = "sometimes"\n')
    failed = turnout("settings", "check")
    assert failed.returncode == 1
    said = failed.stdout + failed.stderr
    for part in (".turnout.toml:2", "completion.multiline", "sometimes", "always"):
        assert part in said


def test_settings_without_secrets(turnout: Run, home: Home) -> None:
    """A key that someone pasted into the settings is not printed."""
    home.configure('[models.far]\napi = "anthropic"\nmodel = "x"\nkey = "sk-ant-0123456789"\n')
    for arguments in (("settings", "show"), ("settings", "check"), ("route", "explain", "fix", "a.py")):
        shown = turnout(*arguments)
        assert "sk-ant" not in shown.stdout + shown.stderr
        assert "models.far.key" in shown.stdout + shown.stderr


def test_trust(turnout: Run, home: Home) -> None:
    """`trust` lets a workspace set models, says what that means, and is taken back as easily."""
    home.write(".turnout.toml", HOUSE)

    def chosen() -> str:
        explained = turnout("route", "explain", "refactor", "a.py", "--json")
        return str(json.loads(explained.stdout)["chosen"])

    assert chosen() == "near"
    assert "turnout trust" in turnout("route", "explain", "refactor", "a.py").stderr
    trusted = turnout("trust", str(home.work))
    assert trusted.returncode == 0
    assert str(home.work) in trusted.stdout
    assert chosen() == "house"
    assert str(home.work) in turnout("trust", "--list").stdout
    assert turnout("trust", "--remove", str(home.work)).returncode == 0
    assert chosen() == "near"
    missing = turnout("trust", str(home.work / "nowhere"))
    assert missing.returncode == 1
    assert "nowhere" in missing.stderr


def test_models(turnout: Run) -> None:
    """`models list` shows what there is, and what of it is on this machine, without fetching anything."""
    listed = turnout("models", "list")
    assert listed.returncode == 0
    assert "* qwen2.5-coder-0.5b" in listed.stdout
    assert "qwen2.5-coder-1.5b" in listed.stdout
    lines = [line for line in listed.stdout.splitlines() if "B  " in line]
    assert len(lines) > 10
    assert all("not here" in line for line in lines)
    failed = turnout("models", "verify", "qwen2.5-coder-0.5b")
    assert failed.returncode == 1
    assert "turnout models pull" in failed.stderr
