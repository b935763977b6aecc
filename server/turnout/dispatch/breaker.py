"""Keeps requests from an endpoint that fails, and lets one through now and then to see whether it works again.

Invariant: while a circuit is half-open at most one request is under way, whatever becomes of it.
"""

from turnout.core.health import Circuit

FAILURES = 3
"""So many in a row open a circuit."""

FIRST_S = 5.0
CAP_S = 120.0
"""How long it stays open: the first time, and at most, after doubling with every probe that failed."""


class Breaker:
    """The circuit of one endpoint; times are seconds on one clock that only goes up."""

    def __init__(self) -> None:
        self._failures = 0
        self._until: float | None = None
        self._rest_s = FIRST_S
        self._probing = False
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
        return "open" if now < self._until or self._probing else "half-open"

    def enter(self, now: float) -> bool:
        """Whether a request may go; one that may has to be followed by exactly one of the three that follow."""
        circuit = self.circuit(now)
        self._probing = self._probing or circuit == "half-open"
        return circuit != "open"

    def worked(self) -> None:
        """It answered: the circuit closes."""
        self._failures, self._until, self._rest_s, self._probing = 0, None, FIRST_S, False

    def failed(self, reason: str, now: float) -> None:
        """It did not answer, or not to the end; after enough of these the circuit opens, for longer each time."""
        self._failures += 1
        self.reason = reason
        if self._until is not None and self._probing:
            self._rest_s = min(CAP_S, self._rest_s * 2)
        if self._failures >= FAILURES and (self._until is None or self._probing):
            self._until = now + self._rest_s
        self._probing = False

    def told_nothing(self) -> None:
        """It was left before it had answered, or refused a request that it need not have taken."""
        self._probing = False
