"""How models did lately, as the servers of this user saw it, for those who have no server to ask.

Invariant: what is kept is the last word of whichever server spoke last, with its time; what is too old says nothing.
"""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Any

from turnout.core.health import RATE_LIMITED, Circuit, Health, ModelHealth
from turnout.core.models import Model
from turnout.core.ordering import STALE_S
from turnout.core.providers import endpoint


@dataclass(frozen=True, slots=True)
class Seen:
    """What a server knows of `model` at the time `at_s`, in seconds of the epoch.

    `left_s` is in how many seconds an open circuit lets a request through; `until` of `health` means nothing here.
    """

    model: Model
    health: ModelHealth
    left_s: float | None
    at_s: float


def note(connection: sqlite3.Connection, seen: Seen) -> None:
    """Keep what was seen, in place of what was seen before: of the model, and of the endpoint that others share."""
    health, shared = seen.health, endpoint(seen.model)
    until_s = None if seen.left_s is None else seen.at_s + seen.left_s
    circuit = (seen.at_s, health.circuit, health.reason, until_s)
    measured = (health.first_token_ms, health.tokens_per_second, health.samples)
    if health.reason == RATE_LIMITED or not shared:
        _keep(connection, _key(seen.model), (*circuit, *measured))
        return
    _keep(connection, _key(seen.model), (seen.at_s, "closed", "", None, *measured))
    _keep(connection, _hashed(shared), (*circuit, None, None, 0))


def seen_lately(connection: sqlite3.Connection, models: Iterable[Model], now_s: float) -> Health:
    """What is known of `models` at `now_s`, in seconds of the epoch, which is also the clock of the answer."""
    rows = {
        str(row[0]): _health(row[1:])
        for row in connection.execute("SELECT * FROM health")
        if 0 <= now_s - row[1] <= STALE_S
    }
    known = {}
    for model in models:
        own, shared = rows.get(_key(model)), rows.get(_hashed(endpoint(model)))
        if own is not None and shared is not None and own.circuit == "closed":
            own = replace(own, circuit=shared.circuit, reason=shared.reason, until=shared.until)
        if found := own or shared:
            known[model.name] = found
    return Health(known)


def _keep(connection: sqlite3.Connection, key: str, values: tuple[object, ...]) -> None:
    connection.execute("INSERT OR REPLACE INTO health VALUES (?,?,?,?,?,?,?,?)", (key, *values))


def _health(row: tuple[Any, ...]) -> ModelHealth:
    at_s, circuit, reason, until_s, first_token_ms, tokens_per_second, samples = row
    return ModelHealth(_circuit(circuit), reason, until_s, first_token_ms, tokens_per_second, samples, at_s)


def _circuit(name: str) -> Circuit:
    """A circuit as it was written; one that a newer version may know is taken for closed."""
    return name if name in ("open", "half-open") else "closed"  # type: ignore[return-value]  # compared right here


def _key(model: Model) -> str:
    """A model by all that makes it the same one to ask; its address is not written down."""
    return _hashed(f"{model.name}\0{model.api}\0{model.base_url}\0{model.model}")


def _hashed(said: str) -> str:
    return blake2b(said.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
