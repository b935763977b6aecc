"""The catalogue of models: what it knows has a source, what it does not know stays unknown."""

import json
import re
from pathlib import Path

import pytest

from support.settings_kit import SettingsKit
from turnout import models
from turnout.__main__ import main
from turnout.core.routing import RouteRequest, decide
from turnout.settings.catalogue import catalogue, parse

KNOWN = {model.id: model for model in catalogue().models}

NAMED = {
    "Claude Opus 4.6": (5.0, 25.0),
    "Claude Sonnet 4.6": (3.0, 15.0),
    "Claude Haiku 4.5": (1.0, 5.0),
    "GPT-5.3-Codex": (1.75, None),
    "GPT-5.3-Codex-Spark": (None, None),
    "GPT-4.1 mini": (None, None),
    "GLM-5": (0.11, None),
    "GLM-5.1": (None, None),
    "Kimi K2.5": (None, None),
    "DeepSeek V3.2": (None, None),
    "DeepSeek V4": (0.14, None),
    "Qwen3-Coder-Next": (None, None),
    "Gemini 3.1 Pro": (None, None),
    "Gemini Flash": (None, None),
}
"""Every hosted model that is promised, and its prices; an unknown one is nobody's guess."""


@pytest.fixture
def kit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SettingsKit:
    return SettingsKit(tmp_path, monkeypatch)


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    status = main(["models", "catalogue", *arguments])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def test_what_is_known() -> None:
    """Every promised model is there with the prices that are known of it, and no others."""
    assert {model.name: (model.input_usd, model.output_usd) for model in KNOWN.values()} == NAMED


@pytest.mark.parametrize("name", KNOWN)
def test_sources(name: str) -> None:
    """Price, context and an open licence each name their source and its date."""
    model = KNOWN[name]
    told = {source.of for source in model.sources}
    assert "context" in told
    assert ("price" in told) is (model.input_usd is not None)
    assert ("licence" in told) is (model.licence != "proprietary")
    assert all(re.fullmatch(r"20\d\d-[01]\d", source.date) and source.at for source in model.sources)
    assert model.strengths
    assert (model.weights is None) is (model.licence == "proprietary")


def test_unknown_price_under_a_budget(kit: SettingsKit) -> None:
    """A model whose price is unknown is refused under a budget until the user enters both, and then it is not."""
    settings = (
        "[budget]\nday_usd = 1\n[routes.fix]\nmodels = ['kimi']\n"
        "[models.kimi]\napi = 'openai-chat'\nmodel = 'kimi-k2.5'\nbase_url = 'https://api.moonshot.ai/v1'\n"
    )
    request = RouteRequest("fix", input_tokens=100, output_tokens=100)
    route = decide(request, kit.load(settings).policy)
    assert {e.model: e.reason for e in route.eliminated}[
        "kimi"
    ] == "its price is unknown, and there is a budget"
    priced = settings + "input_usd = 1\noutput_usd = 2\ncache_read_usd = 0.1\n"
    (kimi,) = decide(request, kit.load(priced).policy).candidates
    assert (kimi.input_usd, kimi.cache_read_usd, kimi.context_tokens) == (1.0, 0.1, 256_000)


@pytest.mark.parametrize(
    ("base_url", "jurisdiction", "input_usd"),
    [
        ("https://api.anthropic.com", "US", 5.0),
        ("https://api.anthropic.com.evil.example", None, None),
        ("https://gateway.example/anthropic", None, None),
    ],
)
def test_only_at_the_provider(
    kit: SettingsKit, base_url: str, jurisdiction: str | None, input_usd: float | None
) -> None:
    """Prices and jurisdiction hold at the provider's own host, not for the same name elsewhere."""
    loaded = kit.load(f"[models.it]\napi = 'anthropic'\nmodel = 'claude-opus-4-6'\nbase_url = '{base_url}'\n")
    it = next(model for model in loaded.policy.models if model.name == "it")
    assert (it.jurisdiction, it.input_usd) == (jurisdiction, input_usd)


@pytest.mark.parametrize("name", KNOWN)
def test_settings_to_copy(kit: SettingsKit, capsys: pytest.CaptureFixture[str], name: str) -> None:
    """What is printed for a model can be put into the settings as it stands."""
    status, out, _ = run(capsys, name)
    assert status == 0
    toml = out[out.index("# config.toml") :]
    loaded = kit.load(toml)
    assert loaded.problems == ()
    made = {model.name: model for model in loaded.policy.models}
    written = re.findall(r"^\[models\.(.*)\]$", toml, re.MULTILINE)
    assert {made[each].model for each in written} <= {name, KNOWN[name].weights}
    assert len(written) == (KNOWN[name].provider is not None) + (KNOWN[name].weights is not None)


def test_list(capsys: pytest.CaptureFixture[str]) -> None:
    """The list has every model, those of this machine too, and says where it does not know."""
    status, out, _ = run(capsys)
    assert status == 0
    lines = {line.split()[0]: line for line in out.splitlines() if line}
    assert {*KNOWN, *models.known()} <= set(lines)
    assert "Anthropic (US)" in lines["claude-opus-4-6"]
    assert "~1.75 / ?" in lines["gpt-5.3-codex"]
    assert "place unknown" in lines["kimi-k2.5"]
    assert "this machine" in lines["qwen2.5-coder-0.5b"]


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    """As JSON, an unknown price is null and every source is there; names are found by any of their forms."""
    entries = {entry["id"]: entry for entry in json.loads(run(capsys, "--json")[1])}
    assert entries["gpt-5.3-codex"]["output_usd"] is None
    assert entries["qwen2.5-coder-0.5b"]["input_usd"] == 0
    assert entries["glm-5"]["jurisdiction"] == "SG"
    for name in ("glm-5", "GLM-5", "zai-org/GLM-5"):
        assert json.loads(run(capsys, name, "--json")[1]) == entries["glm-5"]


def test_unknown_name(capsys: pytest.CaptureFixture[str]) -> None:
    """A name that is not there says which one is near, and that the model can be used all the same."""
    status, _, err = run(capsys, "claude-opus")
    assert status == 1
    assert "claude-opus-4-6" in err
    assert "context_tokens" in err


def test_provider_that_is_not_there() -> None:
    """A model of a provider that the file does not have is a mistake in the file."""
    with pytest.raises(ValueError, match="there is no provider"):
        parse(
            'providers = {}\n[[models]]\nid = "a"\nprovider = "b"\ncontext_tokens = 1\nstrengths = []\nsources = []'
        )


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("opsu", "claude-opus-4-6"),
        ("claude", "claude-opus-4-6, claude-sonnet-4-6, claude-haiku-4-5"),
        ("claude-opus-46", "claude-opus-4-6"),
        ("", ""),
        ("zzzzzzzz", ""),
        ("z" * 10_000, ""),
    ],
)
def test_a_name_that_is_not_quite_one(name: str, meant: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Models whose name holds what was asked for, or is near it, are named."""
    assert main(["models", "catalogue", name]) == 1
    said = capsys.readouterr().err
    assert "is not in the catalogue" in said
    assert f"Did you mean {meant}" in said if meant else "Did you mean" not in said
