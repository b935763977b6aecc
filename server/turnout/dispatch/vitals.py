"""How models and their endpoints are doing, by what became of the requests to them.

Invariant: only what an endpoint did counts against it; a request that it was right to refuse does not, and what this
machine's own model does is the business of its worker.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from turnout.core.health import RATE_LIMITED, Circuit, Health, ModelHealth
from turnout.core.models import Model
from turnout.core.providers import endpoint
from turnout.dispatch.attempt import Try
from turnout.dispatch.breaker import ORDINARY, Breaker
from turnout.errors import (
    CircuitOpen,
    ConnectionFailed,
    DeadlineExceeded,
    Overloaded,
    ProtocolViolation,
    RateLimited,
    StreamTruncated,
    TurnoutError,
)

_COUNTED = (ConnectionFailed, DeadlineExceeded, Overloaded, ProtocolViolation, StreamTruncated)
"""Failures of an endpoint, the silence that the backend's watchdog ends among them."""

_WEIGHT = 0.3
"""Of the newest measurement beside all before it."""

_MIN_TOKENS = 20
"""A shorter answer says more about the way to the model than about its speed."""

_SILENCE_MS = 1000.0
"""Whoever was left sooner may have been about to answer: most requests are cancelled by the next keystroke."""

TOLD_S = 10.0
"""How often others are told of what was measured."""

_LONGEST_REST_S = 60.0
"""Whoever asks for more rest after too many requests is asked again after this."""


@dataclass(slots=True)
class _Pace:
    """How fast one model answered lately, and until when it wants to be left alone."""

    first_token_ms: float | None = None
    tokens_per_second: float | None = None
    samples: int = 0
    measured_at: float | None = None
    rests_until: float | None = None


class Vitals:
    """Hears of every send; `clock` gives seconds and only ever goes up.

    `told` is passed on what is new of a model that is not on this machine: at once where its circuit changed, and
    every `TOLD_S` where it was only measured; the last argument is in how many seconds an open circuit lets one in.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        told: Callable[[Model, ModelHealth, float | None], None] = lambda *_: None,
    ) -> None:
        self.now = clock
        self._told = told
        self._telling: dict[Model, tuple[Circuit, float]] = {}
        self._breakers: dict[str, Breaker] = {}
        self._paces: dict[Model, _Pace] = {}

    def health(self, models: Iterable[Model]) -> Health:
        """What is known of `models`, as of `now`."""
        known = ((model.name, self._of(model)) for model in models)
        return Health({name: health for name, health in known if health is not None})

    def enter(self, model: Model) -> int:
        """A send begins, and gets a ticket; raises CircuitOpen where its endpoint is left alone for now.

        One of the three below has to follow, with that ticket.
        """
        breaker = self._breakers.get(endpoint(model))
        if breaker is None:
            return ORDINARY
        ticket = breaker.enter(self.now())
        if ticket is None:
            wait_s = max(0.0, (breaker.until or 0.0) - self.now())
            raise CircuitOpen(
                f"Its endpoint failed several times in a row (last: {breaker.reason}) and is left alone for "
                f"{wait_s:.0f} s.",
                advice="Wait, or choose another model for this kind of request.",
            )
        return ticket

    def answered(self, tried: Try) -> None:
        """A send was answered to its end, or as far as was wanted."""
        breaker = self._breakers.get(endpoint(tried.model))
        if breaker is not None:
            breaker.worked()
        self._measure(tried)
        self._tell(tried.model)

    def _measure(self, tried: Try) -> None:
        timings, usage = tried.timings(), tried.usage()
        total_ms = timings.total if timings.model is None else timings.model
        pace = self._measured(tried.model, timings.first_token)
        if pace is None or total_ms is None or timings.first_token is None:
            return
        took_ms = total_ms - timings.first_token
        if usage.output >= _MIN_TOKENS and not usage.estimated and took_ms > 0:
            speed = (usage.output - 1) * 1000 / took_ms
            pace.tokens_per_second = _moved(pace.tokens_per_second, speed)

    def failed(self, model: Model, error: TurnoutError, ticket: int = ORDINARY) -> None:
        """A send came to nothing."""
        key = endpoint(model)
        if key and isinstance(error, _COUNTED):
            self._breakers.setdefault(key, Breaker()).failed(type(error).__name__, self.now(), ticket)
        elif key in self._breakers:
            self._breakers[key].told_nothing(ticket)
        if isinstance(error, RateLimited) and error.retry_after_s is not None:
            rest_s = min(error.retry_after_s, _LONGEST_REST_S)
            self._paces.setdefault(model, _Pace()).rests_until = self.now() + rest_s
        self._tell(model)

    def left(self, model: Model, silent_ms: float | None = None, ticket: int = ORDINARY) -> None:
        """A send was given up from our side; `silent_ms` is how long nothing had come, None where something had.

        A model that is always too slow would otherwise never be measured, and go on being asked first.
        """
        breaker = self._breakers.get(endpoint(model))
        if breaker is not None:
            breaker.told_nothing(ticket)
        known = self._paces.get(model)
        if silent_ms is not None and silent_ms >= max(_SILENCE_MS, (known and known.first_token_ms) or 0.0):
            self._measured(model, silent_ms)
            self._tell(model)

    def _measured(self, model: Model, first_token_ms: float | None) -> _Pace | None:
        if first_token_ms is None:
            return None
        pace = self._paces.setdefault(model, _Pace())
        pace.first_token_ms = _moved(pace.first_token_ms, first_token_ms)
        pace.samples += 1
        pace.measured_at = self.now()
        return pace

    def _tell(self, model: Model) -> None:
        health, now = self._of(model), self.now()
        if health is None or not endpoint(model):
            return
        circuit, at = self._telling.get(model, ("closed", -TOLD_S))
        if health.circuit != circuit or now - at >= TOLD_S:
            self._telling[model] = health.circuit, now
            self._told(model, health, None if health.until is None else max(0.0, health.until - now))

    def _of(self, model: Model) -> ModelHealth | None:
        pace, breaker, now = self._paces.get(model), self._breakers.get(endpoint(model)), self.now()
        if pace is None and breaker is None:
            return None
        pace = pace or _Pace()
        circuit: Circuit = "closed"
        until, reason = None, ""
        if breaker is not None:
            circuit, until, reason = breaker.circuit(now), breaker.until, breaker.reason
        if pace.rests_until is not None and pace.rests_until > max(now, until or now):
            circuit, until, reason = "open", pace.rests_until, RATE_LIMITED
        return ModelHealth(
            circuit,
            reason,
            until,
            pace.first_token_ms,
            pace.tokens_per_second,
            pace.samples,
            pace.measured_at,
        )


def _moved(before: float | None, now: float) -> float:
    return now if before is None else before + _WEIGHT * (now - before)
