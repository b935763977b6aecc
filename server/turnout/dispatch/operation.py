"""The memory of one piece of the user's work, which may take several requests."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeAlias

from turnout.core.answers import Answer, Ask
from turnout.core.limits import Limit
from turnout.core.models import Model
from turnout.core.prompts import ChatPrompt
from turnout.core.receipts import SentFile
from turnout.core.requests import Kind
from turnout.dispatch.prompts import CHARACTERS_PER_TOKEN
from turnout.errors import (
    BudgetExceeded,
    CircuitOpen,
    ConsentRefused,
    EngineMissing,
    KeyMissing,
    ModelError,
    OutOfCredit,
    RequestRejected,
    TurnoutError,
    Unauthorized,
    WorkerUnavailable,
)

RunWithin: TypeAlias = "Callable[[Ask, Operation], Awaitable[Answer]]"

_LASTING = (
    ConsentRefused,
    EngineMissing,
    KeyMissing,
    ModelError,
    OutOfCredit,
    Unauthorized,
    WorkerUnavailable,
)
"""Failures that the user has to do something about."""


class Operation:
    """Who was agreed to, and who need not be asked again.

    A refactor asks for file after file, and again to have an answer mended; one "no" and one refused key are enough.
    """

    def __init__(self, run_within: RunWithin, instruction: str = "") -> None:
        """`instruction` is what the user said."""
        self.instruction = instruction
        self._run_within = run_within
        self._agreed: dict[Model, frozenset[str] | None] = {}
        """The URIs that the user agreed to send to each model, None where that is whatever it comes to."""
        self._overspending: dict[Limit, bool] = {}
        self.asking = asyncio.Lock()
        """Held while the user is asked about money, so that two parts do not ask the same."""
        self._failed: dict[Model, TurnoutError] = {}

    @property
    def passed_over(self) -> tuple[str, ...]:
        """The models that failed for reasons of their own, each with the last one."""
        return tuple(f"{model.name}: {error.message}" for model, error in self._failed.items())

    async def ask(
        self,
        kind: Kind,
        prompt: Callable[[Model], ChatPrompt],
        files: tuple[SentFile, ...],
        on_text: Callable[[str], None],
    ) -> Answer:
        """Run a chat prompt: the `Asker` of the use cases."""
        tokens = int(sum(file.bytes for file in files) / CHARACTERS_PER_TOKEN)
        said = self.instruction
        return await self._run_within(
            Ask(kind, files, prompt, on_text, input_tokens=tokens, instruction=said), self
        )

    def agreed(self, model: Model, uris: Iterable[str]) -> bool:
        """Whether the user agreed to send these files to `model` in this operation."""
        known = self._agreed.get(model, frozenset())
        return known is None or (model in self._agreed and known.issuperset(uris))

    def agreed_once(self, model: Model) -> bool:
        """Whether the user agreed to send some files to `model`."""
        return model in self._agreed

    def agree(self, model: Model, uris: Iterable[str]) -> None:
        """Remember the user's yes; the second one, which is asked for when files are added, is for all that follow."""
        self._agreed[model] = None if model in self._agreed else frozenset(uris)

    @property
    def overspending(self) -> tuple[Limit, ...]:
        """The limits that the user allowed this operation to go over."""
        return tuple(limit for limit, allowed in self._overspending.items() if allowed)

    def may_overspend(self, limit: Limit) -> bool | None:
        """What the user said about `limit`, None where nobody asked."""
        return self._overspending.get(limit)

    def overspend(self, limit: Limit, *, allowed: bool) -> None:
        """Remember what the user said about `limit`."""
        self._overspending[limit] = allowed

    def check(self, model: Model) -> None:
        """Raise what `model` failed with before, where it would again.

        Who was busy, slow or out of reach may be back for the next file; until then its circuit stops the asking.
        """
        error = self._failed.get(model)
        if isinstance(error, _LASTING):
            raise error

    def give_up(self, model: Model, error: TurnoutError) -> None:
        """Remember a failure that has nothing to do with the prompt."""
        if not isinstance(error, RequestRejected | CircuitOpen | BudgetExceeded):
            self._failed[model] = error
