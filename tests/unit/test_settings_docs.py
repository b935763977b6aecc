"""Docs, JSON Schema and commands say what the code does."""

import json
import os
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from support.settings_kit import SettingsKit
from turnout import settings
from turnout.__main__ import main
from turnout.settings.describe import MARKER, json_schema, reference
from turnout.settings.schema import Settings, defaults

DOCS = Path(__file__).parents[2] / "docs" / "settings.md"


@pytest.fixture
def kit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SettingsKit:
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    monkeypatch.delenv("ZAI_API_KEY", raising=False)
    return SettingsKit(tmp_path, monkeypatch)


def test_reference_is_up_to_date() -> None:
    """The reference in the docs is the one that the schema gives."""
    assert DOCS.read_text("utf-8").partition(MARKER)[2] == f"\n\n{reference()}"


def test_examples_in_the_docs(kit: SettingsKit) -> None:
    """Every TOML example in the docs can be used as it stands."""
    examples = re.findall(r"```toml\n(.*?)```", DOCS.read_text("utf-8"), re.DOTALL)
    assert examples
    for example in examples:
        assert kit.load(example).problems == ()


def test_schema_describes_every_key() -> None:
    """Every key has a description, and no default stands outside of what is allowed."""

    def check(node: dict[str, Any], path: str) -> None:
        for name, child in node.get("properties", {}).items():
            assert (
                "description" in child or "$ref" in child or "items" in child or "patternProperties" in child
            ), path + name
            if "enum" in child and "default" in child:
                assert child["default"] in child["enum"]

    schema = json_schema()
    check(schema, "")
    for name, definition in schema["$defs"].items():
        check(definition, f"{name}.")
    assert Settings.model_validate(defaults()) == Settings()


