"""How far a model may go with one refactor, in turns, tokens, time and money.

Invariant: what a limit has no room for is not begun.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from turnout.act.drafting.fitting import size_of
from turnout.act.drafting.spent import so_far
from turnout.core.limits import dollars
from turnout.core.models import Model
from turnout.core.prompts import ChatPrompt
from turnout.core.receipts import Receipt
from turnout.errors import BudgetExceeded

LEAST_REPLY = 200
"""Tokens that an answer has to have room for: a small edit, or a word at the end."""
_BYTES_PER_TOKEN = 3.5
_ANSWER_SHARE = 0.3
"""What the edits of files come to, of what is sent of them."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How far a model may go; `usd` is None where no budget limits it."""

    turns: int = 24
    tokens: int = 600_000
    seconds: float = 600.0
    usd: float | None = None

    def reached(self, receipts: Sequence[Receipt], turns: int) -> str:
        """Which of them is reached after so many turns, in a sentence; empty where none is.

        What cost nothing reaches no limit of money, not even one of nothing: a free model needs none.
        """
        if turns >= self.turns:
            return f"It was stopped after {self.turns} turns."
        tokens = sum(receipt.tokens_in + receipt.tokens_out for receipt in receipts)
        if tokens >= self.tokens:
            return f"It was stopped after {tokens:,} tokens."
        usd = sum(receipt.cost_usd or 0.0 for receipt in receipts)
        is_spent = self.usd is not None and 0 < usd >= self.usd
        return f"It was stopped after {dollars(usd)}." if is_spent else ""

    def paid(
        self, prompt: ChatPrompt, receipts: Sequence[Receipt], model: Model, *, goes_on: bool = False
    ) -> ChatPrompt:
        """`prompt` for an answer that is no longer than what is left after `receipts` pays for.

        The first of all is for its route to judge. One that `goes_on` from the last of them is at least as long as that
        was, and as much of it is cached; its answer may be a word.
        Raises BudgetExceeded where what is left does not pay for such an answer.
        """
        if not receipts:
            return prompt
        sent, cached = tokens_of(prompt), 0
        likely = max(LEAST_REPLY, round(sent * _ANSWER_SHARE))
        if goes_on:
            last, likely = receipts[-1], LEAST_REPLY
            sent = max(sent, last.tokens_in + last.tokens_out)
            cached = last.tokens_cached if last.model == model.name else 0
        most = min(prompt.max_tokens, self._affordable(receipts, model, sent, cached, prompt.max_tokens))
        if most < min(prompt.max_tokens, likely):
            raise BudgetExceeded(
                f"It was stopped{so_far(receipts)}: what is left does not pay for another request.",
                advice="Ask for less at once, or raise budget.request_usd in your config.toml.",
            )
        return replace(prompt, max_tokens=most)

    def _affordable(
        self, receipts: Sequence[Receipt], model: Model, sent: int, cached: int, otherwise: int
    ) -> int:
        """Tokens of an answer that the money left pays for with what is sent; `otherwise` where none limits it."""
        price_usd = model.output_usd or 0.0
        sent_usd = model.cost_usd(sent, 0, cached_tokens=min(cached, sent)) or 0.0
        if self.usd is None or not (price_usd or sent_usd):
            return otherwise
        left_usd = self.usd - sent_usd - sum(receipt.cost_usd or 0.0 for receipt in receipts)
        if left_usd < 0:
            return 0
        return int(left_usd * 1_000_000 / price_usd) if price_usd else otherwise


def tokens_of(prompt: ChatPrompt) -> int:
    """About how many tokens a prompt has."""
    tools = sum(len(f"{tool.name}{tool.description}{tool.parameters}") for tool in prompt.tools)
    return round((size_of(prompt.messages) + tools) / _BYTES_PER_TOKEN)
