"""Keeps requests from an endpoint that fails, and lets one through now and then to see whether it works again.

Invariant: while a circuit is half-open at most one request is under way, whatever becomes of it.
"""

from turnout.core.health import Circuit

FAILURES = 3
"""So many in a row open a circuit."""

FIRST_S = 5.0
CAP_S = 120.0
"""How long it stays open: the first time, and at most, after doubling with every probe that failed."""

ORDINARY = 0
"""The ticket of a request that finds out nothing."""


class Breaker:
    """The circuit of one endpoint; times are seconds on one clock that only goes up."""

    def __init__(self) -> None:
        self._failures = 0
        self._until: float | None = None
        self._rest_s = FIRST_S
        self._probes = 0
        self._probe = 0
        """The number of the request that is to find out whether it works again, 0 where none is under way."""
        self.reason = ""
        """The last failure, in a word."""

    @property
    def until(self) -> float | None:
        """When an open circuit lets a request through; None for a closed one."""
        return self._until

    def circuit(self, now: float) -> Circuit:
        """What a request that came now would meet."""
        if self._until is None:
            return "closed"
        return "open" if now < self._until or self._probe else "half-open"

    def enter(self, now: float) -> int | None:
        """The ticket of a request that may go, None for one that may not.

        It has to be handed in exactly once, with one of the three that follow; only that of a probe is not 0.
        """
        circuit = self.circuit(now)
        if circuit == "half-open":
            self._probes += 1
            self._probe = self._probes
            return self._probe
        return None if circuit == "open" else ORDINARY

    def worked(self) -> None:
        """It answered, whoever asked: the circuit closes."""
        self._failures, self._until, self._rest_s, self._probe = 0, None, FIRST_S, 0

    def failed(self, reason: str, now: float, ticket: int = ORDINARY) -> None:
        """It did not answer, or not to the end; after enough of these the circuit opens, for longer each time."""
        self._failures += 1
        self.reason = reason
        probed = self._is_probe(ticket)
        if probed:
            self._rest_s = min(CAP_S, self._rest_s * 2)
            self._probe = 0
        if self._failures >= FAILURES and (self._until is None or probed):
            self._until = now + self._rest_s

    def told_nothing(self, ticket: int = ORDINARY) -> None:
        """It was left before it had answered, or refused a request that it need not have taken."""
        if self._is_probe(ticket):
            self._probe = 0

    def _is_probe(self, ticket: int) -> bool:
        """Whether `ticket` is that of the probe under way, and not of a request that is older than it."""
        return ticket != ORDINARY and ticket == self._probe
