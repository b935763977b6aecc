"""What a model says, made into what an editor should show: a list of small pure filters.

Each filter takes the text and its place and gives the text back, shorter or empty; its name is the reason where it
emptied it. What closes brackets comes last, as it also says what is to be replaced behind the cursor.
"""

from collections.abc import Callable
from dataclasses import dataclass

from turnout.core.holes import Hole, Shape
from turnout.core.trimming import blocks, closers, indentation, marks, repeats, words
from turnout.core.trimming.place import Place, place_of

__all__ = ["FILTERS", "Trimmed", "ender", "is_complete", "trim"]

Filter = Callable[[str, Place], str]

CLOSES_NOTHING = "it only closes what is closed already"

FILTERS: tuple[tuple[str, Filter], ...] = (
    ("", marks.unify_endings),
    ("the model answered with its own marker tokens", marks.cut_special_marks),
    ("the model answered with a markdown fence", marks.cut_fence),
    ("the model answered with an empty line", blocks.keep_shape),
    (CLOSES_NOTHING, blocks.drop_closed_below),
    ("the token limit ended it within its first word", words.cut_half_word),
    ("it repeats the text after the cursor", repeats.cut_rest_of_line),
    ("it repeats the lines below", repeats.cut_lines_below),
    ("it repeats the line above", repeats.drop_line_above),
    ("", repeats.cut_loop),
    ("", repeats.cut_loop_in_line),
    ("", indentation.undouble),
    ("", indentation.match_file),
    ("", words.strip_end),
)
"""In this order, each with what is said where it left nothing; empty for those that always leave something."""


@dataclass(frozen=True, slots=True)
class Trimmed:
    """Text to show, and how many characters behind the cursor, on its line, it takes the place of.

    `reason` says why there is none when `text` is empty.
    """

    text: str
    reason: str = ""
    replaces: int = 0


def trim(text: str, hole: Hole, shape: Shape, *, cut_short: bool = False) -> Trimmed:
    """Run every filter in order; the first that empties the text names the reason.

    `cut_short` says that the answer ended at the token limit.
    """
    if not text:
        return Trimmed("", "the model had nothing to add here")
    if not text.strip():
        return Trimmed("", "the model answered with white space only")
    place = place_of(hole, shape, cut_short=cut_short)
    for reason, step in FILTERS:
        text = step(text, place)
        if not text.strip():
            return Trimmed("", reason)
    fitted = closers.fit(text, place)
    if not fitted.text.strip() or (fitted.replaces and fitted.text == hole.tail[: fitted.replaces]):
        return Trimmed("", CLOSES_NOTHING)
    return Trimmed(fitted.text, replaces=fitted.replaces)


def is_complete(text: str, hole: Hole, shape: Shape) -> bool:
    """Whether more text could not change what is shown: the line or block has ended, or it runs away."""
    return ender(hole, shape)(text)


def ender(hole: Hole, shape: Shape) -> Callable[[str], bool]:
    """`is_complete` at one place, for a text that grows."""
    place = place_of(hole, shape)

    def is_over(text: str) -> bool:
        if blocks.is_over(text, place):
            return True
        whole_lines = text.rpartition("\n")[0]
        return shape == "block" and repeats.cut_loop(whole_lines, place) != whole_lines

    return is_over
