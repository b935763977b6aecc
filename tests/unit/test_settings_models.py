"""Models as they are set: what leaves this machine is decided by where the model is, not by what is said of it."""

from pathlib import Path

import pytest

from support.secrets import TOKENS
from support.settings_kit import SettingsKit
from turnout.core.models import Model


@pytest.fixture
def kit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SettingsKit:
    return SettingsKit(tmp_path, monkeypatch)


def model(kit: SettingsKit, lines: str, name: str = "m") -> tuple[Model | None, str]:
    loaded = kit.load(f"[models.{name}]\n{lines}")
    found = {model.name: model for model in loaded.policy.models}
    return found.get(name), "\n".join(map(str, loaded.problems))


@pytest.mark.parametrize(
    ("base_url", "leaves"),
    [
        ("http://127.0.0.1:8080", False),
        ("http://127.9.9.9/v1", False),
        ("http://localhost:8080/v1", False),
        ("http://LOCALHOST:8080/v1", False),
        ("http://[::1]:8080/v1", False),
        ("https://api.example/v1", True),
        ("http://192.168.0.2/v1", True),
        ("http://localhost.example/v1", True),
        ("http://127.0.0.1.example/v1", True),
        ("http://127.1/v1", True),
        ("http://2130706433/v1", True),
        ("http://0.0.0.0:8080/v1", True),
        ("http://[::ffff:8.8.8.8]/v1", True),
        ("http://xn--lcalhost-54a/v1", True),
    ],
)
def test_loopback(kit: SettingsKit, base_url: str, leaves: bool) -> None:
    """Only what is certainly this machine's own address counts as staying here."""
    found, problems = model(kit, f'api = "openai-chat"\nmodel = "x"\nbase_url = "{base_url}"')
    assert found is not None
    assert found.leaves_machine is leaves
    assert problems == ""


@pytest.mark.parametrize(
    "base_url",
    [
        "ftp://x.example",
        "x.example",
        "http://",
        "http://user@x.example",
        "http://127.0.0.1@x.example",
        "http://127.0.0.1\\\\@x.example",
        "http://127.0.0.1#@x.example",
        "http://127.0.0.1:99999",
        "http://x.example/v1?key=1",
        "http://x.example/ v1",
        "http://\uff4cocalhost/",
        "http://localhost\\n.example",
        "file:///etc/passwd",
    ],
)
def test_refused_url(kit: SettingsKit, base_url: str) -> None:
    """A URL whose host could be read in two ways, or that carries a secret, is refused."""
    found, problems = model(kit, f'base_url = "{base_url}"', "opus")
    assert found is not None
    assert found.base_url == "https://api.anthropic.com"
    assert "an http or https URL" in problems or "port" in problems


@pytest.mark.parametrize("scheme", ["keyring:", "env:", ""])
@pytest.mark.parametrize("token", ["Anthropic", "GitHub", "Hugging Face", "OpenAI"])
def test_a_key_in_place_of_its_name(kit: SettingsKit, scheme: str, token: str) -> None:
    """A key that stands where a reference to one should is refused, so that nothing shows it."""
    loaded = kit.load(f'[models.opus]\nkey = "{scheme}{TOKENS[token]}"')
    assert TOKENS[token] not in f"{loaded.settings} {loaded.policy} {loaded.problems}"
    assert [problem.key for problem in loaded.problems] == ["models.opus.key"]


@pytest.mark.parametrize(
    "key",
    ["keyring:anthropic", "keyring:anthropic-work-2026", "keyring:ada@team.example.org", "env:my_key_2"],
)
def test_names_of_keys(kit: SettingsKit, key: str) -> None:
    """Names that people give to their keys are taken."""
    found, problems = model(kit, f'key = "{key}"', "opus")
    assert found is not None
    assert (found.key, problems) == (key, "")


@pytest.mark.parametrize(
    "setting", ["[models.opus]\nbase_url", "[telemetry]\nendpoint"], ids=["base_url", "telemetry.endpoint"]
)
@pytest.mark.parametrize("url", ["http://bob:PASSW0RD@127.0.0.1:1/", "https://x.example/?key=PASSW0RD"])
def test_a_password_in_a_url(kit: SettingsKit, setting: str, url: str) -> None:
    """A URL that is refused is not quoted, because a password may be what is wrong with it."""
    loaded = kit.load(f'{setting} = "{url}"')
    assert loaded.problems
    assert "PASSW0RD" not in f"{loaded.settings} {loaded.problems}"


