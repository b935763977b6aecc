"""Where a model's answer is to go, as the filters see it."""

from dataclasses import dataclass

from turnout.core.holes import Hole, Shape
from turnout.core.lexing import Spot


@dataclass(frozen=True, slots=True)
class Place:
    """A hole, how much is wanted there, what the cursor stands in, and whether the answer was cut off by its limit."""

    hole: Hole
    shape: Shape
    spot: Spot
    cut_short: bool = False

    @property
    def language(self) -> str:
        """The language of the document."""
        return self.hole.language

    @property
    def is_code(self) -> bool:
        """Whether the cursor is neither in a comment nor in a string."""
        return self.spot.kind == "code"


def place_of(hole: Hole, shape: Shape, *, cut_short: bool = False) -> Place:
    """The place of a hole."""
    return Place(hole, shape, hole.spot(), cut_short)
