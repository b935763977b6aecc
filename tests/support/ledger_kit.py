"""Receipts, reservations and a clock for tests of the ledger."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from turnout.core.limits import Limit
from turnout.core.receipts import Receipt, SentFile
from turnout.core.spending import Reservation

RECEIPT = Receipt(
    id="r1",
    kind="refactor",
    model="opus",
    route=("opus", "near"),
    reason="built-in defaults: routes.refactor",
    leaves_machine=True,
    files=(SentFile("file:///a.py", 120),),
    bytes_sent=400,
    tokens_in=100,
    tokens_out=20,
    tokens_cached=0,
    cost_usd=0.25,
    queue_ms=None,
    context_ms=1.5,
    first_token_ms=200.0,
    total_ms=900.0,
    outcome="proposed",
)

DAY = Limit(1.0, "day", None, "config.toml:2 budget.day_usd")


@dataclass
class Clock:
    """Time that a test moves."""

    now: datetime = field(default_factory=lambda: datetime(2026, 3, 31, 12, tzinfo=UTC))

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **span: float) -> None:
        """Let time pass."""
        self.now += timedelta(**span)


def receipt(receipt_id: str, **changes: Any) -> Receipt:
    """A receipt with another id."""
    return replace(RECEIPT, id=receipt_id, **changes)


def reservation(receipt_id: str, usd: float, number: int = 0, **changes: Any) -> Reservation:
    """What the send `number` of a request may cost."""
    made = Reservation(
        id=f"{receipt_id}.{number}",
        receipt_id=receipt_id,
        usd=usd,
        seconds=60.0,
        workspace="",
        kind="refactor",
        model="opus",
        provider="api.anthropic.com",
        leaves_machine=True,
        bytes_sent=400,
    )
    return replace(made, **changes)
