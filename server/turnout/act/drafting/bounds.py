"""How far a model may go with one refactor, in turns, tokens, time and money.

Invariant: what a limit has no room for is not begun.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from turnout.core.models import Model
from turnout.core.receipts import Receipt


@dataclass(frozen=True, slots=True)
class Bounds:
    """How far a model may go; `usd` is None where no budget limits it."""

    turns: int = 24
    tokens: int = 600_000
    seconds: float = 600.0
    usd: float | None = None

    def after(self, receipts: Sequence[Receipt]) -> "Bounds":
        """What is left of the tokens and the money after `receipts`."""
        tokens = sum(receipt.tokens_in + receipt.tokens_out for receipt in receipts)
        usd = sum(receipt.cost_usd or 0.0 for receipt in receipts)
        left_usd = None if self.usd is None else self.usd - usd
        return replace(self, tokens=self.tokens - tokens, usd=left_usd)

    def reached(self, receipts: Sequence[Receipt], turns: int) -> str:
        """Which of them is reached after so many turns, in a sentence; empty where none is."""
        if turns >= self.turns:
            return f"It was stopped after {self.turns} turns."
        tokens = sum(receipt.tokens_in + receipt.tokens_out for receipt in receipts)
        if tokens >= self.tokens:
            return f"It was stopped after {tokens:,} tokens."
        usd = sum(receipt.cost_usd or 0.0 for receipt in receipts)
        return f"It was stopped after ${usd:.2f}." if self.usd is not None and usd >= self.usd else ""

    def reply_tokens(self, receipts: Sequence[Receipt], model: Model, most: int) -> int:
        """Of `most` tokens those that `model` may write next, after `receipts`, for the money that is left.

        It is sent at least what the last prompt and answer came to, at the prices of a prompt that is as much cached.
        """
        if self.usd is None or not model.output_usd or not receipts:
            return most
        last = receipts[-1]
        sent = last.tokens_in + last.tokens_out
        sent_usd = model.cost_usd(sent, 0, cached_tokens=last.tokens_cached) or 0.0
        spent_usd = sum(receipt.cost_usd or 0.0 for receipt in receipts)
        left_usd = self.usd - spent_usd - sent_usd
        return max(0, min(most, int(left_usd * 1_000_000 / model.output_usd)))
