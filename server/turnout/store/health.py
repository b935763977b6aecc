"""How models did lately, as the servers of this user saw it, for those who have no server to ask.

Invariant: what is kept is the last word of whichever server spoke last, with its time; what is too old says nothing.
"""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b

from turnout.core.health import Circuit, Health, ModelHealth
from turnout.core.ordering import STALE_S
from turnout.core.requests import Model


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
    """Keep what was seen, in place of what was seen before."""
    health = seen.health
    connection.execute(
        "INSERT OR REPLACE INTO health VALUES (?,?,?,?,?,?,?,?)",
        (
            _key(seen.model),
            seen.at_s,
            health.circuit,
            health.reason,
            None if seen.left_s is None else seen.at_s + seen.left_s,
            health.first_token_ms,
            health.tokens_per_second,
            health.samples,
        ),
    )


def seen_lately(connection: sqlite3.Connection, models: Iterable[Model], now_s: float) -> Health:
    """What is known of `models` at `now_s`, in seconds of the epoch, which is also the clock of the answer."""
    rows = {str(row[0]): row[1:] for row in connection.execute("SELECT * FROM health")}
    known = {}
    for model in models:
        row = rows.get(_key(model))
        if row is None or not 0 <= now_s - row[0] <= STALE_S:
            continue
        at_s, circuit, reason, until_s, first_token_ms, tokens_per_second, samples = row
        known[model.name] = ModelHealth(
            _circuit(circuit), reason, until_s, first_token_ms, tokens_per_second, samples, at_s
        )
    return Health(known)


def _circuit(name: str) -> Circuit:
    """A circuit as it was written; one that a newer version may know is taken for closed."""
    return name if name in ("open", "half-open") else "closed"  # type: ignore[return-value]  # compared right here


def _key(model: Model) -> str:
    """A model by all that makes it the same one to ask; its address is not written down."""
    said = f"{model.name}\0{model.api}\0{model.base_url}\0{model.model}"
    return blake2b(said.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
