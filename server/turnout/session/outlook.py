"""What a request would meet if it were made now: its route, and how fast its model answered lately.

Invariant: figures are of requests that this machine made, or there are none.
"""

import asyncio
import statistics
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Protocol

from turnout.core.edits.formats import History, NoHistory
from turnout.core.models import Model
from turnout.core.requests import COMPLETION_KINDS, Kind, Route
from turnout.dispatch import Routes
from turnout.errors import PathRefused
from turnout.session.places import few_at_once

_LOOKED_AT = 2_000
"""Most of them are of completions."""
_MIN_TOKENS = 20
"""A shorter answer says more about the way to the model than about its speed."""


class Settled(Routes, Protocol):
    """What the settings say: also who may have a file, which is decided right behind `ready`."""

    async def ready(self, kind: Kind, uris: tuple[str, ...]) -> None: ...
    def readers(self, kind: Kind, uri: str) -> frozenset[Model]: ...


class RecentOutlook:
    """Judges by the settings and by the last receipts."""

    def __init__(
        self,
        routes: Settled,
        receipts: Callable[[int], list[dict[str, Any]]],
        instruction: str = "",
        history: History | None = None,
    ) -> None:
        """`receipts` gives the last so many as clients see them, newest first, `history` how refactors went.

        Both may block.
        """
        self.history = history or NoHistory()
        self._instruction = instruction
        self._routes = routes
        self._receipts = receipts

    def about(self, instruction: str) -> "RecentOutlook":
        """The same for what the user says."""
        return RecentOutlook(self._routes, self._receipts, instruction, self.history)

    def route(self, kind: Kind, uris: tuple[str, ...], input_tokens: int) -> Route:
        """Where a request may go."""
        return self._routes.decide(kind, uris, input_tokens, self._instruction)

    async def ready(self, kind: Kind, uris: tuple[str, ...]) -> None:
        """Have the disk looked at for `route`."""
        await self._routes.ready(kind, uris)

    async def readers(self, kind: Kind, uris: Sequence[str]) -> tuple[frozenset[Model], ...]:
        """Who may have each of some files; the disk is asked on a thread, and others have their turn in between."""
        found = []
        for few in few_at_once(uris):
            with suppress(
                PathRefused
            ):  # nobody may have that one, and the others are asked about all the same
                await self._routes.ready(kind, tuple(few))
            for uri in few:
                found.append(self._routes.readers(kind, uri))
                await asyncio.sleep(0)
        return tuple(found)

    def ms_per_token(self, model: Model) -> float | None:
        """The median over answers in chat, reading the prompt included.

        Where a model does not tell its own time, waiting for its user's consent counts, too.
        """
        paces = [
            (receipt["ms"]["model"] or receipt["ms"]["total"]) / receipt["tokens"]["out"]
            for receipt in self._receipts(_LOOKED_AT)
            if _tells(receipt, model)
        ]
        return statistics.median(paces) if paces else None


def _tells(receipt: dict[str, Any], model: Model) -> bool:
    """Whether `receipt` is of a whole answer of `model` alone."""
    return bool(
        receipt["model"] == model.name
        and receipt["outcome"] == "answered"
        and receipt["kind"] not in COMPLETION_KINDS
        and receipt["route"][:1] == [model.name]
        and receipt["tokens"]["out"] >= _MIN_TOKENS
    )
