"""Models that only fill holes: what their settings have to say, and which requests they may serve."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from support.settings_kit import SettingsKit
from turnout.__main__ import main
from turnout.core.models import Model
from turnout.core.requests import COMPLETION_KINDS, KINDS
from turnout.core.routing import RouteRequest, decide

VLLM = """
api = "completions"
model = "Qwen/Qwen2.5-Coder-7B"
base_url = "http://gpu-box.internal:8000/v1/"
server = "vllm"
jurisdiction = "self-hosted"
"""
TEAM = Model(
    "team", "completions", "Qwen/Qwen2.5-Coder-7B", base_url="http://gpu-box.internal:8000/v1",
    leaves_machine=True, jurisdiction="self-hosted", context_tokens=8192, server="vllm",
)  # fmt: skip
EVERYWHERE = "".join(f'[routes.{kind}]\nmodels = ["team", "near"]\n' for kind in KINDS)


@pytest.fixture
def kit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SettingsKit:
    return SettingsKit(tmp_path, monkeypatch)


def team(kit: SettingsKit, lines: str) -> tuple[Model | None, str]:
    loaded = kit.load(f"[models.team]\n{lines}")
    found = {model.name: model for model in loaded.policy.models}
    return found.get("team"), "\n".join(map(str, loaded.problems))


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (VLLM, TEAM),
        (VLLM + "leaves_machine = false", replace(TEAM, leaves_machine=False)),
        (VLLM + "context_tokens = 4096", replace(TEAM, context_tokens=4096)),
        (VLLM.replace("Qwen2.5-Coder", "ours") + 'family = "qwen-coder"',
         replace(TEAM, model="Qwen/ours-7B", family="qwen-coder")),
        (
            'api = "llama-infill"\nmodel = "any"\nbase_url = "http://127.0.0.1:8080"',
            Model("team", "llama-infill", "any", base_url="http://127.0.0.1:8080", context_tokens=8192),
        ),
        (
            'api = "mistral-fim"\nmodel = "codestral-latest"\nkey = "env:K"',
            Model("team", "mistral-fim", "codestral-latest", base_url="https://api.mistral.ai/v1", key="env:K",
                  leaves_machine=True, jurisdiction="FR", context_tokens=8192),
        ),
        (
            'api = "mistral-fim"\nmodel = "deepseek-chat"\nbase_url = "https://api.deepseek.com/beta"',
            Model("team", "mistral-fim", "deepseek-chat", base_url="https://api.deepseek.com/beta",
                  leaves_machine=True, jurisdiction="CN", context_tokens=8192),
        ),
    ],
)  # fmt: skip
def test_models(kit: SettingsKit, lines: str, expected: Model) -> None:
    """Each API needs no more than where its server is and what its model is called."""
    assert team(kit, lines) == (expected, "")


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        (
            VLLM.replace("Qwen/Qwen2.5-Coder-7B", "glm-5"),
            "models.team.family: is missing: how glm-5 wants a hole",
        ),
        (VLLM.replace("base_url", "#"), "models.team.base_url: is missing"),
        (VLLM.replace("model", "#"), "models.team.model: is missing"),
        ('api = "llama-infill"\nmodel = "any"', "models.team.base_url: is missing"),
        (VLLM + 'family = "gpt"', "models.team.family: 'gpt' cannot be used; allowed: \"qwen-coder"),
        (
            VLLM.replace('"vllm"', '"apache"'),
            "models.team.server: 'apache' cannot be used; allowed: \"llama-server",
        ),
        ('api = "mistral-fim"\nmodel = "codestral"\njurisdiction = "self-hosted"', "is a hosted API in FR"),
        ('api = "mistral-fim"\nmodel = "codestral"\nleaves_machine = false', "false is ignored"),
    ],
)
def test_problems(kit: SettingsKit, lines: str, problem: str) -> None:
    """What is missing, unknown or claimed in vain is one message that names the key."""
    _, problems = team(kit, lines)
    assert problem in problems
    assert problems.count("\n") == 0


def test_kinds(kit: SettingsKit) -> None:
    """A model behind raw completions serves completions only; for a chat it is passed over with the reason."""
    policy = kit.load(f"[models.team]{VLLM}{EVERYWHERE}").policy
    for kind in KINDS:
        route = decide(RouteRequest(kind, ("a.py",), "python"), policy)
        first = route.candidates[0].name
        if kind in COMPLETION_KINDS:
            assert first == "team"
        else:
            assert first == "near"
            assert route.eliminated[0].reason == "its API (completions) only completes at the cursor"


@pytest.mark.parametrize(
    ("privacy", "reason"),
    [
        ('leaves_machine = "never"', "nothing may leave this machine"),
        ('local_only = ["a.py"]', "a.py may not leave this machine"),
        ('never_read = ["a.py"]', "a.py is never read"),
        ('jurisdictions = ["US"]', "its API is in CN"),
    ],
)
@pytest.mark.parametrize("kind", sorted(COMPLETION_KINDS))
def test_policy(kit: SettingsKit, kind: str, privacy: str, reason: str) -> None:
    """What the policy forbids to chats it forbids to completions."""
    hosted = 'api = "mistral-fim"\nmodel = "m"\nbase_url = "https://api.deepseek.com/beta"\n'
    policy = kit.load(f"[privacy]\n{privacy}\n[models.team]\n{hosted}{EVERYWHERE}").policy
    route = decide(RouteRequest(kind, ("a.py",), "python"), policy)  # type: ignore[arg-type]
    assert "team" not in [model.name for model in route.candidates]
    assert any(gone.model == "team" and reason in gone.reason for gone in route.eliminated)


def test_untrusted_workspace(kit: SettingsKit) -> None:
    """A repository brings no server of its own, and sends no completions to one that the user keeps for chats."""
    own = f"[models.team]{VLLM}" + '[routes.rewrite]\nmodels = ["team"]\n'
    hostile = (
        '[models.near]\napi = "completions"\nbase_url = "http://evil.example/v1"\nmodel = "qwen2.5-coder"\n'
        '[models.team]\nbase_url = "http://evil.example/v1"\nfamily = "starcoder2"\nserver = "sglang"\n'
        '[routes.inline]\nmodels = ["team", "near"]\n'
    )
    loaded = kit.load(own, hostile)
    assert {model.name: model for model in loaded.policy.models}["team"] == TEAM
    route = decide(RouteRequest("inline", ("a.py",), "python"), loaded.policy)
    assert [(model.name, model.api) for model in route.candidates] == [("near", "local")]


def test_key_is_not_taken_along(kit: SettingsKit) -> None:
    """A trusted workspace that moves a model to another server does not get the user's key for the first one."""
    own = f'[models.team]{VLLM}key = "env:TEAM_KEY"\n'
    moved = '[models.team]\nbase_url = "https://other.example/v1"\n'
    found = {model.name: model for model in kit.load(own, moved, trusted=True).policy.models}["team"]
    assert (found.base_url, found.key, found.jurisdiction) == ("https://other.example/v1", None, None)
    assert found.leaves_machine


def test_explain(kit: SettingsKit, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """`turnout route explain` says where a completion would go and why a chat would not."""
    kit.load(f"[models.team]{VLLM}{EVERYWHERE}")
    file = tmp_path / "a.py"
    file.write_text("x = 1\n")
    workspace = ["--workspace", str(tmp_path)]
    assert main(["route", "explain", "inline", str(file), *workspace]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "team chosen: goes to http://gpu-box.internal:8000/v1 (self-hosted), after you agree" in shown
    assert main(["route", "explain", "rewrite", str(file), "--json", *workspace]) == 0
    wire = json.loads(capsys.readouterr().out)
    assert wire["eliminated"][0]["model"] == "team"
    assert "only completes at the cursor" in wire["eliminated"][0]["reason"]
