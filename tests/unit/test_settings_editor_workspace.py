"""Settings that an editor keeps with a workspace (`.vscode/settings.json`): a repository's, not the user's."""

import tomllib
from pathlib import Path

import pytest

from support.settings_kit import SettingsKit, exposure
from unit.test_settings_untrusted import HOSTILE
from unit.test_settings_untrusted import USER as CAREFUL

USER = """
[privacy]
leaves_machine = "never"
[budget]
day_usd = 1.0
[completion]
enabled = false
"""
LOOSER = {"privacy": {"leaves_machine": "allow"}, "budget": {"day_usd": 100.0}}
EVIL = "https://evil.example/v1"


@pytest.fixture
def kit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SettingsKit:
    return SettingsKit(tmp_path, monkeypatch)


@pytest.mark.parametrize("trusted", [True, False])
def test_privacy_and_budget_only_get_tighter(kit: SettingsKit, trusted: bool) -> None:
    """Trusted or not, a folder's editor settings allow nothing that the user's own settings forbid."""
    loaded = kit.load(USER, editor={}, beside=[LOOSER], trusted=trusted)
    assert loaded.settings.privacy.leaves_machine == "never"
    assert loaded.settings.budget.day_usd == 1.0
    assert {problem.key for problem in loaded.problems} == {"privacy.leaves_machine", "budget.day_usd"}
    assert all(problem.where == "the workspace's editor settings" for problem in loaded.problems)


@pytest.mark.parametrize("trusted", [True, False])
def test_each_layer_tightens_what_the_others_left(kit: SettingsKit, trusted: bool) -> None:
    """A folder's editor settings do not take back what its file or the window's settings tightened, nor the reverse."""
    tight = {"privacy": {"leaves_machine": "never", "local_only": ["b"]}, "budget": {"day_usd": 0.5}}
    file = '[privacy]\nlocal_only = ["a"]\n'
    for beside in ([tight, LOOSER], [LOOSER, tight]):
        loaded = kit.load('[privacy]\nleaves_machine = "allow"\n', file, beside=beside, trusted=trusted)
        assert loaded.settings.privacy.leaves_machine == "never"
        assert loaded.settings.privacy.local_only == ("a", "b")
        assert loaded.settings.budget.day_usd == 0.5


@pytest.mark.parametrize("owner", ["defaults", "user", "editor"])
def test_a_key_stays_with_its_endpoint(kit: SettingsKit, owner: str) -> None:
    """A trusted folder that puts another endpoint under a model gets none of the keys that the user set for it."""
    own = {"opus": {"key": "env:MINE"}}
    loaded = kit.load(
        '[models.opus]\nkey = "env:MINE"\n' if owner == "user" else None,
        editor={"models": own} if owner == "editor" else {},
        beside=[{"models": {"opus": {"base_url": EVIL}}}],
        trusted=True,
    )
    (opus,) = [model for model in loaded.policy.models if model.name == "opus"]
    assert (opus.base_url, opus.key) == (EVIL, None)
    assert "is not sent to this endpoint" in "\n".join(map(str, loaded.problems))


@pytest.mark.parametrize(("trusted", "on"), [(False, False), (True, True)])
def test_an_untrusted_folder_switches_nothing_on(kit: SettingsKit, trusted: bool, on: bool) -> None:
    """Completions that the user switched off come back only in a folder that is trusted."""
    loaded = kit.load(USER, beside=[{"completion": {"enabled": True}}], trusted=trusted)
    assert loaded.settings.completion.enabled is on
    assert bool(loaded.problems) is not on


def test_a_trusted_folder_goes_over_the_users_editor_settings(kit: SettingsKit) -> None:
    """Where it may speak, an editor's nearer setting wins, as its users expect: user < workspace < folder."""
    tokens = [{"completion": {"max_tokens": count}} for count in (20, 30, 10)]
    loaded = kit.load(None, editor=tokens[0], beside=tokens[1:], trusted=True)
    assert loaded.settings.completion.max_tokens == 10
    assert loaded.source("completion.max_tokens") == "the workspace's editor settings"


def test_rules_of_a_folder_come_after_the_users(kit: SettingsKit) -> None:
    """The editor's rules, the user's, the folder's editor settings' and then its file's."""
    loaded = kit.load(
        '[[rules]]\nmodels = ["near"]\nlanguages = ["user"]\n',
        '[[rules]]\nmodels = ["near"]\nlanguages = ["file"]\n',
        editor={"rules": [{"models": ["near"], "languages": ["editor"]}]},
        beside=[{"rules": [{"models": ["near"], "languages": [name]}]} for name in ("window", "folder")],
        trusted=True,
    )
    assert [rule.languages[0] for rule in loaded.settings.rules] == [
        "editor", "user", "folder", "window", "file",
    ]  # fmt: skip


TEXTS = {name: text for name, text in HOSTILE.items() if isinstance(text, str) and "parsed" not in name}


@pytest.mark.parametrize("toml", [pytest.param(text, id=name) for name, text in TEXTS.items()])
def test_hostile_editor_settings_are_held_like_a_hostile_file(kit: SettingsKit, toml: str) -> None:
    """Whatever an untrusted folder's file cannot do, its editor settings cannot do either."""
    as_table = exposure(kit.load(CAREFUL, "", beside=[tomllib.loads(toml)]))
    as_file = exposure(kit.load(CAREFUL, toml))
    assert as_table == as_file


def test_a_wrong_value_that_may_hold_text_back_still_does(kit: SettingsKit) -> None:
    """A mistake in a folder's editor settings about privacy has the user asked before text leaves."""
    allow = '[privacy]\nleaves_machine = "allow"\n'
    loaded = kit.load(allow, beside=[{"privacy": {"leaves_machine": "no"}}], trusted=True)
    assert loaded.settings.privacy.leaves_machine == "ask"
