"""Secrets and the dispatcher: what a model elsewhere is sent, what becomes of its answer, what the receipt says."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace

import pytest

from support.secrets import TOKENS, made
from turnout.core.answers import Answer, Ask
from turnout.core.backends import Delta, Done, StreamItem
from turnout.core.models import Model
from turnout.core.prompts import ChatPrompt, Message, Prompt
from turnout.core.receipts import Receipt, SentFile
from turnout.core.requests import Kind, Route, SecretsMode
from turnout.dispatch import Consent, Dispatcher
from turnout.errors import RouteError, SecretsFound, TurnoutError

NEAR = Model("near", "local", "tiny")
FAR = Model("far", "openai-chat", "far-1", base_url="https://far.example/v1", leaves_machine=True)
SECRET = TOKENS["GitHub"]
TEXT = f"token = '{SECRET}'\nprint(token)\n"
FILES = (SentFile("file:///a.py", len(TEXT)),)


@dataclass
class Echo:
    """A backend that answers with what it was sent, changed by `change`, a few characters at a time."""

    change: tuple[str, str] = ("", "")
    prompts: list[tuple[str, str]] = field(default_factory=list)

    async def stream(self, model: Model, prompt: Prompt) -> AsyncIterator[StreamItem]:
        """Play it back."""
        assert isinstance(prompt, ChatPrompt)
        text = prompt.messages[-1].content
        self.prompts.append((model.name, text))
        if model.leaves_machine and self.change[0]:
            text = text.replace(*self.change)
        for start in range(0, len(text), 7):
            yield Delta(text[start : start + 7])
        yield Done("stop")


@dataclass
class Bench:
    """A dispatcher with a route over `models`."""

    models: tuple[Model, ...]
    mode: SecretsMode = "redact"
    backend: Echo = field(default_factory=Echo)
    receipts: list[Receipt] = field(default_factory=list)
    questions: list[Consent] = field(default_factory=list)

    def decide(self, kind: Kind, uris: tuple[str, ...], input_tokens: int, instruction: str = "") -> Route:
        """The one route."""
        return Route(
            kind, self.models, (), "test", None, True, secrets=self.mode, secrets_source="config.toml:3"
        )

    async def may_leave(self, question: Consent) -> bool:
        """Agree."""
        self.questions.append(question)
        return True

    def record(self, receipt: Receipt) -> None:
        """Keep."""
        self.receipts.append(receipt)

    async def ask(self, text: str = TEXT) -> Answer:
        """Ask for something."""
        backends = {"local": self.backend, "openai-chat": self.backend}
        dispatcher = Dispatcher(self, backends, self, self)  # type: ignore[arg-type]
        return await dispatcher.run(Ask("rewrite", FILES, lambda _: ChatPrompt((Message("user", text),))))


async def test_redacted_and_restored() -> None:
    """A model elsewhere sees a placeholder, the answer has the value, and the receipt has the kind and the count."""
    bench = Bench((FAR,))
    answer = await bench.ask()
    ((_, sent),) = bench.backend.prompts
    assert SECRET not in sent
    assert answer.text == TEXT
    assert answer.receipt.redacted == (("GitHub token", 1),)
    assert answer.receipt.to_wire()["redacted"] == {"GitHub token": 1}
    assert SECRET not in json.dumps([receipt.to_wire() for receipt in bench.receipts])
    assert bench.questions[0].bytes_sent == len(sent)
    assert bench.questions[0].redacted == (("GitHub token", 1),)


async def test_local_models_see_the_text() -> None:
    """What stays on this machine is not changed."""
    bench = Bench((NEAR,), mode="block")
    assert (await bench.ask()).receipt.redacted == ()
    assert bench.backend.prompts == [("near", TEXT)]


async def test_off() -> None:
    """The user may send text as it is."""
    bench = Bench((FAR,), mode="off")
    await bench.ask()
    assert bench.backend.prompts == [("far", TEXT)]


async def test_block() -> None:
    """Where secrets block, the next model that stays here answers; alone, the request fails with kind and setting."""
    bench = Bench((FAR, NEAR), mode="block")
    answer = await bench.ask()
    assert [name for name, _ in bench.backend.prompts] == ["near"]
    assert "1 x GitHub token (config.toml:3)" in answer.receipt.reason
    alone = Bench((FAR,), mode="block")
    with pytest.raises(SecretsFound) as caught:
        await alone.ask()
    assert SECRET not in str(caught.value)
    assert alone.backend.prompts == []
    assert alone.questions == []
    assert (await alone.ask("x = 1")).text == "x = 1"


async def test_spoiled_answer() -> None:
    """An answer with a spoiled placeholder is nobody's answer: the next model is asked, or the request fails."""
    bench = Bench((FAR, NEAR), backend=Echo(("xxx_", "yyy_")))
    answer = await bench.ask()
    assert (answer.model.name, answer.text) == ("near", TEXT)
    alone = Bench((FAR, replace(FAR, name="other")), backend=Echo(("_1_", "_2_")))
    with pytest.raises(RouteError, match="placeholder of a secret"):
        await alone.ask()
    assert alone.receipts[0].outcome.startswith("failed")
    assert SECRET not in str(alone.receipts)


async def test_long_prompts_give_turns() -> None:
    """While a long prompt is scanned the event loop goes on."""
    turns = 0

    async def tick() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async with asyncio.timeout(60):
        ticking = asyncio.create_task(tick())
        bench = Bench((FAR,))
        text = f"password = '{made(20)}'\nkey = value\n" * 6_000
        await bench.ask(text)
        ticking.cancel()
    assert turns > 10


async def test_no_trace_in_errors() -> None:
    """No failure on the way repeats what was in the prompt."""

    class Failing(Echo):
        async def stream(self, model: Model, prompt: Prompt) -> AsyncIterator[StreamItem]:
            yield Delta("x")
            raise TurnoutError("It failed.")

    bench = Bench((FAR,), backend=Failing())
    with pytest.raises(TurnoutError) as caught:
        await bench.ask()
    assert SECRET not in repr(caught.value)
