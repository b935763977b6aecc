"""Keys and the servers they are sent to: a trusted workspace cannot turn a key to another server later."""

from functools import partial
from io import StringIO
from pathlib import Path

import pytest

from support.settings_kit import SettingsKit
from turnout.__main__ import main
from turnout.errors import SettingsError
from turnout.settings import Loaded, approvals, trust

HOUSE = """
[models.house]
api = "openai-chat"
model = "m"
base_url = "{url}"
key = "{key}"
"""
USER = HOUSE.format(url="https://house.example/v1", key="env:HOUSE_KEY")


@pytest.fixture
def kit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SettingsKit:
    """A user's settings and a workspace."""
    return SettingsKit(tmp_path, monkeypatch)


def names(loaded: Loaded) -> set[str]:
    """The usable models that a workspace or the user added."""
    return {model.name for model in loaded.policy.models} - {"near", "opus", "sonnet", "glm"}


def load(kit: SettingsKit, user: str, workspace: str) -> Loaded:
    """Load as the server does for a trusted folder."""
    kit.load(user, workspace)
    return kit.load(trusted=True, approve=partial(approvals.approved, kit.workspace))


@pytest.mark.parametrize(
    ("url", "key", "usable"),
    [
        ("https://house.example/v1", "env:HOUSE_KEY", True),
        ("https://house.example/v2/other", "env:HOUSE_KEY", True),
        ("https://HOUSE.example/v1", "env:HOUSE_KEY", True),
        ("https://evil.example/v1", "env:HOUSE_KEY", False),
        ("https://house.example:8443/v1", "env:HOUSE_KEY", False),
        ("http://house.example/v1", "env:HOUSE_KEY", False),
        ("https://house.example.evil.example/v1", "env:HOUSE_KEY", False),
        ("https://house.example/v1", "env:ANTHROPIC_API_KEY", False),
        ("https://house.example/v1", "keyring:HOUSE_KEY", False),
        ("https://evil.example/v1", "editor", True),
    ],
)
def test_later_changes(kit: SettingsKit, url: str, key: str, usable: bool) -> None:
    """What the folder named when it was trusted stays usable; a new pair of key and server is refused, and said."""
    assert names(load(kit, "", USER)) == {"house"}
    changed = load(kit, "", HOUSE.format(url=url, key=key))
    assert names(changed) == ({"house"} if usable else set())
    said = [str(problem) for problem in changed.problems]
    assert any("was not approved for" in text and key in text for text in said) is not usable


def test_asked_again(kit: SettingsKit, capsys: pytest.CaptureFixture[str]) -> None:
    """`turnout trust` names every key with its server and approves them; taking trust back forgets them."""
    kit.load("", HOUSE.format(url="https://one.example/v1", key="env:HOUSE_KEY"))
    assert main(["trust", str(kit.workspace)]) == 0
    assert "env:HOUSE_KEY may be sent to https://one.example\n" in capsys.readouterr().out
    assert names(load(kit, "", HOUSE.format(url="https://two.example/v1", key="env:HOUSE_KEY"))) == set()
    assert main(["trust", str(kit.workspace)]) == 0
    assert names(kit.load(trusted=True, approve=partial(approvals.approved, kit.workspace))) == {"house"}
    assert main(["trust", "--remove", str(kit.workspace)]) == 0
    assert approvals.approved(kit.workspace, frozenset({("env:X", "https://x.example")}))


CLAIMING = """
[models.team]
api = "openai-chat"
model = "m"
base_url = "{url}"
jurisdiction = "{where}"
"""
EUROPEAN = '[privacy]\njurisdictions = ["EU"]\n'


@pytest.mark.parametrize(
    ("url", "where", "usable"),
    [
        ("http://gpu-box.internal:8000/v1", "self-hosted", True),
        ("http://gpu-box.internal:8000/v2", "self-hosted", True),
        ("http://evil.example:8000/v1", "self-hosted", False),
        ("http://gpu-box.internal:8000/v1", "EU", False),
        ("http://127.0.0.1:8000/v1", "self-hosted", True),
    ],
)
def test_a_claim_about_a_server_is_approved_like_a_key(
    kit: SettingsKit, url: str, where: str, usable: bool
) -> None:
    """A folder cannot later put a server where the user lets text go; one that gets no text elsewhere needs no word."""
    first = CLAIMING.format(url="http://gpu-box.internal:8000/v1", where="self-hosted")
    assert names(load(kit, EUROPEAN, first)) == {"team"}
    changed = load(kit, EUROPEAN, CLAIMING.format(url=url, where=where))
    assert names(changed) == ({"team"} if usable else set())
    said = [str(problem) for problem in changed.problems]
    assert any(f"jurisdiction: {where} was not approved for" in text for text in said) is not usable


