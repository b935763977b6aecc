"""How often a model says what the author of real code wrote: its family's layout against the plain order.

Both see the same text. The share of letters is that of the longest common pieces, as `difflib` finds them.
"""

from difflib import SequenceMatcher
from itertools import groupby
from pathlib import Path

from bench.engines import Asker, loaded
from bench.holes import Place, cut
from bench.report import Row
from turnout import models
from turnout.core import trimming
from turnout.core.fim.layout import Window

NAME = "qwen2.5-coder-0.5b"
_WINDOW = Window(1500, 500, 0)


def measure(weights: Path | None, count: int) -> list[Row]:
    """Fill `count` holes or a few more in both layouts."""
    path = weights or models.locate(NAME)
    places = cut(count)
    with loaded(path, _WINDOW, plain=False) as ours, loaded(path, _WINDOW, plain=True) as plain:
        filled = [(_fill(ours, list(line)), _fill(plain, list(line))) for line in _by_line(places)]
    mine = [one for pair in filled for one in pair[0]]
    theirs = [one for pair in filled for one in pair[1]]
    languages = ", ".join(dict.fromkeys(place.language for place in places))
    return [
        _row(f"holes not met, of {len(places)} in {languages}", "", _missed(mine), _missed(theirs)),
        _row("letters not met", "%", _wrong(mine), _wrong(theirs)),
    ]


def _by_line(places: list[Place]) -> list[list[Place]]:
    return [list(some) for _, some in groupby(places, key=lambda place: place.line)]


def _fill(asker: Asker, places: list[Place]) -> list[tuple[str, str]]:
    """What was said at the places of one line, and what was right."""
    found = []
    for place in places:
        said = asker.fill("|".join(map(str, place.line)), place.hole).text
        found.append((trimming.trim(said, place.hole, "line").text, place.truth))
    return found


def _missed(filled: list[tuple[str, str]]) -> float:
    return float(sum(said != right for said, right in filled))


def _wrong(filled: list[tuple[str, str]]) -> float:
    alike = [SequenceMatcher(None, said, right, autojunk=False).ratio() for said, right in filled]
    return 100 * (1 - sum(alike) / len(alike))


def _row(figure: str, unit: str, ours: float, plain: float) -> Row:
    return Row(figure, unit, ours, plain, "plain PSM", 1.0, "ratio", fails_over=1.2)
