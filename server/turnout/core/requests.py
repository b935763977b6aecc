"""What was asked for, and the decision which models it may go to: plain data shared by every layer.

Invariant: nothing here does I/O, and every value is frozen.
"""

from dataclasses import dataclass
from typing import Literal, get_args

from turnout.core.limits import Limit, WhenSpent
from turnout.core.models import Model

Kind = Literal[
    "inline", "popup", "fix", "rewrite", "refactor", "document", "test", "explain", "commit_message"
]
"""What the user asked for; a route is chosen for the kind first."""

KINDS: tuple[Kind, ...] = get_args(Kind)

COMPLETION_KINDS: frozenset[Kind] = frozenset({"inline", "popup"})
"""Kinds answered by filling in the middle; the others are answered by chat."""

LeavesMachine = Literal["never", "ask", "allow"]

Strategy = Literal["order", "cheapest", "fastest", "weighted"]
"""How the models of a route are put in order."""

Tier = Literal["simple", "standard", "complex"]
"""How hard a request is taken to be."""

TIERS: tuple[Tier, ...] = get_args(Tier)

SecretsMode = Literal["block", "redact", "off"]
"""What becomes of secrets in the text of a prompt that leaves the machine, the strictest first."""


@dataclass(frozen=True, slots=True)
class Elimination:
    """A model that the request may not or cannot use, why, and the setting (`file:line key`) that says so."""

    model: str
    reason: str
    source: str


@dataclass(frozen=True, slots=True)
class Note:
    """Why a candidate stands where it stands in a route, where that is not its place in the chain as written."""

    model: str
    text: str


@dataclass(frozen=True, slots=True)
class Route:
    """The decision for one request: candidates in order of preference, and every model passed over."""

    kind: Kind
    candidates: tuple[Model, ...]
    eliminated: tuple[Elimination, ...]
    reason: str
    """Why this chain: the setting that named it, such as `built-in defaults: routes.inline`."""
    deadline_ms: int | None = None
    ask_before_leaving: bool = True
    """True where the user has to agree before text goes to a model with `leaves_machine`."""
    limit_usd: float | None = None
    """Dollars that one request may cost as things stand, None without a budget."""
    limits: tuple[Limit, ...] = ()
    """What the ledger holds every send to, so that requests made at once do not spend the same dollars."""
    when_spent: WhenSpent = "degrade"
    """What becomes of a send that one of `limits` has no room for; `limit_usd` holds in any case."""
    workspace: str = ""
    """Folder whose money is spent, as the ledger names it."""
    first_token_ms: int | None = None
    """Time for the first text of one candidate, after which the next one is asked."""
    hedge_ms: int | None = None
    """Time without text after which the next candidate is asked beside the first; None where that is not wanted."""
    strategy: Strategy = "order"
    tier: Tier | None = None
    """What the request was taken for, where its route has chains for tiers; `tier_reason` says what made it so."""
    tier_reason: str = ""
    notes: tuple[Note, ...] = ()
    """Why candidates stand where they stand, where that is not as written."""
    secrets: SecretsMode = "redact"
    """What becomes of secrets in text that goes to a model with `leaves_machine`."""
    secrets_source: str = ""

    @property
    def why(self) -> str:
        """The whole of the reasons for these candidates in this order, for a receipt."""
        said = [self.reason]
        if self.tier is not None:
            said.append(f"taken to be {self.tier}: {self.tier_reason}")
        if self.strategy != "order":
            said.append(f"ordered by {self.strategy}")
        said += (f"{note.model} {note.text}" for note in self.notes)
        return "; ".join(said)
