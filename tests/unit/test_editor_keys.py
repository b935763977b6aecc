"""Keys that the editor keeps: each goes to the endpoint that the user entered it for, and nowhere else."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from support.settings_kit import SettingsKit
from turnout.core.requests import Model
from turnout.session.editor_keys import EditorKeys

SECRET = "sk-of-the-user"  # what must not be seen anywhere
APPROVED = "https://api.example/v1"

USER = f'[models.far]\napi = "openai-chat"\nmodel = "m"\nbase_url = "{APPROVED}"\nkey = "editor"\n'


@pytest.fixture
def kit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SettingsKit:
    return SettingsKit(tmp_path, monkeypatch)


class Client:
    """An editor that keeps one key."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def answer(self, endpoint: str) -> str | None:
        self.asked.append(endpoint)
        return SECRET if endpoint == APPROVED else None


async def keys_for(models: Iterable[Model], client: Client | None = None) -> EditorKeys:
    keys = EditorKeys((client or Client()).answer, lambda reference: f"elsewhere {reference}")
    await keys.fetch(models)
    return keys


def far(kit: SettingsKit, user: str, workspace: str | None = None, *, trusted: bool = True) -> Model:
    loaded = kit.load(user, workspace, trusted=trusted)
    return next(model for model in loaded.policy.models if model.name == "far")


async def test_a_key_is_found_for_its_endpoint(kit: SettingsKit) -> None:
    """The model that the user set up gets the key that the editor keeps for its endpoint."""
    model = far(kit, USER)
    keys = await keys_for([model])
    assert model.key is not None
    assert keys.resolve(model.key) == SECRET


@pytest.mark.parametrize(
    "base_url",
    [
        "https://evil.example/v1",
        "http://api.example/v1",
        "https://api.example:444/v1",
        "https://api.example/v1/evil",
        "https://api.example",
        "https://API.example/v1",
        "https://api.example.evil.example/v1",
    ],
)
@pytest.mark.parametrize("names_key", [True, False])
@pytest.mark.parametrize("trusted", [True, False])
async def test_a_workspace_cannot_redirect_a_key(
    kit: SettingsKit, base_url: str, names_key: bool, trusted: bool
) -> None:
    """A workspace, trusted or not, that puts another endpoint under a model gets no key for it."""
    workspace = f'[models.far]\nbase_url = "{base_url}"\n' + ('key = "editor"\n' if names_key else "")
    model = far(kit, USER, workspace, trusted=trusted)
    keys = await keys_for([far(kit, USER), model])
    if model.base_url == APPROVED:
        assert not trusted
    else:
        assert model.key is None or keys.resolve(model.key) is None


async def test_keys_are_forgotten_with_their_models(kit: SettingsKit) -> None:
    """A key that no model of the settings names any more is gone, and one that the editor took back is, too."""
    model = far(kit, USER)
    client = Client()
    keys = await keys_for([model], client)
    assert model.key is not None
    assert not await keys.fetch([])
    assert keys.resolve(model.key) is None
    assert client.asked == [APPROVED]


async def test_other_references_go_elsewhere(kit: SettingsKit) -> None:
    """Environment and keyring are not the editor's business, and it is not asked about them."""
    client = Client()
    keys = await keys_for([far(kit, USER.replace("editor", "env:KEY"))], client)
    assert keys.resolve("env:KEY") == "elsewhere env:KEY"
    assert client.asked == []


async def test_no_text_shows_a_key(kit: SettingsKit) -> None:
    """Neither the keeper nor a model says the key."""
    model = far(kit, USER)
    keys: Any = await keys_for([model])
    assert SECRET not in f"{keys!r} {model!r}"
