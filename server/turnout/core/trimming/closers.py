"""Brackets and quotes that an answer closes: those that the editor put behind the cursor, and those of nobody.

Invariant: text is only cut, and text behind the cursor only replaced, where too much would be closed otherwise; where
it cannot be told, both are left alone.
"""

from dataclasses import dataclass

from turnout.core import lexing
from turnout.core.lexing import Scan
from turnout.core.trimming.place import Place


@dataclass(frozen=True, slots=True)
class Fitted:
    """Text to put in, and how many characters behind the cursor it takes the place of."""

    text: str
    replaces: int = 0


@dataclass(frozen=True, slots=True)
class _Balance:
    """What an answer closes beyond what it may, from the inside out."""

    spare: tuple[tuple[int, str], ...]
    allowed: int
    surplus: int


def fit(text: str, place: Place) -> Fitted:
    """Replace the closers behind the cursor that `text` has itself, and end before one that closes nothing."""
    balance = _weigh(text, place)
    if balance is None or balance.surplus <= 0:
        return Fitted(text)
    extra = balance.spare[balance.allowed : balance.allowed + balance.surplus]
    tail, at, taken = place.hole.tail, 0, 0
    while taken < len(extra) and tail.startswith(extra[taken][1], at):
        at += len(extra[taken][1])
        taken += 1
    if taken < len(extra):
        return Fitted(text[: extra[taken][0]].rstrip(), at)
    end = extra[-1][0] + len(extra[-1][1])
    rest = tail[at:].rstrip()
    at += len(rest) if rest and text[end:].rstrip().endswith(rest) else 0
    return Fitted(text, at)


def _weigh(text: str, place: Place) -> _Balance | None:
    """What `text` does to the brackets around it; None where that cannot be told."""
    hole = place.hole
    if place.spot.kind == "comment" or not lexing.is_code(place.language):
        return None
    added = lexing.scan(text, place.language, place.spot)
    if not added.spare or len(added.open) >= len(added.spare):
        return None
    around = _around(place) if hole.whole else _on_line(text, place)
    if around is None:
        return None
    before, after = around
    if len(after.spare) > len(before.open) or not _match(before, after):
        return None
    allowed = len(before.open) - len(after.spare)
    return _Balance(added.spare, allowed, len(added.spare) - len(added.open) - allowed)


def _around(place: Place) -> tuple[Scan, Scan] | None:
    """All that is open before the cursor, and what is closed behind it as far as one sees."""
    before = lexing.scan(place.hole.prefix, place.language)
    return None if before.spare else (before, _scan_after(place.hole.suffix, place))


def _on_line(text: str, place: Place) -> tuple[Scan, Scan] | None:
    """The same of the cursor's line alone, where the document begins too far away, if something is closed there."""
    after = _scan_after(place.hole.tail, place)
    if "\n" in text or not after.spare:
        return None
    return lexing.scan(place.hole.head, place.language), after


def _scan_after(text: str, place: Place) -> Scan:
    # A string is closed on the cursor's line or not yet: the next quote further down belongs to another one.
    closed = place.spot.kind == "string" and place.spot.close in place.hole.tail
    return lexing.scan(text, place.language, place.spot if closed else lexing.CODE)


def _match(before: Scan, after: Scan) -> bool:
    """Whether what is closed behind the cursor is of the kinds that are open before it, from the inside out."""
    outer = before.open[: len(after.spare)]
    pairs = zip(reversed(outer), after.spare, strict=True)
    return all(lexing.PAIRS.get(opener, closer) == closer for opener, (_, closer) in pairs)
