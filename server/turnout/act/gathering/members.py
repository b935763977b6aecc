"""Which names belong to a class, and whether a file that says such a name can mean the one of that class.

Invariant: where nobody can tell, it can; only names whose every declaration stands right in a class are judged.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence

from turnout.act.gathering.finding import WORD, declaration_of
from turnout.core.documents import line_body
from turnout.core.edits.indents import indent_of, is_deeper

_CLASS = re.compile(r"^\s*(?:[\w@()]+\s+)*?(?:class|impl|interface|struct|trait)\b(?P<head>[^:({]*)")
_BEGINS_A_BLOCK = re.compile(r"^\s+(?:[\w<>\[\],?*&]+\s+)*?([A-Za-z_$][\w$]*)\s*\([^;]*\{\s*$")
"""A method in languages that have no word for one."""
_HAD = re.compile(r"(?:\.|->|::?)\s*([A-Za-z_$][\w$]*)")

Owners = Mapping[str, frozenset[str]]
"""The names of the classes that a member is declared in, by its own."""


def owners(names: Collection[str], lines: Sequence[str]) -> Owners:
    """Those of `names` that all their declarations in `lines` give to a class, with the names of their classes."""
    found: dict[str, set[str]] = {}
    others: set[str] = set()
    for row, name in _declarations(names, lines):
        if classes := _class_around(row, lines):
            found.setdefault(name, set()).update(classes)
        else:
            others.add(name)
    return {name: frozenset(classes) for name, classes in found.items() if name not in others}


def had(lines: Sequence[str]) -> set[str]:
    """The names in `lines` that stand behind something which has them: `cart.total`, `cart->total`, `Cart::total`."""
    return {name for line in lines for name in _HAD.findall(line)}


def _declarations(names: Collection[str], lines: Sequence[str]) -> Iterator[tuple[int, str]]:
    by_keyword = declaration_of(names)
    for row, line in enumerate(map(line_body, lines)):
        yield from ((row, name) for name in by_keyword.findall(line))
        block = _BEGINS_A_BLOCK.match(line)
        if block and block[1] in names and not by_keyword.search(line):
            yield row, block[1]


def _class_around(row: int, lines: Sequence[str]) -> set[str]:
    """The words of the class that the line `row` stands right in; empty where it stands in something else."""
    own = indent_of(lines[row])
    above = map(lines.__getitem__, range(row - 1, -1, -1))
    outer = next((line for line in above if line.strip() and is_deeper(own, than=indent_of(line))), "")
    found = _CLASS.match(outer)
    return set(WORD.findall(found["head"])) if found else set()
