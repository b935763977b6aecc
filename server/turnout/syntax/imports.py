"""Imports whose syntax a query alone cannot take apart: each function reads one statement.

Invariant: what a statement does not say plainly (a computed path, a broken list) gives nothing.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

_MAX_NESTED = 20


@dataclass(frozen=True, slots=True)
class Named:
    """One imported name, or a whole module where `name` is empty."""

    module: str
    name: str = ""
    alias: str = ""


def java(statement: str) -> Iterator[Named]:
    """`import static a.b.C.d;`."""
    found = re.fullmatch(r"import\s+(?:static\s+)?([\w.]+)\.(\w+|\*)\s*;?", statement.strip())
    if found:
        yield Named(found[1], found[2])


def csharp(statement: str) -> Iterator[Named]:
    """`global using static X = A.B;`."""
    found = re.fullmatch(
        r"(?:global\s+)?using\s+(?:static\s+)?(?:(\w+)\s*=\s*)?([\w.]+)\s*;?", statement.strip()
    )
    if found:
        yield Named(found[2], alias=found[1] or "")


def php(statement: str) -> Iterator[Named]:
    r"""`use A\{B, C as D};`, of functions and constants too."""
    body = re.sub(r"^use\s+(?:function\s+|const\s+)?|;\s*$", "", statement.strip())
    prefix, brace, group = body.partition("{")
    for part in (group.rstrip("} \n") if brace else body).split(","):
        path, _, alias = (prefix.strip() * bool(brace) + part.strip()).partition(" as ")
        module, _, name = path.strip().strip("\\").rpartition("\\")
        if name:
            yield Named(module, name, alias.strip())


def included(statement: str) -> Iterator[Named]:
    """`require_once __DIR__ . "/x.php"`: beside the file; without `__DIR__`, where PHP's path leads."""
    paths = re.findall(r"""["']([^"'$]+)["']""", statement)
    if len(paths) == 1:
        beside = "__DIR__" in statement or "dirname(__FILE__)" in statement
        yield Named("./" + paths[0].lstrip("/") if beside else paths[0])


def rust(argument: str) -> Iterator[Named]:
    """The tree of a `use`: `a::{self, b::C as D, e::*}`."""
    yield from _rust("", re.sub(r"\s+", " ", argument), _MAX_NESTED)


def _rust(prefix: str, tree: str, depth: int) -> Iterator[Named]:
    head, brace, group = tree.partition("{")
    if brace and depth:
        for part in _top_level(group.rstrip().removesuffix("}")):
            yield from _rust(prefix + head.strip(), part.strip(), depth - 1)
        return
    path, _, alias = (prefix + tree).strip().partition(" as ")
    module, separator, name = path.strip().rpartition("::")
    if name == "self":
        module, separator, name = module.rpartition("::")
    if name:
        yield Named(module, name, alias.strip()) if separator else Named(name, alias=alias.strip())


def _top_level(group: str) -> Iterator[str]:
    """The parts between commas that are in no inner braces."""
    depth, start = 0, 0
    for at, character in enumerate(group):
        depth += {"{": 1, "}": -1}.get(character, 0)
        if character == "," and depth == 0:
            yield group[start:at]
            start = at + 1
    yield group[start:]


STYLES: Mapping[str, Callable[[str], Iterator[Named]]] = {
    "csharp": csharp,
    "included": included,
    "java": java,
    "php": php,
    "rust": rust,
}
"""By the end of the capture's name: `@import.java`."""
