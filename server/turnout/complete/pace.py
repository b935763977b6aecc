"""How long typing is waited for before a model is asked: not at all where asking costs little.

A request that the next letter makes pointless still holds up the one for that letter, by what its prompt takes to
be read. So the wait grows with that time as it was measured, and is nothing where the model is quick.
"""

from collections import deque
from statistics import median

from turnout.core.models import Model
from turnout.core.policy import reach
from turnout.core.receipts import Receipt

FREE_MS = 60.0
"""A prompt that is read in so little time is read between two letters."""

SHARE = 0.25
MOST_S = 0.15
"""About the time between two letters: whoever waits longer has stopped typing."""

_REMEMBERED = 5


class Pace:
    """What the last requests took."""

    def __init__(self) -> None:
        self._prefill_ms: deque[float] = deque(maxlen=_REMEMBERED)
        self._token_ms: deque[float] = deque(maxlen=_REMEMBERED)
        self._typical_ms = 0.0
        self._costs = False

    def heard(self, receipt: Receipt, model: Model) -> None:
        """Take note of a request that was answered; an unknown price is none on a machine of the user or team."""
        self._costs = reach(model) > 1 if receipt.cost_usd is None else receipt.cost_usd > 0
        if receipt.prefill_ms is not None:
            self._prefill_ms.append(receipt.prefill_ms)
            self._typical_ms = median(self._prefill_ms)
            if receipt.model_ms is not None and receipt.tokens_out:
                writing_ms = receipt.model_ms - (receipt.queue_ms or 0.0) - receipt.prefill_ms
                self._token_ms.append(max(0.0, writing_ms) / receipt.tokens_out)

    def delay_s(self) -> float:
        """How long to wait for another letter; the whole of it where every request costs money."""
        if self._costs:
            return MOST_S
        return min(MOST_S, max(0.0, self._typical_ms - FREE_MS) * SHARE / 1000)

    def step_s(self, *, writes: bool) -> float | None:
        """What a model takes to write a token, or to read a prompt; None where that was not measured."""
        measured = self._token_ms if writes else self._prefill_ms
        return median(measured) / 1000 if measured else None
