"""A text that indents by another unit than the file that it is to replace: blanks for tabs, four for two.

Invariant: its lines get the file's own unit where one rule makes every line that it repeats that of the file, and
else the text is refused; a text that does nothing but indent otherwise is meant.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from turnout.core.edits.diff import equal_blocks
from turnout.core.edits.indents import indent_of, is_deeper
from turnout.errors import EditUnmatched

_WIDEST = 8
_UNITS = ("\t", *(" " * width for width in range(_WIDEST, 0, -1)))


def in_own_unit(old: Sequence[str], bodies: Sequence[str]) -> list[str]:
    """`bodies` indented by the unit of `old`. Raises EditUnmatched where that is uncertain."""
    sides = [line.strip() for line in old if line.strip()], [line.strip() for line in bodies if line.strip()]
    unit, given = _unit(old), _unit(bodies)
    if unit == given or not unit or not given or sides[0] == sides[1]:
        return list(bodies)
    kept = list(_kept(old, bodies))
    if sum(before != now for before, now in kept) * 2 <= len(kept):
        if kept or unit[0] == given[0]:
            return list(bodies)
        raise _other_unit()
    readings = {reading for to in _UNITS for by in _UNITS if (reading := _read(bodies, kept, by, to))}
    if len(readings) != 1:
        raise _other_unit()
    return list(readings.pop())


def swaps_tabs(old: Sequence[str], bodies: Sequence[str]) -> bool:
    """Whether a line of `old` that stays has tabs for blanks, or the other way round, or all that come have."""
    if [line.strip() for line in old if line.strip()] == [line.strip() for line in bodies if line.strip()]:
        return False
    if any(before and now and ("\t" in before) != ("\t" in now) for before, now in _kept(old, bodies)):
        return True
    gone, came = Counter(old) - Counter(bodies), Counter(bodies) - Counter(old)
    kinds = [
        {
            indent_of(line)[0]
            for line in side
            if line.strip() and indent_of(line) and not line.startswith(" *")
        }
        for side in (gone, came)
    ]
    return kinds in ([{"\t"}, {" "}], [{" "}, {"\t"}])


def _other_unit() -> EditUnmatched:
    return EditUnmatched(
        "The text is not indented by the unit of the file: indent lines exactly as they are."
    )


def _unit(lines: Iterable[str]) -> str:
    """What lines are most often indented more than those before them; empty where none is."""
    found: Counter[str] = Counter()
    last = ""
    for line in lines:
        if not line.strip():
            continue
        own = indent_of(line)
        if is_deeper(own, than=last):
            found[own.removeprefix(last)] += 1
        last = own
    return max(found, key=lambda unit: (found[unit], -len(unit)), default="")


def _kept(old: Sequence[str], bodies: Sequence[str]) -> Iterator[tuple[str, str]]:
    """The indentations, in both, of the lines that `bodies` repeats and that have one."""
    blocks = equal_blocks([line.strip() for line in old], [body.strip() for body in bodies])
    for block in blocks:
        for n in range(block.length):
            before, now = old[block.start + n], bodies[block.new_start + n]
            if before.strip() and (indent_of(before) or indent_of(now)):
                yield indent_of(before), indent_of(now)


def _read(
    bodies: Sequence[str], kept: Iterable[tuple[str, str]], given: str, unit: str
) -> tuple[str, ...] | None:
    """`bodies` with each `given` in front of a line as a `unit`; None where a line does not allow that."""
    if given == unit or any(_changed(now, given, unit) != before for before, now in kept):
        return None
    owns = [indent_of(body) if body.strip() else "" for body in bodies]
    found = {own: _changed(own, given, unit) for own in owns}
    if None in found.values() or len(set(found.values())) < len(found):
        return None  # two levels would be one
    return tuple(f"{found[own]}{body.lstrip()}" for own, body in zip(owns, bodies, strict=True))


def _changed(indent: str, given: str, unit: str) -> str | None:
    """`indent` by another unit; what is left over must be blanks, fewer than a `given` of blanks."""
    count = 0
    while indent.startswith(given, count * len(given)):
        count += 1
    rest = indent[count * len(given) :]
    return None if rest.strip(" ") else unit * count + rest
