"""How models did lately, and what was spent: what a decision depends on besides the request and the policy.

Invariant: frozen values, taken from the breaker, the receipts and the ledger ahead of a decision, which asks nobody.
All times are seconds on the one clock whose reading is given to `routing.decide` as `now`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Circuit = Literal["closed", "open", "half-open"]
"""`open`: do not ask; `half-open`: one request may find out whether it works again."""


RATE_LIMITED = "too many requests"
"""Why a model rests for itself, and not with all others at its endpoint."""


@dataclass(frozen=True, slots=True)
class ModelHealth:
    """What is known of one model; models behind one endpoint share its circuit.

    `until` is when an open circuit lets a request through again, and `reason` why it opened.
    `first_token_ms` and `tokens_per_second` are typical of late, None where nothing was measured;
    `samples` is how many answers they come from, `measured_at` when the last of those came.
    """

    circuit: Circuit = "closed"
    reason: str = ""
    until: float | None = None
    first_token_ms: float | None = None
    tokens_per_second: float | None = None
    samples: int = 0
    measured_at: float | None = None

    def circuit_at(self, now: float) -> Circuit:
        """The circuit as time has moved it: one whose `until` has come is half-open."""
        if self.circuit == "open" and self.until is not None and self.until <= now:
            return "half-open"
        return self.circuit


_UNKNOWN = ModelHealth()


@dataclass(frozen=True, slots=True)
class Health:
    """What is known of all models, by their names in the settings; nothing of one that is not in it."""

    models: Mapping[str, ModelHealth] = field(default_factory=dict)

    def of(self, name: str) -> ModelHealth:
        """What is known of the model called `name`."""
        return self.models.get(name, _UNKNOWN)


@dataclass(frozen=True, slots=True)
class Spend:
    """US dollars since local midnight and since the first of the month, what is reserved for open requests included.

    The first two are of all workspaces of the user together, the others of the request's workspace.
    """

    today_usd: float = 0.0
    month_usd: float = 0.0
    workspace_today_usd: float = 0.0
    workspace_month_usd: float = 0.0
