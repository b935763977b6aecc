"""API keys that the editor keeps for the user: asked for by endpoint, and held in memory only.

Invariant: a key is asked for, kept and found under exactly one endpoint, and appears in no message, log or repr.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TypeGuard

from turnout.core.requests import Model
from turnout.settings.keys import EDITOR

Ask = Callable[[str], Awaitable[str | None]]
"""The editor's answer for an endpoint; None where the user approved no key for it."""

_PREFIX = f"{EDITOR}:"


class EditorKeys:
    """The keys of the models that the settings name now; any other reference goes to `elsewhere`."""

    def __init__(self, ask: Ask, elsewhere: Callable[[str], str | None]) -> None:
        self._ask = ask
        self._elsewhere = elsewhere
        self._kept: Mapping[str, str] = {}

    async def fetch(self, models: Iterable[Model]) -> bool:
        """Ask anew for the keys of `models`, and forget all others; False where none of them is the editor's."""
        endpoints = {key.removeprefix(_PREFIX) for key in (model.key for model in models) if _is_editors(key)}
        self._kept = {}
        kept = {endpoint: await self._ask(endpoint) for endpoint in sorted(endpoints)}
        self._kept = {endpoint: key for endpoint, key in kept.items() if key}
        return bool(endpoints)

    def resolve(self, reference: str) -> str | None:
        """The key behind a reference; None where there is none."""
        if not _is_editors(reference):
            return self._elsewhere(reference)
        return self._kept.get(reference.removeprefix(_PREFIX))


def _is_editors(reference: str | None) -> TypeGuard[str]:
    return reference is not None and reference.startswith(_PREFIX)
