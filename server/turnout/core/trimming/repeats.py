"""What stands there already, behind the cursor, above or below it, or in the answer itself."""

import re

from turnout.core.lexing import CLOSERS
from turnout.core.trimming.place import Place

_WORD = re.compile(r"\w+")

_LONGEST_LOOP = 3
"""Lines that may take turns in a loop."""

_LINES_BELOW = 8


def cut_rest_of_line(text: str, place: Place) -> str:
    """Drop an end that is the rest of the cursor's line. One that begins with a closer is left to `closers`."""
    tail = place.hole.tail.strip()
    if "\n" in text or not tail or tail[0] in CLOSERS or tail[0] in "'\"`":
        return text
    shorter = text.rstrip()
    return shorter.removesuffix(tail) if shorter.endswith(tail) else text


def cut_lines_below(text: str, place: Place) -> str:
    """Drop the last lines where they are the next ones below the cursor, unless the user wrote most of them."""
    if _is_mostly_typed(text, place):
        return text
    below = [line.strip() for line in place.hole.suffix.split("\n", _LINES_BELOW + 1)[1:] if line.strip()]
    lines = text.split("\n")
    for index, line in enumerate(lines):
        rest = [other.strip() for other in lines[index:] if other.strip()]
        if index == 0 and rest:
            rest[0] = (place.hole.head + lines[0]).strip()
        if line.strip() and rest and rest == below[: len(rest)] and _tells(rest):
            return "\n".join(lines[:index]).rstrip("\n") if index else ""
    return text


def drop_line_above(text: str, place: Place) -> str:
    """Nothing where a whole line only repeats the one above the cursor, unless the user wrote most of it."""
    if _is_mostly_typed(text, place):
        return text
    whole = (place.hole.head + text).strip()
    if "\n" in text.strip("\n") or not _tells([whole]):
        return text
    above = place.hole.prefix[: len(place.hole.prefix) - len(place.hole.head)].rstrip()
    return "" if whole == above.rpartition("\n")[2].strip() else text


def cut_loop(text: str, place: Place) -> str:
    """End where lines come a third time in a row, alone or in turns; they are kept once."""
    lines = text.split("\n")
    for end in range(3, len(lines) + 1):
        for period in range(1, _LONGEST_LOOP + 1):
            start = end - 3 * period
            turns = [lines[start + turn * period : start + (turn + 1) * period] for turn in range(3)]
            if start >= 0 and turns[0] == turns[1] == turns[2] and any(line.strip() for line in turns[0]):
                return "\n".join(lines[: start + period])
    return text


def cut_loop_in_line(text: str, place: Place) -> str:
    """Keep once what a line says over and over until the limit ends it: nobody writes that."""
    if not place.cut_short:
        return text
    kept, _, last = text.rpartition("\n")
    for period in range(1, len(last) // 4 + 1):
        piece = last[-period:]
        start = len(last)
        while last[:start].endswith(piece):
            start -= period
        if (len(last) - start) // period >= 4 and len(last) - start >= len(last) // 2 and _varies(piece):
            return f"{kept}\n{last[: start + period]}" if kept else last[: start + period]
    return text


def _is_mostly_typed(text: str, place: Place) -> bool:
    return "\n" not in text.strip("\n") and len(place.hole.head.strip()) > len(text.strip())


def _tells(lines: list[str]) -> bool:
    """Whether lines say enough that repeating them is a fault: a bracket, `pass` or `#endif` may well stand twice."""
    return len(_WORD.findall(" ".join(lines))) >= 2


def _varies(piece: str) -> bool:
    """Whether a piece is more than a ruler or a row of blanks."""
    return any(character.isalnum() for character in piece)
