"""What a request would meet if it were made now: its route, and how fast its model answered lately.

Invariant: figures are of requests that this machine made, or there are none.
"""

import statistics
from collections.abc import Callable
from typing import Any

from turnout.core.edits.formats import Evidence
from turnout.core.requests import COMPLETION_KINDS, Kind, Model, Route
from turnout.dispatch import Routes

_LOOKED_AT = 2_000
"""Most of them are of completions."""
_MIN_TOKENS = 20
"""A shorter answer says more about the way to the model than about its speed."""


class RecentOutlook:
    """Judges by the settings and by the last receipts."""

    def __init__(
        self,
        routes: Routes,
        receipts: Callable[[int], list[dict[str, Any]]],
        instruction: str = "",
        evidence: Callable[[], tuple[Evidence, ...]] = tuple,
    ) -> None:
        """`receipts` gives the last so many as clients see them, newest first, `evidence` what was measured of edits.

        Both may block.
        """
        self.evidence = evidence
        self._instruction = instruction
        self._routes = routes
        self._receipts = receipts

    def about(self, instruction: str) -> "RecentOutlook":
        """The same for what the user says."""
        return RecentOutlook(self._routes, self._receipts, instruction, self.evidence)

    def route(self, kind: Kind, uris: tuple[str, ...], input_tokens: int) -> Route:
        """Where a request may go."""
        return self._routes.decide(kind, uris, input_tokens, self._instruction)

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
