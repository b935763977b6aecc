"""How near an answer comes to what the author wrote, and whether two ways of asking differ by more than chance."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

_IDENTIFIER = re.compile(r"[^\W\d]\w*")


@dataclass(frozen=True, slots=True)
class Score:
    """One answer: the very text, the share of letters in common, and the same identifiers in the same order."""

    exact: bool
    similarity: float
    identifiers: bool


def score(said: str, truth: str) -> Score:
    """Compare an answer with the truth; white space at line ends is nothing that anybody would miss."""
    said, truth = _plain(said), _plain(truth)
    alike = SequenceMatcher(None, said, truth, autojunk=False).ratio()
    return Score(said == truth, alike, _IDENTIFIER.findall(said) == _IDENTIFIER.findall(truth))


def _plain(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.replace("\r\n", "\n").split("\n")).rstrip("\n")


@dataclass(frozen=True, slots=True)
class Duel:
    """The same holes asked in two ways: how many only the one met, and how many only the other."""

    wins: int
    losses: int

    @property
    def chance(self) -> float:
        """How likely a difference at least as large is if both ways are equally good: McNemar's exact test, both sides.

        At most 0.05 is commonly taken for more than noise.
        """
        rounds = self.wins + self.losses
        tail = sum(math.comb(rounds, k) for k in range(max(self.wins, self.losses), rounds + 1))
        return min(1.0, float(2 * tail / 2**rounds))


def duel(ours: Sequence[bool], theirs: Sequence[bool]) -> Duel:
    """Count paired outcomes; both sequences are of the same holes in the same order."""
    pairs = list(zip(ours, theirs, strict=True))
    return Duel(
        sum(mine and not other for mine, other in pairs), sum(other and not mine for mine, other in pairs)
    )


def interval(hits: int, of: int) -> tuple[float, float]:
    """Wilson's interval, which holds the true share in 95 of 100 samples of this size."""
    if not of:
        return 0.0, 1.0
    z, share = 1.96, hits / of
    middle = share + z * z / (2 * of)
    spread = z * math.sqrt(share * (1 - share) / of + z * z / (4 * of * of))
    scale = 1 + z * z / of
    low, high = (middle - spread) / scale, (middle + spread) / scale
    return max(0.0, min(low, share)), min(1.0, max(high, share))


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of `values` do not exceed; 0 where there is none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, math.ceil(len(ordered) * share) - 1))] if ordered else 0.0
