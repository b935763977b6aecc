"""The settings in words: JSON Schema for editors, what a key allows, and the reference in `docs/settings.md`."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

from turnout.settings.schema import FORMATS, NAME, Settings, defaults

Node = Mapping[str, Any]

MARKER = "<!-- From here on: `turnout settings docs --write docs/settings.md` -->"
"""Line of `docs/settings.md` after which the reference stands."""


@cache
def json_schema() -> dict[str, Any]:
    """The JSON Schema of a settings file, also that of the `turnout` section of an editor's settings."""
    schema = Settings.model_json_schema()
    cleaned: dict[str, Any] = _cleaned(schema)
    cleaned["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    cleaned["title"] = "Turnout settings"
    return cleaned


def node_at(path: Sequence[str | int]) -> Node | None:
    """The schema of the value at `path`; None for a key that does not exist."""
    node: Node | None = json_schema()
    for part in path:
        node = None if node is None else _child(_resolved(node), part)
    return None if node is None else _resolved(node)


def known_keys(path: Sequence[str | int]) -> tuple[str, ...]:
    """The keys of the table at `path`."""
    node = node_at(path)
    return tuple(node.get("properties", ())) if node else ()


def allowed(node: Node) -> str:
    """What a value may be, as the end of the sentence "allowed: ..."."""
    if "enum" in node or "const" in node:
        return ", ".join(f'"{value}"' for value in node.get("enum", [node.get("const")]))
    kind = node.get("type")
    if kind == "array":
        return f"a list of {_plural(_resolved(node['items']))}"
    if kind in {"integer", "number"}:
        return _number(node)
    if kind == "string":
        return _text(node)
    entry = _child(node, "NAME")
    if entry is not None and entry.get("type") == "number":
        return f"a table of models' names, each with {_number(entry)}"
    return {"boolean": "true or false", "object": "a table"}.get(str(kind), "another value")


def reference() -> str:
    """The tables of `docs/settings.md`: every key with its type, default and meaning."""
    root = json_schema()
    lines: list[str] = []
    for name in root["properties"]:
        lines += _section(name, _resolved(root["properties"][name]))
    return "\n".join([*lines, *_default_routes(), "", *_default_models()]) + "\n"


def _default_routes() -> Iterable[str]:
    yield "### Routes without any settings"
    yield ""
    yield "| Kind | Chain | `deadline_ms` |"
    yield "|---|---|---|"
    for kind, route in defaults()["routes"].items():
        yield f"| `{kind}` | {', '.join(f'`{name}`' for name in route['models'])} | {route['deadline_ms']} |"


def _default_models() -> Iterable[str]:
    yield "### Models without any settings"
    yield ""
    yield "| Name | API | Model | Key |"
    yield "|---|---|---|---|"
    for name, model in defaults()["models"].items():
        key = f"`{model['key']}`" if "key" in model else ""
        yield f"| `{name}` | `{model['api']}` | `{model['model']}` | {key} |"


def _section(name: str, node: Node) -> Iterable[str]:
    if name == "models":
        title, table = "[models.NAME]", _resolved(_child(node, "NAME") or {})
    elif name == "rules":
        title, table = "[[rules]]", _resolved(node["items"])
    elif name == "routes":
        title, table = "[routes.KIND]", _resolved(node["properties"]["refactor"])
    else:
        title, table = f"[{name}]", node
    yield f"### `{title}`"
    yield ""
    yield _meaning(name, table)
    yield ""
    yield "| Key | Allowed | Default | Meaning |"
    yield "|---|---|---|---|"
    for key, child in table["properties"].items():
        resolved = _resolved(child)
        default = _default(name, key, resolved)
        yield f"| `{key}` | {allowed(resolved)} | {default} | {resolved.get('description', '')} |".replace(
            "  ", " "
        )
    yield ""


def _meaning(name: str, table: Node) -> str:
    if name != "routes":
        return str(table["description"])
    kinds = ", ".join(f"`{kind}`" for kind in known_keys(("routes",)))
    return f"The chain of models for one kind of request: {kinds}."


def _default(section: str, key: str, node: Node) -> str:
    if section == "routes" and key in {"models", "deadline_ms"}:
        return "see below"
    value = node.get("default")
    if value is None:
        return ""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, list):
        return "`[" + ", ".join(f'"{item}"' for item in value) + "]`"
    return f'`"{value}"`' if isinstance(value, str) else f"`{value}`"


def _child(node: Node, part: str | int) -> Node | None:
    if isinstance(part, int):
        return node.get("items")
    return node.get("properties", {}).get(part) or next(
        iter(node.get("patternProperties", {}).values()), None
    )


def _resolved(node: Node) -> Node:
    """Follow a reference; what stands beside it (a description, a default) wins."""
    if "$ref" not in node:
        return node
    target = json_schema()["$defs"][node["$ref"].rsplit("/", 1)[1]]
    return {**target, **{key: value for key, value in node.items() if key != "$ref"}}


def _number(node: Node) -> str:
    word = "a whole number" if node["type"] == "integer" else "a number"
    low, high = node.get("minimum"), node.get("maximum")
    return f"{word} from {low} to {high}" if low is not None and high is not None else word


def _text(node: Node) -> str:
    pattern = node.get("pattern", "")
    if pattern == NAME:
        return "a model's name (lower-case letters, digits, `-` and `_`)"
    if "[A-Z]{2}" in pattern:
        return 'a two-letter code such as "US", or ' + ('"*"' if "*" in pattern else '"self-hosted"')
    return FORMATS.get(node.get("format", ""), "text")


def _plural(node: Node) -> str:
    if "enum" in node:
        return allowed(node)
    words = allowed(node)
    for one, many in (
        ("text", "texts"),
        ("a path pattern", "path patterns"),
        ("a model's name", "models' names"),
    ):
        words = many if words == one else words.replace(f"{one} (", f"{many} (")
    return words.replace("a two-letter code", "two-letter codes")


def _cleaned(node: Any) -> Any:
    """A schema without generated titles and without `null`, which stands for "unset" and is never written."""
    if isinstance(node, list):
        return [_cleaned(item) for item in node]
    if not isinstance(node, dict):
        return node
    branches = [branch for branch in node.get("anyOf", ()) if branch.get("type") != "null"]
    if len(branches) == 1:
        node = {**branches[0], **{key: value for key, value in node.items() if key != "anyOf"}}
    unwanted = {"title"} | ({"default"} if node.get("default", 0) is None else set())
    return {
        key: value
        if key in {"default", "enum"}
        else _properties(value)
        if key in {"properties", "$defs"}
        else _cleaned(value)
        for key, value in node.items()
        if key not in unwanted
    }


def _properties(nodes: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _cleaned(node) for name, node in nodes.items()}
