"""`privacy.secrets`: a workspace only tightens it, and what cannot be read lets nothing out unasked."""

from pathlib import Path

import pytest

from support.settings_kit import SettingsKit


@pytest.fixture
def kit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SettingsKit:
    """A user's settings and a workspace."""
    return SettingsKit(tmp_path, monkeypatch)


@pytest.mark.parametrize("trusted", [True, False])
@pytest.mark.parametrize(
    ("user", "workspace", "holds"),
    [
        (None, None, "redact"),
        (None, "off", "redact"),
        (None, "block", "block"),
        ("off", None, "off"),
        ("off", "redact", "redact"),
        ("off", "block", "block"),
        ("off", "off", "off"),
        ("block", "off", "block"),
        ("block", "redact", "block"),
        ("redact", "off", "redact"),
    ],
)
def test_only_tightens(
    kit: SettingsKit, user: str | None, workspace: str | None, holds: str, trusted: bool
) -> None:
    """The stricter of the two holds, trusted or not, and a wish to loosen it is said to be ignored."""
    first, second = (f'[privacy]\nsecrets = "{value}"\n' if value else "" for value in (user, workspace))
    loaded = kit.load(first, second, trusted=trusted)
    assert loaded.policy.privacy.secrets == holds
    assert bool(loaded.problems) is (workspace is not None and workspace != holds)


def test_source(kit: SettingsKit) -> None:
    """The setting that decided is named with its line."""
    loaded = kit.load("", '[privacy]\n\nsecrets = "block"\n')
    assert loaded.policy.privacy.secrets_source == f"{kit.workspace_file}:3 privacy.secrets"


@pytest.mark.parametrize("value", ['"none"', "false", "0", "[]"])
def test_unreadable(kit: SettingsKit, value: str) -> None:
    """A value that cannot be used leaves the one below it, and the user is asked before text leaves."""
    loaded = kit.load(f'[privacy]\nleaves_machine = "allow"\nsecrets = {value}\n', "")
    assert loaded.policy.privacy.secrets == "redact"
    assert loaded.policy.privacy.leaves_machine == "ask"
    assert loaded.problems
