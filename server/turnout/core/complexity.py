"""How hard a request is taken to be, so that a route can have a chain for each tier.

The estimate adds points: for the kind of request, for the size of its prompt, and for the number of its files.
Up to none is `simple`, one or two are `standard`, three and more `complex`.
Invariant: a pure function of a few numbers; more text or more files never make a request simpler.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from turnout.core.requests import Kind, Tier

KIND_POINTS: Mapping[Kind, int] = {
    "inline": 0,
    "popup": 0,
    "document": 0,
    "commit_message": 0,
    "explain": 1,
    "fix": 1,
    "test": 1,
    "rewrite": 1,
    "refactor": 2,
}
"""What follows a pattern has none; what changes code has one, what changes it in many places two."""

SMALL_TOKENS = 1_000
LARGE_TOKENS = 8_000
MANY_FILES = 4

_STANDARD_FROM = 1
_COMPLEX_FROM = 3


@dataclass(frozen=True, slots=True)
class Estimate:
    """A tier, and in words what made it so."""

    tier: Tier
    reason: str


def estimate(kind: Kind, input_tokens: int, files: int) -> Estimate:
    """The tier of a request whose prompt has about `input_tokens`, 0 where that is not known."""
    points = KIND_POINTS[kind]
    reasons = [f"{kind} ({points})"]
    for applies, change, text in (
        (0 < input_tokens < SMALL_TOKENS, -1, f"about {input_tokens} tokens"),
        (input_tokens >= LARGE_TOKENS, 1, f"about {input_tokens} tokens"),
        (files >= MANY_FILES, 1, f"{files} files"),
    ):
        if applies:
            points += change
            reasons.append(f"{text} ({change:+d})")
    return Estimate(_tier(points), ", ".join(reasons))


def _tier(points: int) -> Tier:
    if points >= _COMPLEX_FROM:
        return "complex"
    return "standard" if points >= _STANDARD_FROM else "simple"