@pytest.mark.parametrize(
    ("lines", "leaves", "problem"),
    [
        ('base_url = "http://gpu.internal/v1"\nleaves_machine = false', True, "false is ignored"),
        (
            'base_url = "http://gpu.internal/v1"\nleaves_machine = false\njurisdiction = "US"',
            True,
            "false is ignored",
        ),
        (
            'base_url = "http://gpu.internal/v1"\nleaves_machine = false\njurisdiction = "self-hosted"',
            False,
            "",
        ),
        ('base_url = "http://127.0.0.1:4000"\nleaves_machine = true', True, ""),
        (
            'base_url = "https://api.z.ai/v1"\nleaves_machine = false\njurisdiction = "self-hosted"',
            True,
            "false is ignored",
        ),
        ("leaves_machine = false", True, "false is ignored"),
    ],
)
def test_said_to_stay(kit: SettingsKit, lines: str, leaves: bool, problem: str) -> None:
    """Only the user's own file can say that another machine is as good as this one, and never of a hosted API."""
    found, problems = model(kit, f'api = "openai-chat"\nmodel = "x"\n{lines}')
    assert found is not None
    assert found.leaves_machine is leaves
    assert problem in problems
    assert bool(problem) == bool(problems)


def test_editor_cannot_say_it_stays(kit: SettingsKit) -> None:
    """An editor's settings may come from a repository, so they cannot say that another machine is this one."""
    entry = {"api": "openai-chat", "model": "x", "base_url": "http://a.b/v1", "leaves_machine": False}
    loaded = kit.load(editor={"models": {"m": {**entry, "jurisdiction": "self-hosted"}}})
    assert {model.name: model.leaves_machine for model in loaded.policy.models}["m"] is True


def test_catalogue(kit: SettingsKit) -> None:
    """Price, context and jurisdiction come from the catalogue, for the maker's own API only, unless they are set."""
    own, _ = model(kit, 'api = "anthropic"\nmodel = "claude-haiku-4-5"')
    assert own == Model(
        "m", "anthropic", "claude-haiku-4-5", base_url="https://api.anthropic.com", leaves_machine=True,
        jurisdiction="US", context_tokens=200_000, input_usd=1.0, output_usd=5.0,
        cache_read_usd=0.1, cache_write_usd=1.25, tools=True,
    )  # fmt: skip
    other, _ = model(
        kit, 'api = "anthropic"\nmodel = "claude-haiku-4-5"\nbase_url = "https://proxy.example/"'
    )
    assert other is not None
    assert (other.jurisdiction, other.input_usd, other.base_url) == (None, None, "https://proxy.example")
    priced, _ = model(
        kit, 'api = "anthropic"\nmodel = "claude-haiku-4-5"\ninput_usd = 0\njurisdiction = "EU"'
    )
    assert priced is not None
    assert (priced.input_usd, priced.output_usd, priced.jurisdiction) == (0.0, 5.0, "EU")


def test_unknown_price_stays_unknown(kit: SettingsKit) -> None:
    """A model whose price is not known for certain costs an unknown amount, not nothing."""
    found = {model.name: model for model in kit.load().policy.models}
    assert found["glm"].cost_usd(1000, 1000) is None
    assert found["near"].cost_usd(1000, 1000) == 0.0


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ('api = "openai-chat"', "models.m.model: is missing"),
        ('engine = "auto"', "models.m.model: is missing"),
        ('model = "x"\nbase_url = "http://a.example"', "models.m.base_url: has no effect on a local model"),
        ('model = "x"\nkey = "env:K"', "models.m.key: has no effect on a local model"),
        ('model = "x"\nleaves_machine = true', "models.m.leaves_machine: has no effect"),
    ],
)
def test_incomplete(kit: SettingsKit, lines: str, problem: str) -> None:
    """A model that cannot work, or not as its author thinks, is one message."""
    _, problems = model(kit, lines)
    assert problem in problems
    assert problems.count("\n") == 0


def test_local_file(kit: SettingsKit) -> None:
    """A local model can be a file that the user already has."""
    found, problems = model(kit, 'path = "/models/x.gguf"\ncontext_tokens = 2048')
    assert problems == ""
    assert found == Model("m", "local", "m", path="/models/x.gguf", context_tokens=2048)
