"""What the dispatcher needs of the rest: routes, the user's consent, and someone who keeps receipts."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from turnout.core.limits import Limit
from turnout.core.models import Model
from turnout.core.receipts import Receipt, SentFile
from turnout.core.requests import Kind, Route
from turnout.core.spending import Refusal, Reservation


@dataclass(frozen=True, slots=True)
class Consent:
    """What the user is asked before text leaves the machine."""

    kind: Kind
    model: Model
    files: tuple[SentFile, ...]
    bytes_sent: int
    estimate_usd: float | None
    redacted: tuple[tuple[str, int], ...] = ()
    """Kinds of the secrets that are taken out of it first, and how many of each."""
    folder: str = ""
    """Where the user agreed to other files before: the folder whose files it may go on to ask for, as a path."""


@dataclass(frozen=True, slots=True)
class Overspend:
    """What the user is asked before a request goes over `limit`, under which `taken_usd` are spent or set aside.

    `worst_usd` is the most that this send of it may cost.
    """

    kind: Kind
    model: Model
    worst_usd: float
    limit: Limit
    taken_usd: float


class Consents(Protocol):
    """Asks the user, and remembers the answer for as long as the user said."""

    def remembered(self, model: Model, kind: Kind) -> bool | None:
        """What the user said about sending requests of a kind to `model`; None where they would be asked."""
        ...

    async def may_leave(self, question: Consent) -> bool:
        """Whether this request may be sent to `question.model`."""
        ...

    async def may_overspend(self, question: Overspend) -> bool:
        """Whether this request may go over `question.limit`."""
        ...


class Ledger(Protocol):
    """Keeps receipts."""

    def record(self, receipt: Receipt) -> None:
        """Keep a receipt; returns at once."""
        ...


class Routes(Protocol):
    """Decides where a request may go, by the settings of the workspace that holds its files."""

    def decide(self, kind: Kind, uris: tuple[str, ...], input_tokens: int, instruction: str = "", /) -> Route:
        """The route of a request about `uris` (the first one names the workspace); see `Ask` for `instruction`."""
        ...


Permits = Callable[[Kind, tuple[str, ...], int, str], Route]
"""The route of a request, as in `Routes`, by the settings alone as they are now.

How its models are, what was spent and whose key is there are left out: those change what is wise, not what is allowed.
"""


Ready = Callable[[Kind, tuple[str, ...]], Awaitable[None]]
"""Reads, on a thread, the files that a decision about documents depends on, so that deciding need not."""


class Purse(Protocol):
    """Keeps what may be spent, together with everybody else who spends from it."""

    def reserve(self, reservation: Reservation, limits: tuple[Limit, ...]) -> Awaitable[Refusal | None]:
        """Set aside what a send may cost, also where nobody awaits the answer; the receipt takes its place."""
        ...

    def settle(self, reservation_id: str, usd: float | None) -> None:
        """Say what one send came to whose request goes on; returns at once."""
        ...
