"""One layer of settings, checked against the schema: wrong values are taken out one by one and reported.

Invariant: what `check_layer` returns is valid for the schema, whatever the layer held.
A wrong value that could have held text back never lets more text out: see `Checked.doubt`.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import BaseModel, ValidationError

from turnout.settings.describe import allowed, known_keys, node_at
from turnout.settings.problems import Problem, nearest, shown
from turnout.settings.schema import RuleSettings, Settings
from turnout.settings.toml import KeyPath

MAX_LIST = 500
"""Most entries of one list in one layer."""

MAX_RULE_PATHS = 1000
"""Most path patterns of all rules of one layer together: compiling them takes time."""

MAX_PROBLEMS = 50
"""Most problems reported for one layer."""

LayerName = Literal["defaults", "user", "workspace", "editor"]
WORDS: Mapping[LayerName, str] = {
    "defaults": "built-in defaults",
    "workspace": "the workspace's editor settings",
    "editor": "editor settings",
}
"""How the layers that are no files are called."""

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_RESTRICTIVE = frozenset({"privacy", "budget", "routes", "rules"})
_PROTECTIVE = frozenset({"local_only", "never_read", "jurisdictions", "disabled_languages"})
_SECRET = frozenset({"key", "base_url", "endpoint"})


@dataclass(frozen=True, slots=True)
class Layer:
    """Settings from one place; `file` is empty for the layers that are no files."""

    name: LayerName
    data: Mapping[str, Any]
    file: str = ""
    lines: Mapping[KeyPath, int] = field(default_factory=dict)

    def where(self, path: KeyPath) -> str:
        """`FILE:LINE` of a key, or of the nearest table around it."""
        if not self.file:
            return WORDS[self.name]
        for end in range(len(path), 0, -1):
            if path[:end] in self.lines:
                return f"{self.file}:{self.lines[path[:end]]}"
        return self.file

    def index(self, path: KeyPath, item: str) -> int:
        """Index of an entry in the list at `path`, as the layer has it."""
        value: Any = self.data
        for part in path:
            value = value[part]
        return list(value).index(item)

    def source(self, path: KeyPath) -> str:
        """`FILE:LINE key`, or `LAYER: key` for the layers that are no files."""
        return f"{self.where(path)}{' ' if self.file else ': '}{dotted(path)}"


@dataclass(frozen=True, slots=True)
class Leaf:
    """One value and the layer that set it.

    `under` is the value below that it was combined with, if any; `note` replaces the source where the value
    was not written down by anybody.
    """

    value: Any
    layer: Layer
    under: "Leaf | None" = None
    note: str = ""

    def source(self, path: KeyPath) -> str:
        """The setting that is responsible for the value, as `Layer.source` words it."""
        return self.note or self.layer.source(path)

    def sources(self, path: KeyPath) -> str:
        """All settings that the value is made of."""
        own = self.source(path)
        return f"{self.under.sources(path)} + {own}" if self.under and self.under.value else own

    def item_source(self, path: KeyPath, item: str) -> str:
        """The setting that put `item` into a list."""
        if self.under and item in self.under.value:
            return self.under.item_source(path, item)
        where = self.layer.where((*path, self.layer.index(path, item)))
        return self.note or f"{where}{' ' if self.layer.file else ': '}{dotted(path)}"


@dataclass(frozen=True, slots=True)
class CheckedRule:
    """One rule of a layer; `path` is where it stands."""

    rule: RuleSettings
    layer: Layer
    path: KeyPath


@dataclass(frozen=True, slots=True)
class Checked:
    """The valid part of a layer.

    `doubt` is where a value stands that cannot be used and that may have been meant to hold text back.
    """

    layer: Layer
    leaves: dict[KeyPath, Leaf]
    rules: tuple[CheckedRule, ...]
    problems: tuple[Problem, ...]
    doubt: str | None


def check_layer(layer: Layer) -> Checked:
    """Check a layer; never raises."""
    found = _Findings(layer)
    data = _valid_part(_copied(layer.data), found)
    rules = tuple(_checked_rules(layer.data.get("rules", ()), layer, found))
    leaves = {path: Leaf(value, layer) for path, value in _flatten(data)}
    for path in [path for path, leaf in leaves.items() if _too_long(leaf.value)]:
        found.report(path, f"has more than {MAX_LIST} entries")
        del leaves[path]
    return Checked(layer, leaves, rules, tuple(found.problems), found.doubt)


def dotted(path: KeyPath) -> str:
    """A path as users write it: `routes.inline.models`, `rules[0].paths`; safe to print."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += ("." if text else "") + (part if _BARE_KEY.fullmatch(part) else json.dumps(part[:64]))
    return text if len(text) <= 120 else text[:117] + "..."


