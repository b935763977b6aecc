"""`docs/team.md`: every settings file on it loads without a word, and does what the page says."""

import re
from pathlib import Path

import pytest

from support.settings_kit import SettingsKit
from turnout.core.requests import KINDS
from turnout.core.routing import RouteRequest, decide
from turnout.settings import Loaded

PAGE = (Path(__file__).parents[2] / "docs" / "team.md").read_text("utf-8")
BLOCKS = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
POLICY, CUSTOMERS, EXPORT = BLOCKS
KEYS = frozenset({"team-completion", "team-glm", "team-opus"})


@pytest.fixture
def kit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SettingsKit:
    """A user's settings and a workspace."""
    return SettingsKit(tmp_path, monkeypatch)


def chain(loaded: Loaded, kind: str, path: str = "src/a.py", tokens: int = 1000) -> list[str]:
    """The names of the models that a request may go to."""
    request = RouteRequest(kind, (path,), "python", KEYS, tokens, 2048)  # type: ignore[arg-type]
    return [model.name for model in decide(request, loaded.policy).candidates]


@pytest.mark.parametrize("block", BLOCKS[1:])
def test_loads(kit: SettingsKit, block: str) -> None:
    """The policy alone, and a repository's file on top of it, trusted or not, are understood whole."""
    assert kit.load(POLICY, "").problems == ()
    for trusted in (True, False):
        assert kit.load(POLICY, block, trusted=trusted).problems == ()


def test_policy(kit: SettingsKit) -> None:
    """Completions go to the team's server, large work to the best model, and all of it falls back to this machine."""
    loaded = kit.load(POLICY, "")
    assert chain(loaded, "inline") == ["team-completion", "near"]
    assert chain(loaded, "explain") == ["team-glm", "near"]
    assert "near" in chain(loaded, "rewrite")
    assert chain(loaded, "explain", "src/hr/pay.py") == ["near"]
    assert chain(loaded, "explain", "deploy/secrets/prod.yaml") == []
    assert {model.jurisdiction for model in loaded.policy.models if model.name == "team-opus"} == {"US"}


def test_jurisdiction(kit: SettingsKit) -> None:
    """The gateway's hosted model is held to where it runs, the team's own ones are always inside."""
    loaded = kit.load(POLICY.replace('jurisdictions = ["US"]', 'jurisdictions = ["FR"]'), "")
    for kind in KINDS:
        assert "team-opus" not in chain(loaded, kind)
    assert chain(loaded, "explain") == ["team-glm", "near"]


def test_customers(kit: SettingsKit) -> None:
    """The repository's file asks, blocks secrets, and keeps its fixtures and its billing here."""
    loaded = kit.load(POLICY, CUSTOMERS)
    assert loaded.settings.privacy.leaves_machine == "ask"
    assert loaded.settings.privacy.secrets == "block"
    assert chain(loaded, "explain", "fixtures/a.json") == ["near"]
    assert chain(loaded, "explain", "billing/a.py") == ["near"]
    assert loaded.settings.budget.workspace_day_usd == 2.0


def test_export(kit: SettingsKit) -> None:
    """The one rule keeps everything on the team's own servers."""
    loaded = kit.load(POLICY, EXPORT)
    for kind in ("fix", "rewrite", "refactor", "document", "test", "explain"):
        assert chain(loaded, kind) == ["team-glm", "near"]
    assert chain(loaded, "inline") == ["team-completion", "near"]


def test_yaml_and_commands() -> None:
    """What the page says of the gateway and of commands names models and commands that there are."""
    from turnout.__main__ import main

    assert {"glm-5", "claude-opus"} <= set(re.findall(r"model_name: (\S+)", PAGE))
    for command in ("settings", "doctor", "route", "ledger", "trust"):
        with pytest.raises(SystemExit) as caught:
            main([command, "--help"])
        assert caught.value.code == 0