def test_package_exports() -> None:
    """The package exports what its callers need and nothing else."""
    assert settings.__all__ == ["Loaded", "Problem", "load"]
    assert all(getattr(settings, name) for name in settings.__all__)
    with pytest.raises(AttributeError):
        settings.nothing  # noqa: B018


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    status = main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def test_show(kit: SettingsKit, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """`settings show` prints every value with its source as TOML, and never a key."""
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-verysecret")
    kit.load(
        '[routes.inline]\ndeadline_ms = 99\n[[rules]]\npaths = ["x"]\nmodels = ["near"]',
        "[budget]\nday_usd = 1.5",
    )
    status, out, err = run(capsys, "settings", "show", kit.workspace)
    assert (status, err) == (0, "")
    assert re.search(rf"routes.inline.deadline_ms = 99 +# {kit.user_file}:2 ", out)
    assert re.search(rf"budget.day_usd = 1.5 +# {kit.workspace_file}:2 ", out)
    assert re.search(r"routes.popup.deadline_ms = 1500 +# built-in defaults\n", out)
    assert re.search(rf"rules\[0\] = .*# {kit.user_file}:3 ", out)
    assert "verysecret" not in out
    plain = "\n".join(line for line in out.splitlines() if not line.startswith("rules["))
    shown = tomllib.loads(plain)
    assert shown["models"]["opus"]["key"] == "env:ANTHROPIC_API_KEY"

    status, out, _ = run(capsys, "settings", "show", kit.workspace, "--json")
    assert json.loads(out)["settings"]["budget.day_usd"] == {
        "value": 1.5,
        "source": f"{kit.workspace_file}:2 budget.day_usd",
    }


def test_show_what_nobody_set(kit: SettingsKit, capsys: pytest.CaptureFixture[str]) -> None:
    """Facts that the catalogue and an endpoint give a model are shown with where they are from, behind what is set."""
    kit.load(
        "[models.opus]\ninput_usd = 4\n"
        '[models.it]\napi = "openai-chat"\nmodel = "m"\nbase_url = "http://x.example/v1/"\n'
        '[models.fim]\napi = "mistral-fim"\nmodel = "codestral-latest"\njurisdiction = "self-hosted"\n'
    )
    _, out, _ = run(capsys, "settings", "show", kit.workspace, "--json")
    shown = {key: (entry["value"], entry["source"]) for key, entry in json.loads(out)["settings"].items()}
    assert shown["models.opus.input_usd"] == (4.0, f"{kit.user_file}:2 models.opus.input_usd")
    assert shown["models.opus.output_usd"] == (25.0, "the catalogue: claude-opus-4-6")
    assert shown["models.opus.jurisdiction"] == ("US", "the catalogue: Anthropic")
    assert shown["models.opus.base_url"] == ("https://api.anthropic.com", "the public endpoint of its API")
    assert shown["models.it.base_url"] == ("http://x.example/v1/", f"{kit.user_file}:6 models.it.base_url")
    assert shown["models.it.leaves_machine"] == (True, "from its base_url")
    assert shown["models.it.context_tokens"] == (128_000, "assumed, as nothing is known of this model")
    assert shown["models.fim.context_tokens"] == (8192, "assumed, as nothing is known of this model")
    assert shown["models.fim.jurisdiction"] == ("FR", "the catalogue: Mistral AI")
    assert "models.it.input_usd" not in shown
    keys = list(shown)
    assert keys.index("models.opus.jurisdiction") < keys.index("models.sonnet.api")


def test_check(kit: SettingsKit, capsys: pytest.CaptureFixture[str]) -> None:
    """`settings check` is silent about what is right, and fails on what is wrong."""
    status, out, err = run(capsys, "settings", "check", kit.workspace)
    assert (status, err) == (0, "")
    assert str(kit.workspace_file) in out
    kit.load(None, "[completion]\nenabled = 2")
    status, _, err = run(capsys, "settings", "check", kit.workspace)
    assert status == 1
    assert f"{kit.workspace_file}:2: completion.enabled: 2 cannot be used; allowed: true or false" in err


def test_schema_and_docs(kit: SettingsKit, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """`settings schema` and `settings docs` print what the package has, and docs can be written in place."""
    assert json.loads(run(capsys, "settings", "schema")[1]) == json_schema()
    assert run(capsys, "settings", "docs")[1] == reference()
    page = tmp_path / "page.md"
    page.write_text(f"# Prose\n{MARKER}\nold")
    assert run(capsys, "settings", "docs", "--write", page)[0] == 0
    assert page.read_text() == f"# Prose\n{MARKER}\n\n{reference()}"


def test_explain(
    kit: SettingsKit, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`route explain` prints the decision, where text would go, and why each other model was passed over."""
    file = kit.workspace / "src" / "a.py"
    file.parent.mkdir()
    file.write_text("x = 1\n" * 100)
    status, out, _ = run(capsys, "route", "explain", "refactor", file, "--workspace", kit.workspace)
    assert status == 0
    assert "refactor src/a.py" in out
    assert re.search(r"near +chosen: stays on this machine", out)
    assert re.search(
        r"opus +no key: env:ANTHROPIC_API_KEY is not set +\[built-in defaults: models.opus\]", out
    )

    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-verysecret")
    status, out, _ = run(capsys, "route", "explain", "refactor", file, "--workspace", kit.workspace)
    assert re.search(
        r"opus +chosen: goes to https://api.anthropic.com \(US\), after you agree; at most \$0.05", out
    )
    assert re.search(r"near +if that fails: stays on this machine", out)
    assert "verysecret" not in out

    kit.load(None, '[privacy]\nnever_read = ["src/"]')
    status, out, _ = run(capsys, "route", "explain", "inline", file, "--json", "--workspace", kit.workspace)
    assert status == 1
    decision = json.loads(out)
    assert (decision["chosen"], decision["candidates"]) == (None, [])
    assert {
        "model": "near",
        "reason": "src/a.py is never read (`src/`)",
        "source": f"{kit.workspace_file}:2 privacy.never_read",
    } in (decision["eliminated"])


def test_explain_tiers_and_money(
    kit: SettingsKit, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`route explain` says what the request was taken for, how its chain is ordered, and what budgets leave."""
    monkeypatch.setenv("ANTHROPIC_API_KEY", "k")
    kit.load(
        "[budget]\nday_usd = 5\nworkspace_month_usd = 3\n"
        '[routes.rewrite]\nstrategy = "cheapest"\nsimple = ["opus", "near"]\nmodels = ["opus"]\n'
    )
    file = kit.workspace / "a.py"
    file.write_text("x = 1\n" * 100)
    arguments = ("route", "explain", "rewrite", file, "--workspace", kit.workspace)
    _, out, _ = run(capsys, *arguments)
    assert "tier: simple, from rewrite (1), about 200 tokens (-1)" in out
    assert "strategy: cheapest" in out
    assert f"budget: $0.00 of $5.00 a day  [{kit.user_file}:2 budget.day_usd]" in out
    assert re.search(r"near +chosen \(about \$0.0000\)", out)
    decision = json.loads(run(capsys, *arguments, "--files", "9", "--json")[1])
    assert (decision["tier"], decision["candidates"]) == ("standard", ["opus"])
    assert [row["limit"] for row in decision["budget"]] == ["a day", "a month in this workspace"]

    state = Path(os.environ["TURNOUT_STATE_DIR"])
    (state / "ledger.sqlite").write_text("no database at all, but long enough to be looked at" * 99)
    status, out, err = run(capsys, *arguments)
    assert (status, "cannot be read" in err) == (0, True)


def test_link(kit: SettingsKit, capsys: pytest.CaptureFixture[str]) -> None:
    """A link is under the rules of its own name and of what it leads to, inside the workspace and outside."""
    (kit.workspace / ".env").write_text("SECRET=1")
    (kit.workspace / "notes.md").symlink_to(".env")
    outside = kit.workspace.parent / ".ssh"
    outside.mkdir()
    (outside / "config").write_text("x")
    (kit.workspace / "config.md").symlink_to(outside / "config")
    for name, pattern in (("notes.md", ".env*"), ("config.md", ".ssh/")):
        status, out, _ = run(
            capsys, "route", "explain", "inline", kit.workspace / name, "--workspace", kit.workspace
        )
        assert status == 1
        assert f"is never read (`{pattern}`)" in out


def test_trust(kit: SettingsKit, capsys: pytest.CaptureFixture[str]) -> None:
    """`trust` makes the workspace's own models apply, for the other commands too, until it is taken back."""
    kit.load(None, '[models.near]\nmodel = "other"')
    assert "turnout trust" in run(capsys, "settings", "check", kit.workspace)[2]
    assert run(capsys, "trust", kit.workspace)[0] == 0
    assert run(capsys, "trust", "--list")[1] == f"{kit.workspace}\n"
    assert run(capsys, "settings", "check", kit.workspace)[0] == 0
    assert run(capsys, "trust", kit.workspace, "--remove")[0] == 0
    assert run(capsys, "trust", kit.workspace, "--remove")[0] == 1
    assert run(capsys, "settings", "check", kit.workspace)[0] == 1
    assert run(capsys, "trust", kit.workspace / "nothing")[0] == 1


def test_workspace_around_a_file(
    kit: SettingsKit, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without being told, commands take the nearest folder with settings or a repository."""
    (kit.workspace / "deep" / "er").mkdir(parents=True)
    kit.load(None, "[routes.inline]\ndeadline_ms = 4321")
    monkeypatch.chdir(kit.workspace / "deep")
    assert "4321" in run(capsys, "route", "explain", "inline", "er/new.py")[1]
    assert str(kit.workspace_file) in run(capsys, "settings", "show")[1]


def test_a_workspace_that_is_not_there(kit: SettingsKit, capsys: pytest.CaptureFixture[str]) -> None:
    """A path with a typing error is no workspace without settings; the settings file names its own folder."""
    kit.load("", "[completion]\nenabled = false\n")
    for wrong in (kit.workspace / "none", kit.workspace / "none.toml"):
        for action in ("show", "check"):
            status, out, err = run(capsys, "settings", action, wrong)
            assert (status, out) == (1, "")
            assert f"{wrong} is not a folder" in err
    assert "completion.enabled = false" in run(capsys, "settings", "show", kit.workspace_file)[1]
    _, out, _ = run(capsys, "settings", "check", kit.workspace)
    assert out.endswith(f"{kit.workspace_file}\n")
    kit.workspace_file.unlink()
    _, out, _ = run(capsys, "settings", "check", kit.workspace)
    assert out.endswith(f"{kit.workspace_file} (not there)\n")
