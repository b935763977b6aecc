"""API keys that the editor keeps for the user: asked for by endpoint, and held in memory only.

Invariant: a key is asked for, kept and found under exactly one endpoint, and appears in no message, log or repr.
Nothing but a request that needs a key waits for it, and that not for long: the editor may have a locked store to open.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, cast

from turnout.core.backends import Backend, StreamItem
from turnout.core.models import Model
from turnout.core.prompts import Prompt
from turnout.settings.keys import EDITOR

logger = logging.getLogger(__name__)

WAIT_S = 2.0
"""How long after it was asked for a key is waited for; the editor may answer later."""

Ask = Callable[[str], Awaitable[str | None]]
"""The editor's answer for an endpoint; None where the user approved no key for it. Raises where there is no answer."""

_PREFIX = f"{EDITOR}:"


@dataclass(frozen=True, slots=True)
class _Asking:
    task: asyncio.Task[None]
    began_s: float


class EditorKeys:
    """The keys of the models that the settings name now; any other reference goes to `elsewhere`."""

    def __init__(
        self,
        ask: Ask,
        elsewhere: Callable[[str], str | None],
        on_answer: Callable[[], None] = lambda: None,
        wait_s: float = WAIT_S,
    ) -> None:
        self._ask = ask
        self._elsewhere = elsewhere
        self._on_answer = on_answer
        self._wait_s = wait_s
        self._kept: dict[str, str] = {}
        self._asking: dict[str, _Asking] = {}
        self._unanswered: set[str] = set()

    def fetch(self, models: Iterable[Model]) -> None:
        """Begin to ask anew for the keys of `models`, all at once, and forget all others.

        A key that is here already holds until the editor says otherwise.
        """
        named = {endpoint for endpoint in (_endpoint(model.key) for model in models) if endpoint is not None}
        for asking in self._asking.values():
            asking.task.cancel()
        self._asking = {}
        self._unanswered = set()
        self._kept = {endpoint: key for endpoint, key in self._kept.items() if endpoint in named}
        for endpoint in sorted(named):
            self._begin(endpoint)

    def may_have(self, reference: str) -> bool:
        """Whether a key of the editor's is here, or may still come."""
        endpoint = _endpoint(reference)
        return endpoint in self._kept or endpoint in self._asking or endpoint in self._unanswered

    async def arrived(self, models: Iterable[Model]) -> None:
        """Wait a little for the keys of `models` that are on their way; one that never came is asked for again."""
        for model in models:
            endpoint = _endpoint(model.key)
            if endpoint is None:
                continue
            if endpoint in self._unanswered:
                self._begin(endpoint)
            await self._wait_for(endpoint)

    def resolve(self, reference: str) -> str | None:
        """The key behind a reference; None where there is none."""
        endpoint = _endpoint(reference)
        return self._elsewhere(reference) if endpoint is None else self._kept.get(endpoint)

    async def close(self) -> None:
        """Wait for no answer any more."""
        tasks = [asking.task for asking in self._asking.values()]
        self._asking = {}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _begin(self, endpoint: str) -> None:
        self._unanswered.discard(endpoint)
        task = asyncio.create_task(self._fetch_one(endpoint), name=f"key of {endpoint}")
        self._asking[endpoint] = _Asking(task, asyncio.get_running_loop().time())

    async def _fetch_one(self, endpoint: str) -> None:
        """Keep the editor's answer. A newer question cancels this one, so that no older answer comes after it."""
        try:
            key = await self._ask(endpoint)
        except Exception as error:
            logger.warning("the editor gave no key for %s: %s", endpoint, type(error).__name__)
            self._unanswered.add(endpoint)
        else:
            if key:
                self._kept[endpoint] = key
            else:
                self._kept.pop(endpoint, None)
        del self._asking[endpoint]
        self._on_answer()

    async def _wait_for(self, endpoint: str) -> None:
        while (asking := self._asking.get(endpoint)) is not None:
            left_s = asking.began_s + self._wait_s - asyncio.get_running_loop().time()
            _, pending = await asyncio.wait({asking.task}, timeout=max(0.0, left_s))
            if pending:
                return


class WithEditorKeys:
    """A backend whose requests wait for their key where the editor is still to say it."""

    def __init__(self, backend: Backend, keys: EditorKeys) -> None:
        self._backend = backend
        self._keys = keys

    async def stream(self, model: Model, prompt: Prompt) -> AsyncGenerator[StreamItem, None]:
        """Run `prompt` on `model`; see `core.backends.Backend`."""
        await self._keys.arrived([model])
        # A Protocol cannot say "async generator"; closing it is what stops the model.
        async with aclosing(cast("Any", self._backend.stream(model, prompt))) as items:
            async for item in items:
                yield item


def _endpoint(reference: str | None) -> str | None:
    """The endpoint whose key the editor keeps; None for any other reference."""
    if reference is None or not reference.startswith(_PREFIX):
        return None
    return reference.removeprefix(_PREFIX)
