"""The order in which the permitted models of a route are asked: as written, by price, by speed, or by lot.

Invariant: the answer holds exactly the models that were given; nothing here lets one in or keeps one out.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b

from turnout.core.health import Health, ModelHealth
from turnout.core.models import Model
from turnout.core.policy import Ordering
from turnout.core.requests import Note, Strategy

MIN_SAMPLES = 3
"""Answers from which a model counts as measured."""

STALE_S = 600.0
"""Age from which a measurement says nothing any more, so that a model that was slow once gets another chance."""

TYPICAL_INPUT_TOKENS = 1_000
"""Size of a prompt where the request does not tell it yet, as for completions."""

TYPICAL_OUTPUT_TOKENS = 300
"""Most tokens of an answer that is reckoned with: the limit of a request says little about its answer."""

_Place = tuple[float, str]
"""Where a model goes, the lowest first, and why."""


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What an order depends on besides the models; workspace and tokens as in a `RouteRequest`."""

    health: Health
    now: float
    workspace: str
    input_tokens: int
    output_tokens: int

    def measured(self, model: Model) -> ModelHealth | None:
        """The measurements of a model, None where there are too few or they are too old."""
        known = self.health.of(model.name)
        if known.samples < MIN_SAMPLES or known.first_token_ms is None:
            return None
        stale = known.measured_at is not None and self.now - known.measured_at > STALE_S
        return None if stale else known


def arrange(
    models: Sequence[Model], ordering: Ordering, deadline: tuple[int, str] | None, seen: Circumstances
) -> tuple[tuple[Model, ...], tuple[Note, ...]]:
    """`models` in the order in which they are asked, and why each stands where it stands.

    `deadline` is in milliseconds, with its setting: who cannot begin within it is asked after all others.
    """
    notes: dict[str, str] = {}
    place = _PLACES.get(ordering.strategy)
    if place is not None and len(models) > 1:
        places = {model.name: place(model, ordering.weights, seen) for model in models}
        models = sorted(models, key=lambda model: places[model.name][0])
        notes = {model.name: places[model.name][1] for model in models}
    if deadline is not None and seen.health.models:
        models = _late_last(models, deadline, seen, notes)
    return tuple(models), tuple(
        Note(model.name, notes[model.name]) for model in models if model.name in notes
    )


def _late_last(
    models: Sequence[Model], deadline: tuple[int, str], seen: Circumstances, notes: dict[str, str]
) -> Sequence[Model]:
    limit_ms, source = deadline
    in_time: list[Model] = []
    late: list[Model] = []
    for model in models:
        known = seen.measured(model)
        if known is None or known.first_token_ms is None or known.first_token_ms <= limit_ms:
            in_time.append(model)
            continue
        late.append(model)
        notes[model.name] = (
            f"asked last: its first text takes about {known.first_token_ms:.0f} ms of {limit_ms} ms ({source})"
        )
    return in_time + late


def _by_price(model: Model, _weights: Mapping[str, float], seen: Circumstances) -> _Place:
    """The lowest price for this request first; an unknown price is the highest."""
    output_tokens = min(seen.output_tokens, TYPICAL_OUTPUT_TOKENS)
    cost = model.cost_usd(seen.input_tokens or TYPICAL_INPUT_TOKENS, output_tokens)
    return (math.inf, "its price is unknown") if cost is None else (cost, f"about ${cost:.4f}")


def _by_speed(model: Model, _weights: Mapping[str, float], seen: Circumstances) -> _Place:
    """The soonest whole answer first; who was not measured lately goes ahead, or it never would be."""
    known = seen.measured(model)
    if known is None or known.first_token_ms is None:
        return -1.0, "not measured lately, so it is tried"
    output_tokens = min(seen.output_tokens, TYPICAL_OUTPUT_TOKENS)
    rest_ms = 1000 * output_tokens / known.tokens_per_second if known.tokens_per_second else 0.0
    expected_ms = known.first_token_ms + rest_ms
    return expected_ms, f"about {expected_ms:.0f} ms"


def _by_lot(model: Model, weights: Mapping[str, float], seen: Circumstances) -> _Place:
    """A lot drawn for the workspace, which is the same every time; without a weight, only after all that have one.

    Each model draws by itself, so one that cannot be used now changes nothing among the others.
    """
    weight = weights.get(model.name, 0.0) if weights else 1.0
    if weight <= 0:
        return math.inf, "no weight: asked if the others fail"
    return _draw(seen.workspace, model.name) / weight, f"drawn for this workspace, weight {weight:g}"


@lru_cache(maxsize=4096)
def _draw(workspace: str, name: str) -> float:
    """A number that is spread exponentially over workspaces: its least over several names is won by weight."""
    digest = blake2b(f"{workspace}\0{name}".encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return -math.log((int.from_bytes(digest) + 0.5) / 2**64)


_PLACES: Mapping[Strategy, Callable[[Model, Mapping[str, float], Circumstances], _Place]] = {
    "cheapest": _by_price,
    "fastest": _by_speed,
    "weighted": _by_lot,
}
