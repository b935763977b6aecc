"""A decision as clients are promised it: the JSON object that answers `turnout/explain`.

Invariant: names here only ever get more; `docs/protocol.md` lists them.
"""

from collections.abc import Iterable
from typing import TypedDict

from turnout.core.budget import Standing
from turnout.core.health import Health
from turnout.core.requests import Route


class EliminatedWire(TypedDict):
    """A model passed over."""

    model: str
    reason: str
    source: str


class NoteWire(TypedDict):
    """Why a candidate stands where it stands."""

    model: str
    note: str


class HealthWire(TypedDict):
    """What was measured of a model of the route; circuit is `closed`, `open` or `half-open`."""

    model: str
    circuit: str
    firstTokenMs: float | None
    tokensPerSecond: float | None
    samples: int


class BudgetWire(TypedDict):
    """One limit over time, such as `a day in this workspace`, and how far it is used."""

    limit: str
    limitUsd: float
    spentUsd: float
    source: str


class ExplanationWire(TypedDict):
    """Answer to `turnout/explain`."""

    kind: str
    candidates: list[str]
    chosen: str | None
    eliminated: list[EliminatedWire]
    reason: str
    askBeforeLeaving: bool
    deadlineMs: int | None
    strategy: str
    tier: str | None
    tierReason: str
    notes: list[NoteWire]
    limitUsd: float | None
    budget: list[BudgetWire]
    health: list[HealthWire]


def route_to_wire(
    route: Route, standings: Iterable[Standing] = (), health: Health | None = None, now: float = 0.0
) -> ExplanationWire:
    """The explanation of `route`, with the limits and measurements that it was decided by."""
    names = [model.name for model in route.candidates]
    return {
        "kind": route.kind,
        "candidates": names,
        "chosen": names[0] if names else None,
        "eliminated": [{"model": e.model, "reason": e.reason, "source": e.source} for e in route.eliminated],
        "reason": route.reason,
        "askBeforeLeaving": route.ask_before_leaving,
        "deadlineMs": route.deadline_ms,
        "strategy": route.strategy,
        "tier": route.tier,
        "tierReason": route.tier_reason,
        "notes": [{"model": note.model, "note": note.text} for note in route.notes],
        "limitUsd": route.limit_usd,
        "budget": [
            {"limit": s.over, "limitUsd": s.limit_usd, "spentUsd": s.spent_usd, "source": s.source}
            for s in standings
        ],
        "health": _health_to_wire(route, health, now) if health else [],
    }


def _health_to_wire(route: Route, health: Health, now: float) -> list[HealthWire]:
    named = {*(model.name for model in route.candidates), *(e.model for e in route.eliminated)}
    return [
        {
            "model": name,
            "circuit": known.circuit_at(now),
            "firstTokenMs": known.first_token_ms,
            "tokensPerSecond": known.tokens_per_second,
            "samples": known.samples,
        }
        for name, known in health.models.items()
        if name in named
    ]
