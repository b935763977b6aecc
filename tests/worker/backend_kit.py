"""What the tests of the client side share: workers that they start and count, and backends that use those."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from turnout.core.backends import Account, Delta, Done, StreamItem, Waiting
from turnout.core.models import Model
from turnout.core.prompts import ChatPrompt, FimPrompt, Message, Prompt
from turnout.errors import ModelMissing
from turnout.local import LocalBackend
from turnout.local.address import Transport, WorkerSpec
from worker import kit

MODEL = Model("near", "local", "test-model")
HOLE = FimPrompt("file:///a.py", "a.py", "x = hel", "\n")
ENDLESS = ChatPrompt((Message("user", "endless"),), max_tokens=100_000)
ENDLESS_RULE = {"contains": "endless", "text": "on ", "repeat": 100_000, "token_delay_s": 0.001}


class Workers:
    """Starts workers as children of the test, so that none survives it, and counts them."""

    def __init__(self) -> None:
        self.started: list[kit.WorkerProcess] = []
        self.script: dict[str, Any] = {}

    async def spawn(self, spec: WorkerSpec, path: Path, transport: Transport) -> None:
        options = {"model": spec.model, "transport": transport, "idle-s": spec.idle_s}
        self.started.append(await kit.launch(path, self.script, **options))

    async def kill(self) -> None:
        for process in self.started:
            await process.kill()


Make = Callable[..., LocalBackend]


def no_file(name: str) -> Path:
    raise ModelMissing(f"{name} is not here.", model=name)


async def collect(backend: LocalBackend, prompt: Prompt = HOLE) -> tuple[str, Done]:
    items: list[StreamItem] = []
    async with asyncio.timeout(kit.GUARD_S):
        items = [item async for item in backend.stream(MODEL, prompt)]
    account, *deltas, done = (item for item in items if not isinstance(item, Waiting))
    assert isinstance(account, Account)
    assert account.settled.done()
    assert isinstance(done, Done)
    assert all(isinstance(delta, Delta) for delta in deltas)
    return "".join(delta.text for delta in deltas if isinstance(delta, Delta)), done


async def read_all(backend: LocalBackend, prompt: Prompt, heard: asyncio.Event) -> str:
    """The whole text; `heard` is set once its first piece has come."""
    text = ""
    async for item in backend.stream(MODEL, prompt):
        if isinstance(item, Delta):
            heard.set()
            text += item.text
    return text
