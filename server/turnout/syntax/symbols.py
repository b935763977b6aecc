"""The definitions and imports of a file, read with one query per language from `queries/`.

Invariants: what does not parse costs only itself; a name is defined once where several patterns see it; and nothing
here recurses, so that code may nest as deep as it likes.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from turnout.core.repository import Definition, Import
from turnout.syntax import imports
from turnout.syntax.definitions import rows_of
from turnout.syntax.grammars import canonical, grammar, parse_once

if TYPE_CHECKING:
    from tree_sitter import Node, Query

MAX_DEFINITIONS = 3_000
MAX_IMPORTS = 1_000
MAX_SIGNATURE_LINES = 8
MAX_SIGNATURE_CHARACTERS = 600

_QUERIES = Path(__file__).parent / "queries"
_FILES = {
    "c": ("c",),
    "cpp": ("c", "cpp"),
    "csharp": ("csharp",),
    "go": ("go",),
    "java": ("java",),
    "javascript": ("ecmascript", "javascript"),
    "javascriptreact": ("ecmascript", "javascript"),
    "lua": ("lua",),
    "php": ("php",),
    "python": ("python",),
    "ruby": ("ruby",),
    "rust": ("rust",),
    "shellscript": ("shellscript",),
    "typescript": ("ecmascript", "typescript"),
    "typescriptreact": ("ecmascript", "typescript"),
}
_OWNERS = frozenset({"class", "interface", "struct", "enum", "scope"})
"""What makes a method of a function right inside it."""
_DECORATORS = frozenset({"annotation", "attribute_list", "decorator", "marker_annotation"})
_UNDECORATED_WRAPPERS = frozenset(
    {
        "ambient_declaration",
        "export_statement",
        "lexical_declaration",
        "template_declaration",
        "type_declaration",
        "variable_declaration",
    }
)
_SCOPES = frozenset({"namespace", "scope"})
_COMMENTS = ("#", "//", "/*", "--")

_Captures = dict[str, "list[Node]"]


@dataclass(frozen=True, slots=True)
class Symbols:
    """What a file defines and imports, each from top to bottom."""

    definitions: tuple[Definition, ...] = ()
    imports: tuple[Import, ...] = ()


@dataclass(frozen=True, slots=True)
class _Found:
    """A definition, or a scope around some, in the tree."""

    node: "Node"
    name: str
    kind: str
    container: str
    body: "Node | None"


def read(path: str, language: str, text: str) -> Symbols:
    """The symbols of a file; none for a language without a query. Takes about 10 ms per 1,000 lines."""
    language = canonical(language)
    if language not in _FILES:
        return Symbols()
    from tree_sitter import QueryCursor

    matches = QueryCursor(_query(language)).matches(parse_once(language, text).root_node)
    found: dict[int, tuple[int, _Found]] = {}
    imported: dict[tuple[object, ...], Import] = {}
    for pattern, captures in matches:
        if (definition := _definition(captures)) is not None:
            place, item = definition
            if place not in found or pattern < found[place][0]:
                found[place] = (pattern, item)
        elif len(imported) < MAX_IMPORTS:
            for one in _imports(path, captures):
                imported.setdefault((one.module, one.name, one.alias, one.line), one)
    items = sorted(
        (item for _, item in found.values()), key=lambda item: (item.node.start_byte, -item.node.end_byte)
    )
    definitions = tuple(_definitions(path, language, items[:MAX_DEFINITIONS]))
    return Symbols(definitions, tuple(sorted(imported.values(), key=lambda one: one.line)))


@cache
def _query(language: str) -> "Query":
    from tree_sitter import Query

    source = "\n".join((_QUERIES / f"{name}.scm").read_text("utf-8") for name in _FILES[language])
    return Query(grammar(language), source)


def _definition(captures: _Captures) -> tuple[int, _Found] | None:
    """A definition or a scope and where its name stands, which tells it from all others."""
    for capture, nodes in captures.items():
        role, _, kind = capture.partition(".")
        if role in ("definition", "scope"):
            name = captures["name"][0] if "name" in captures else _declared(nodes[0])
            container = _text(captures["container"][0]) if "container" in captures else ""
            if name.type == "qualified_identifier":
                outer, _, inner = _text(name).rpartition("::")
                return name.start_byte, _Found(
                    nodes[0], inner, kind, outer.rpartition("::")[2], _body(captures)
                )
            named = _text(name).strip("\"'")
            return name.start_byte, _Found(nodes[0], named, kind or role, container, _body(captures))
    return None


def _body(captures: _Captures) -> "Node | None":
    return captures["body"][0] if "body" in captures else None


def _declared(node: "Node") -> "Node":
    """The name inside the nested declarators of C and C++."""
    while True:
        inner = node.child_by_field_name("declarator")
        if inner is None and node.type in ("reference_declarator", "parenthesized_declarator"):
            inner = next(iter(node.named_children), None)
        if inner is None:
            return node
        node = inner


def _definitions(path: str, language: str, items: list[_Found]) -> Iterator[Definition]:
    """The definitions among `items`, which come in order, each with what is around it."""
    around: list[_Found] = []
    for item in items:
        while around and around[-1].node.end_byte <= item.node.start_byte:
            around.pop()
        owner = around[-1] if around else None
        container = item.container or (owner.name if owner else "")
        if item.kind != "constant":
            around.append(item)
        if item.kind in _SCOPES:
            continue
        is_method = item.kind == "function" and (bool(item.container) or (owner and owner.kind in _OWNERS))
        first, after = _rows(item.node)
        yield Definition(
            path,
            language,
            item.name,
            "method" if is_method else item.kind,
            container,
            _signature(item),
            first,
            after - 1,
        )


def _rows(node: "Node") -> tuple[int, int]:
    """The first row and the row after the last; of one type among several in a Go declaration, its own alone."""
    if _is_one_of_several(node):
        return node.start_point.row, node.end_point.row + 1
    return rows_of(node)


def _is_one_of_several(node: "Node") -> bool:
    return node.type in ("type_spec", "type_alias") and (
        node.parent is None or node.parent.named_child_count > 1
    )


def _signature(item: _Found) -> str:
    """The source of a definition up to its body, without decorators and cut to a few lines."""
    outer = item.node
    while (
        outer.parent is not None
        and outer.parent.type in _UNDECORATED_WRAPPERS
        and not _is_one_of_several(outer)
    ):
        outer = outer.parent
    source = outer.text or b""
    start = _undecorated(outer) - outer.start_byte
    body = item.body
    end = body.start_byte - outer.start_byte if body is not None else len(source)
    text = source[start:end].decode("utf-8", "replace").rstrip()
    if body is not None and outer.type == "type_definition":
        after = source[body.end_byte - outer.start_byte :].decode("utf-8", "replace")
        text = f"{text} {after.strip()}"
    return _cut(text)


def _undecorated(node: "Node") -> int:
    """The byte at which a definition begins behind its decorators and annotations."""
    for child in node.children:
        if child.type in _DECORATORS:
            continue
        if child.type in ("modifiers", "class_declaration", "abstract_class_declaration") and child.children:
            inner = [part for part in child.children if part.type not in _DECORATORS]
            if inner and child.children[0].type in _DECORATORS:
                return inner[0].start_byte
            if not inner:
                continue
        return child.start_byte
    return node.start_byte


def _cut(text: str) -> str:
    lines = text.split("\n", MAX_SIGNATURE_LINES)[:MAX_SIGNATURE_LINES]
    while len(lines) > 1 and lines[-1].lstrip().startswith(_COMMENTS):
        lines.pop()  # between the colon and the body
    return "\n".join(lines)[:MAX_SIGNATURE_CHARACTERS].rstrip()


def _imports(path: str, captures: _Captures) -> Iterator[Import]:
    for capture, nodes in captures.items():
        role, _, style = capture.partition(".")
        if role != "import":
            continue
        line = nodes[0].start_point.row
        if style in imports.STYLES:
            source = captures.get("module", nodes)[0]
            for one in imports.STYLES[style](_text(source)):
                yield Import(path, one.module, one.name, one.alias, line)
            return
        module, name, alias = (_unquoted(captures, part) for part in ("module", "imported", "alias"))
        if style == "default":
            name = "default"
        if style == "ruby":
            module = module if module.startswith(".") else "./" + module
        yield Import(path, module, name, alias, line)


def _unquoted(captures: _Captures, part: str) -> str:
    return _text(captures[part][0]).strip("\"'`<>") if part in captures else ""


def _text(node: "Node") -> str:
    return (node.text or b"").decode("utf-8", "replace")
