"""Decisions and models as clients are promised them: the JSON objects that answer `turnout/explain` and others.

Invariant: names here only ever get more; `docs/protocol.md` lists them.
"""

from collections.abc import Iterable
from typing import Any, TypedDict

from turnout.core.budget import Standing
from turnout.core.health import Health, ModelHealth
from turnout.core.models import Model
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
    """What was measured of a model of the route; circuit is `closed`, `open` or `half-open`.

    `restsS` is in how many seconds an open one lets a request through, `reason` what opened it, in a word.
    """

    model: str
    circuit: str
    reason: str
    restsS: float | None
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
    whenSpent: str
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
        "whenSpent": route.when_spent,
        "budget": [
            {"limit": s.over, "limitUsd": s.limit_usd, "spentUsd": s.spent_usd, "source": s.source}
            for s in standings
        ],
        "health": _health_to_wire(route, health, now) if health else [],
    }


def health_lines(route: Route, health: Health, now: float) -> list[str]:
    """What was measured of the models of `route`, in words: one line for each of which something is known."""
    return [
        f"measured: {name} {'; '.join(said)}"
        for name, known in health.models.items()
        if name in _named(route) and (said := _measured(known, now))
    ]


def _measured(known: ModelHealth, now: float) -> list[str]:
    said = []
    if known.first_token_ms is not None:
        said.append(f"takes about {known.first_token_ms:.0f} ms to its first text")
    if known.tokens_per_second is not None:
        said.append(f"writes about {known.tokens_per_second:.0f} tokens a second")
    if said:
        said[-1] += f" ({known.samples} answer{'' if known.samples == 1 else 's'})"
    circuit = known.circuit_at(now)
    why = f" ({known.reason})" if known.reason else ""
    if circuit == "open":
        wait = "" if known.until is None else f" for another {max(1, round(known.until - now))} s"
        said.append(f"failed lately{why} and is left alone{wait}")
    elif circuit == "half-open":
        said.append(f"failed lately{why}: the next request finds out whether it works again")
    return said


def _rests_s(known: ModelHealth, now: float) -> float | None:
    return None if known.until is None or known.circuit_at(now) != "open" else known.until - now


def _named(route: Route) -> set[str]:
    return {*(model.name for model in route.candidates), *(e.model for e in route.eliminated)}


def _health_to_wire(route: Route, health: Health, now: float) -> list[HealthWire]:
    named = _named(route)
    return [
        {
            "model": name,
            "circuit": known.circuit_at(now),
            "reason": known.reason,
            "restsS": _rests_s(known, now),
            "firstTokenMs": known.first_token_ms,
            "tokensPerSecond": known.tokens_per_second,
            "samples": known.samples,
        }
        for name, known in health.models.items()
        if name in named
    ]


def model_to_wire(model: Model, *, has_key: bool) -> dict[str, Any]:
    """The JSON object for a model of the settings, as `turnout/models` answers it."""
    return {
        "name": model.name,
        "api": model.api,
        "model": model.model,
        "endpoint": model.base_url,
        "leavesMachine": model.leaves_machine,
        "jurisdiction": model.jurisdiction,
        "key": model.key and model.key.partition(":")[0],
        "hasKey": has_key,
    }
