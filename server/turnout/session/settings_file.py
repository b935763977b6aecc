"""Help for the hand that writes a settings file: what may stand at a place, and what is wrong with the text so far.

Invariant: the answers come from the schema and the checks that loading uses, so an editor never contradicts the server.
"""

import json
import re
import string
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from turnout.core.requests import KINDS
from turnout.settings.choosing import CHAINS
from turnout.settings.describe import allowed, known_keys, node_at
from turnout.settings.layers import Layer, check_layer
from turnout.settings.problems import Problem
from turnout.settings.schema import DEFAULT_MODELS
from turnout.settings.toml import Document, KeyPath, parse_toml

# Possessive, for a line that somebody else wrote: none of these goes back over what it has read.
_HEADER = re.compile(r"\s*+(\[\[?+)\s*+([A-Za-z0-9_.-]*+)\s*+\]?+\]?+\s*+(?:#.*)?$")
_UNFINISHED_HEADER = re.compile(r"\s*+\[{1,2}+\s*+([A-Za-z0-9_.-]*+)$")
_KEY = re.compile(r"\s*+([A-Za-z0-9_-]*+)$")
_VALUE = re.compile(r"\s*+([A-Za-z0-9_-]++)\s*+=\s*+(.*+)$")
_MODEL_HEADER = re.compile(r"^[ \t]*+\[models\.([a-z0-9_-]++)\]", re.MULTILINE)
_WORD = string.ascii_letters + string.digits + "_.*-"
_NAMED_TABLES = {"models": ("NAME",), "routes": KINDS}
_MODEL_LISTS = re.compile(r"routes\.[a-z_]+|rules")


@dataclass(frozen=True, slots=True)
class Fault:
    """Something wrong on a line (from 0)."""

    line: int
    key: str
    message: str


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Text for a place, in exchange for the `replaces` ASCII characters before it."""

    text: str
    kind: Literal["table", "key", "value"]
    detail: str
    help: str
    replaces: int


def faults(text: str) -> list[Fault]:
    """What is wrong with the text of a settings file, in the words of the server's own check."""
    document = parse_toml(text, "")
    if isinstance(document, Problem):
        return [_fault(document)]
    layer = Layer("workspace", document.data, " ", document.lines)
    return [_fault(problem) for problem in check_layer(layer).problems]


def suggestions(text: str, line: int, column: int) -> list[Suggestion]:
    """What may be written at `line` and `column` (both from 0, in code points)."""
    lines = text.split("\n")
    before = lines[line][:column] if line < len(lines) else ""
    if found := _UNFINISHED_HEADER.match(before):
        return list(_tables(len(found[1])))
    table = _table_at(lines[:line])
    if found := _VALUE.match(before):
        typed = _typed(found[2])
        return [] if typed is None else list(_values((*table, found[1]), typed, text))
    if found := _KEY.match(before):
        return [*_keys(table, len(found[1])), *([] if table else _tables(len(found[1]), "[", "]"))]
    return []


def _fault(problem: Problem) -> Fault:
    _, _, number = problem.where.rpartition(":")
    return Fault(int(number) - 1 if number.isdigit() else 0, problem.key, problem.message)


def _typed(value: str) -> str | None:
    """The part of a value that is being written: all of it, or the last entry of a list; None where it is neither."""
    settled = value.rstrip(_WORD).removesuffix('"')
    return value[len(settled) :] if not settled or settled.startswith("[") else None


def _table_at(lines: Sequence[str]) -> KeyPath:
    for line in reversed(lines):
        if found := _HEADER.match(line):
            path: KeyPath = tuple(part for part in found[2].split(".") if part)
            return (*path, 0) if found[1] == "[[" else path
    return ()


def _tables(replaces: int, opening: str = "", closing: str = "") -> Iterator[Suggestion]:
    for name in known_keys(()):
        described = (node_at((name,)) or {}).get("description", "")
        for part in _NAMED_TABLES.get(name, ("",)):
            full = f"{name}.{part}" if part else name
            if name == "rules":
                full = "[rules]" if opening else "rules"
            yield Suggestion(f"{opening}{full}{closing}", "table", "table", described, replaces)


def _keys(table: KeyPath, replaces: int) -> Iterator[Suggestion]:
    if not table:
        return
    for key in known_keys(table):
        node = node_at((*table, key)) or {}
        yield Suggestion(f"{key} = ", "key", allowed(node), node.get("description", ""), replaces)


def _values(path: KeyPath, typed: str, text: str) -> Iterator[Suggestion]:
    node = node_at(path) or {}
    choices: list[Any] = list(node.get("enum", ()))
    if node.get("type") == "boolean":
        choices = [True, False]
    if node.get("type") == "array":
        choices = list((node_at((*path, 0)) or {}).get("enum", ()))
        if path[-1] in CHAINS and _MODEL_LISTS.match(".".join(map(str, path))):
            choices = _model_names(text)
    for choice in choices:
        yield Suggestion(json.dumps(choice), "value", "", node.get("description", ""), len(typed))


def _model_names(text: str) -> list[str]:
    document = parse_toml(text, "")
    written = document.data.get("models", {}) if isinstance(document, Document) else {}
    own = written if isinstance(written, dict) else {}
    return list(dict.fromkeys([*own, *_MODEL_HEADER.findall(text), *DEFAULT_MODELS]))
