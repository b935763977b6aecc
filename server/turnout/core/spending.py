"""Money set aside for a request before it is sent: what the ledger and whoever sends have to agree on.

Invariant: a reservation is the most that one send can cost, so that a limit holds whatever comes back.
"""

from dataclasses import dataclass

from turnout.core.limits import Limit, WhenSpent
from turnout.core.requests import Kind


@dataclass(frozen=True, slots=True)
class Reservation:
    """What one send may cost at worst; `receipt_id` is the request's, `seconds` how long it may take at most."""

    id: str
    receipt_id: str
    usd: float
    seconds: float
    workspace: str
    kind: Kind
    model: str
    provider: str
    leaves_machine: bool
    bytes_sent: int
    when_spent: WhenSpent = "degrade"
    """What whoever sends does about a refusal."""
    allowed: tuple[Limit, ...] = ()
    """Limits that its user has allowed it to go over."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A reservation for which a limit leaves no room; `limit` is None where the ledger itself cannot be used."""

    limit: Limit | None
    taken_usd: float = 0.0
    """Spent and set aside under that limit until now."""