def test_trust_names_each_server(
    kit: SettingsKit, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each server with its jurisdiction and key is printed, and what refactors would run, before the question."""
    kit.load(EUROPEAN, CLAIMING.format(url="http://gpu-box.internal:8000/v1", where="self-hosted")
             + 'key = "env:TEAM"\n[routes.refactor]\nchecks = ["make test"]\n')  # fmt: skip
    monkeypatch.setattr("sys.stdin", Terminal("n\n"))
    assert main(["trust", str(kit.workspace)]) == 1
    told = capsys.readouterr().out
    for part in (
        "models.team is at http://gpu-box.internal:8000/v1: jurisdiction self-hosted, key env:TEAM, leaves",
        "refactors may run: make test\n",
        "http://gpu-box.internal:8000 is taken to be in the jurisdiction that the folder gives it: self-hosted\n",
        "env:TEAM may be sent to http://gpu-box.internal:8000\n",
        "Nothing was changed.",
    ):
        assert part in told
    assert not trust.is_trusted(kit.workspace)
    for arguments, answer in (((), "y\n"), (("--yes",), "")):
        monkeypatch.setattr("sys.stdin", Terminal(answer))
        assert main(["trust", str(kit.workspace), *arguments]) == 0
        assert trust.is_trusted(kit.workspace)
        assert main(["trust", "--remove", str(kit.workspace)]) == 0


class Terminal(StringIO):
    """Somebody who answers."""

    def isatty(self) -> bool:
        return True


def test_trusted_before_there_was_a_key(kit: SettingsKit) -> None:
    """A folder that was trusted without any key may not bring one in by itself."""
    kit.load("", "")
    assert main(["trust", str(kit.workspace)]) == 0
    assert names(load(kit, "", USER)) == set()


def test_the_users_own(kit: SettingsKit) -> None:
    """What the user binds together needs no approval, whatever else the folder says; a key is not sent along."""
    load(kit, "", "")
    assert names(load(kit, USER, '[models.house]\nmodel = "other"\n')) == {"house"}
    moved = load(kit, USER, '[models.house]\nbase_url = "https://evil.example/v1"\n')
    assert [model.key for model in moved.policy.models if model.name == "house"] == [None]


def test_unreadable(kit: SettingsKit) -> None:
    """A list that cannot be read approves nothing."""
    load(kit, "", USER)
    file = next((kit.workspace.parent / "state").glob("approved-endpoints"))
    for broken in ("{", "[]", '{"x": 3}', "\0", '{"x": [["a"]]}'):
        file.write_text(broken)
        assert names(load(kit, "", USER)) == set(), broken


def test_what_cannot_be_read_is_not_written_over(
    kit: SettingsKit, capsys: pytest.CaptureFixture[str]
) -> None:
    """What other folders may send where would be forgotten, and each of them be taken for new."""
    load(kit, "", USER)
    file = kit.workspace.parent / "state" / "approved-endpoints"
    for broken in ("{", '{"x": 3}', "\0"):
        file.write_text(broken)
        with pytest.raises(SettingsError, match="cannot be read") as caught:
            approvals.approve_all(kit.workspace, [("env:X", "https://x.example")])
        assert str(file) in caught.value.message + caught.value.advice
        assert main(["trust", str(kit.workspace)]) != 0
        assert "cannot be read" in capsys.readouterr().err
        approvals.forget(kit.workspace)
        assert file.read_text() == broken


def test_untrusted(kit: SettingsKit) -> None:
    """A folder that nobody trusts leaves nothing in the list."""
    kit.load("", USER)
    kit.load(trusted=False, approve=approvals.approve_none)
    assert not (kit.workspace.parent / "state" / "approved-endpoints").exists()
