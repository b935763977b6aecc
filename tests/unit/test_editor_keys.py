"""Keys that the editor keeps: each goes to the endpoint that the user entered it for, and nowhere else."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from support.settings_kit import SettingsKit
from turnout.core.backends import Delta, StreamItem
from turnout.core.models import Model
from turnout.core.prompts import ChatPrompt, Prompt
from turnout.session.editor_keys import EditorKeys, WithEditorKeys

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
    asked = list(models)
    keys.fetch(asked)
    await keys.arrived(asked)
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
    keys.fetch([])
    assert keys.resolve(model.key) is None
    assert not keys.may_have(model.key)
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


class SlowClient:
    """An editor that answers each question when it is told to."""

    def __init__(self) -> None:
        self.questions: list[tuple[str, asyncio.Future[str | None]]] = []

    def ask(self, endpoint: str) -> asyncio.Future[str | None]:
        self.questions.append((endpoint, asyncio.get_running_loop().create_future()))
        return self.questions[-1][1]

    @property
    def endpoints(self) -> list[str]:
        return [endpoint for endpoint, _ in self.questions]


def model_at(endpoint: str) -> Model:
    return Model("far", "openai-chat", "m", base_url=endpoint, key=f"editor:{endpoint}", leaves_machine=True)


def slow(wait_s: float = 60.0, on_answer: Callable[[], None] = lambda: None) -> tuple[SlowClient, EditorKeys]:
    client = SlowClient()
    return client, EditorKeys(client.ask, lambda _reference: None, on_answer, wait_s)


async def turns() -> None:
    """Let every task that can go on do so."""
    for _ in range(5):
        await asyncio.sleep(0)


A, B = model_at("https://a"), model_at("https://b")
KEY_A, KEY_B = "editor:https://a", "editor:https://b"


async def test_all_are_asked_for_at_once() -> None:
    """One endpoint whose answer is slow keeps no other waiting, and the news of each answer is passed on."""
    told: list[None] = []
    client, keys = slow(on_answer=lambda: told.append(None))
    keys.fetch([A, B, B])
    await turns()
    assert client.endpoints == ["https://a", "https://b"]
    client.questions[1][1].set_result("b")
    await keys.arrived([B])
    assert keys.resolve(KEY_B) == "b"
    assert keys.may_have(KEY_A)
    assert len(told) == 1
    await keys.close()


async def test_a_key_holds_while_it_is_asked_for_again() -> None:
    """A request that runs while settings are read anew keeps its key, until the editor takes it back."""
    client, keys = slow()
    keys.fetch([A])
    await turns()
    client.questions[0][1].set_result("a")
    await keys.arrived([A])
    keys.fetch([A])
    assert keys.resolve(KEY_A) == "a"
    await turns()
    client.questions[1][1].set_result(None)
    await keys.arrived([A])
    assert keys.resolve(KEY_A) is None
    assert not keys.may_have(KEY_A)


async def test_only_the_newest_answer_counts() -> None:
    """An answer to an older question that comes last changes nothing, and brings no forgotten key back."""
    client, keys = slow()
    keys.fetch([A, B])
    await turns()
    (_, old_a), (_, old_b) = client.questions
    keys.fetch([B])
    await turns()
    client.questions[2][1].set_result("new")
    await keys.arrived([B])
    for old in (old_a, old_b):
        if not old.done():
            old.set_result("old")
    await turns()
    assert (keys.resolve(KEY_A), keys.resolve(KEY_B)) == (None, "new")


async def test_an_answer_to_a_question_of_before_is_not_taken() -> None:
    """Not even one that was there already when the newer question was put."""
    client, keys = slow()
    keys.fetch([A])
    await turns()
    client.questions[0][1].set_result("old")
    keys.fetch([A])
    await turns()
    client.questions[1][1].set_result("new")
    await keys.arrived([A])
    assert keys.resolve(KEY_A) == "new"


async def test_a_key_that_does_not_come_is_waited_for_no_longer_and_asked_for_at_the_next_need() -> None:
    """A locked store delays a request, but not for long; once its question failed, the next request puts it again."""
    client, keys = slow(wait_s=0.0)
    keys.fetch([A])
    await keys.arrived([A])
    assert keys.resolve(KEY_A) is None
    await turns()
    client.questions[0][1].set_exception(TimeoutError())
    await turns()
    assert keys.may_have(KEY_A)
    assert len(client.questions) == 1
    await keys.arrived([A])
    await turns()
    client.questions[1][1].set_result("a")
    await turns()
    assert keys.resolve(KEY_A) == "a"


class Echo:
    """A backend that answers with the key that it finds."""

    def __init__(self, keys: EditorKeys) -> None:
        self._keys = keys

    async def stream(self, model: Model, prompt: Prompt) -> AsyncIterator[StreamItem]:
        yield Delta(str(self._keys.resolve(model.key or "")))


@pytest.mark.parametrize(("named", "said"), [(A, "a"), (model_at("x"), "None")])
async def test_a_request_waits_for_its_own_key(named: Model, said: str) -> None:
    """A model's request goes out when its key is here; no other model's waits for it."""
    client, keys = slow()
    keys.fetch([A])
    backend = WithEditorKeys(Echo(keys), keys)

    async def first() -> StreamItem:
        return await anext(backend.stream(named, ChatPrompt(())))

    asking = asyncio.create_task(first())
    await turns()
    assert asking.done() is (named is not A)
    client.questions[0][1].set_result("a")
    assert await asking == Delta(said)


async def test_nobody_waits_for_a_key_at_the_end() -> None:
    """Closing gives up open questions."""
    _, keys = slow()
    keys.fetch([A, B])
    await turns()
    await keys.close()
    assert asyncio.all_tasks() == {asyncio.current_task()}