class _Findings:
    """Collects problems, no more of them than somebody would read."""

    def __init__(self, layer: Layer) -> None:
        self.problems: list[Problem] = []
        self.doubt: str | None = None
        self._layer = layer

    def add(self, path: KeyPath, error: Mapping[str, Any]) -> None:
        """Report one finding of the schema."""
        self.report(path, _message(path, error))

    def report(self, path: KeyPath, message: str) -> None:
        where = self._layer.where(path)
        if path and (path[0] in _RESTRICTIVE or len(path) == 1):
            self.doubt = self.doubt or where
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(Problem(where, dotted(path), message))
        elif len(self.problems) == MAX_PROBLEMS:
            self.problems.append(Problem(where, "", "and more problems after this one"))


def _valid_part(data: dict[str, Any], found: _Findings) -> dict[str, Any]:
    data.pop("rules", None)
    for _ in range(5):
        errors = _errors(Settings, data)
        if not errors:
            return data
        for path, error in errors.items():
            found.add(path, error)
        for path in reversed(errors):
            _remove(data, path)
    found.report((), "cannot be understood, so nothing of it applies")
    return {}


def _checked_rules(raw: object, layer: Layer, found: _Findings) -> Iterator[CheckedRule]:
    if not isinstance(raw, list | tuple):
        found.report(("rules",), "is not a list of tables; write `[[rules]]`")
        return
    if len(raw) > MAX_LIST:
        found.report(("rules",), f"has more than {MAX_LIST} entries")
        return
    patterns = 0
    for index, raw_rule in enumerate(raw):
        path: KeyPath = ("rules", index)
        errors = _errors(RuleSettings, raw_rule)
        for inner, error in errors.items():
            found.add((*path, *inner), error)
        if errors:
            continue
        rule = RuleSettings.model_validate(raw_rule)
        patterns += len(rule.paths)
        if patterns > MAX_RULE_PATHS:
            found.report(path, f"left out: the rules have more than {MAX_RULE_PATHS} path patterns together")
            return
        yield CheckedRule(rule, layer, path)


def _errors(model: type[BaseModel], data: object) -> dict[KeyPath, Mapping[str, Any]]:
    """The schema's objections by the path of the value to take out."""
    try:
        model.model_validate(data)
    except ValidationError as exc:
        found: dict[KeyPath, Mapping[str, Any]] = {}
        for error in exc.errors(include_url=False):
            found.setdefault(_removable(error["loc"]), error)
        return found
    return {}


def _removable(loc: KeyPath) -> KeyPath:
    """The value to take out for an error: one entry of a list that protects, all of any other list."""
    path = loc[:-1] if loc and loc[-1] == "[key]" else loc
    for index, part in enumerate(path):
        if isinstance(part, int) and index > 0:
            return path[: index + 1] if path[index - 1] in _PROTECTIVE else path[:index]
    return path


def _remove(data: Any, path: KeyPath) -> None:
    for part in path[:-1]:
        try:
            data = data[part]
        except (KeyError, IndexError, TypeError):
            return  # the table around it is gone already
    if path and isinstance(data, dict):
        data.pop(path[-1], None)
    elif path and isinstance(data, list) and isinstance(path[-1], int):
        del data[path[-1]]


def _message(path: KeyPath, error: Mapping[str, Any]) -> str:
    if error["type"] == "extra_forbidden":
        return f"is not a known key{nearest(str(path[-1]), known_keys(path[:-1]))}"
    if error["loc"] and error["loc"][-1] == "[key]":
        return "cannot be a name; allowed: lower-case letters, digits, `-` and `_`, at most 64 characters"
    if error["type"] == "missing":
        return "is missing"
    value = error["input"]
    name = next((part for part in reversed(path) if isinstance(part, str)), "")
    text = f"{'the value' if name in _SECRET else shown(value)} cannot be used"
    ending = "the rule is left out" if path[:1] == ("rules",) else "the layer below applies"
    return f"{text}; allowed: {_allowed(path, error)}; {ending}"


def _allowed(path: KeyPath, error: Mapping[str, Any]) -> str:
    if error["type"] == "value_error":
        return str(error["ctx"]["error"])
    node = node_at(path)
    return allowed(node) if node else str(error["msg"])


def _copied(value: Any, depth: int = 0) -> Any:
    """A copy that can be changed as deep as the schema goes, without the nulls that editors send for unset keys."""
    if depth > 8:
        return value
    if isinstance(value, Mapping):
        return {_whole(key): _copied(item, depth + 1) for key, item in value.items() if item is not None}
    if isinstance(value, list | tuple):
        return [_copied(item, depth + 1) for item in value]
    return value


def _whole(key: str) -> str:
    """A key without the half characters that JSON can carry."""
    return key.encode("utf-8", "replace").decode("utf-8")


def _flatten(data: Mapping[str, Any], path: KeyPath = ()) -> Iterator[tuple[KeyPath, Any]]:
    for key, value in data.items():
        if isinstance(value, dict):
            yield from _flatten(value, (*path, key))
        else:
            yield (*path, key), value


def _too_long(value: object) -> bool:
    return isinstance(value, list | tuple) and len(value) > MAX_LIST
