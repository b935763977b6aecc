"""What requests have come to, in words for whoever waits.

Invariant: a price that is not known is never shown as a number.
"""

from collections.abc import Sequence

from turnout.core.limits import dollars
from turnout.core.receipts import Receipt


def so_far(receipts: Sequence[Receipt], tokens: int = 0, usd: float | None = 0.0) -> str:
    """What `receipts` come to, with about `tokens` and `usd` of a request under way; empty before the first."""
    total = tokens + sum(receipt.tokens_in + receipt.tokens_out for receipt in receipts)
    if not total:
        return ""
    costs = [usd, *(receipt.cost_usd for receipt in receipts)]
    known = [cost for cost in costs if cost is not None]
    price = dollars(sum(known), 3) if len(known) == len(costs) else "an unknown price"
    return f" ({'about ' if tokens else ''}{total:,} tokens, {price} so far)"
