"""What is wrong with a setting, in words that say where it stands and what would be right."""

from collections.abc import Sequence
from dataclasses import dataclass

WAITS_FOR_TRUST = "ignored until you trust this workspace"
"""How the message of a problem begins that the user's trust would solve."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A setting that does not apply, or not as written; `where` is `FILE:LINE`, or the layer's name."""

    where: str
    key: str
    message: str

    def __str__(self) -> str:
        return f"{self.where}: {self.key}: {self.message}" if self.key else f"{self.where}: {self.message}"


def nearest(word: str, known: Sequence[str]) -> str:
    """` (did you mean X?)`, or nothing where no known word is near."""
    import difflib

    found = difflib.get_close_matches(word.lower()[:64], known, n=1, cutoff=0.6)
    return f" (did you mean `{found[0]}`?)" if found else ""


def shown(value: object) -> str:
    """A value short enough for a message."""
    try:
        text = repr(value)
    except ValueError:
        text = "a number of thousands of digits"
    return text if len(text) <= 60 else text[:57] + "..."
