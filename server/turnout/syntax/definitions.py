"""The functions, methods and classes of a text, and the one around a line."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from turnout.core.documents import line_body, split_lines
from turnout.core.rows import line_span
from turnout.core.symbols import Symbol
from turnout.syntax.following import followed
from turnout.syntax.grammars import MAX_KEPT_CHARACTERS, is_known, parse

if TYPE_CHECKING:
    from tree_sitter import Node

_FUNCTIONS = frozenset(
    {
        "constructor_declaration",
        "function_declaration",
        "function_definition",
        "function_item",
        "function_signature_item",
        "generator_function_declaration",
        "method",
        "method_declaration",
        "method_definition",
        "singleton_method",
    }
)
_CLASSES = frozenset(
    {
        "abstract_class_declaration",
        "class",
        "class_declaration",
        "class_definition",
        "class_specifier",
        "enum_declaration",
        "enum_item",
        "impl_item",
        "interface_declaration",
        "module",
        "record_declaration",
        "struct_declaration",
        "struct_item",
        "struct_specifier",
        "trait_declaration",
        "trait_item",
        "type_spec",
    }
)
_ATTRIBUTES = frozenset({"attribute_item"})
_BINDINGS = frozenset(
    {"variable_declarator", "assignment_statement", "assignment_expression", "public_field_definition"}
)
_VALUES = frozenset({"arrow_function", "function_expression", "function_definition", "anonymous_function"})
_WRAPPERS = frozenset(
    {
        "decorated_definition",
        "export_statement",
        "expression_statement",
        "lexical_declaration",
        "template_declaration",
        "type_declaration",
        "variable_declaration",
    }
)


def enclosing(language: str, text: str, line: int) -> Symbol | None:
    """The innermost function or class that `line` (from 0) belongs to; None where none, or without a grammar.

    None in a text of more than MAX_KEPT_CHARACTERS too: this is asked at every cursor move. Takes about 1 ms per
    1,000 lines after a letter was typed, 5 ms for a text that was not seen yet.
    """
    if not is_known(language) or len(text) > MAX_KEPT_CHARACTERS:
        return None
    lines = split_lines(text)
    if line >= len(lines):
        return None
    point = (line, _indentation(lines[line]))
    node = followed(language, text).root_node.descendant_for_point_range(point, point)
    while node is not None:
        defined = _defined_by(node)
        if defined is not None:
            kind, name = _definition(defined)
            return Symbol(name, kind, line_span(lines, *rows_of(defined)))
        node = node.parent
    return None


def below(language: str, text: str, line: int) -> Symbol | None:
    """The function or class right below a comment that takes up `line` (from 0), at its indentation.

    Other comments and attributes may stand between, blank lines may not. None wherever `enclosing` finds nothing.
    """
    lines = split_lines(text)
    if not is_known(language) or len(text) > MAX_KEPT_CHARACTERS or line >= len(lines):
        return None
    column, row, root = _indentation(lines[line]), line, followed(language, text).root_node
    while row < len(lines) and lines[row].strip() and (passed := _rows_passed(root, row, lines)):
        row += passed
    if row in (line, len(lines)) or _indentation(lines[row]) != column:
        return None
    found = enclosing(language, text, row)
    return found if found and found.span.start.line == row else None


def defined(language: str, text: str) -> frozenset[str]:
    """The names of all functions, methods and classes, nested ones too; empty without a grammar.

    Takes about 10 ms per 1,000 lines.
    """
    if not is_known(language):
        return frozenset()
    pending = [parse(language, text).root_node]
    names = set()
    while pending:
        node = pending.pop()
        names.add(_definition(node)[1])
        pending += node.named_children
    return frozenset(names - {""})


def _indentation(line: str) -> int:
    """How many bytes of blanks `line` begins with."""
    body = line_body(line)
    return len(body.encode("utf-8", "replace")) - len(body.lstrip().encode("utf-8", "replace"))


def _rows_passed(root: "Node", row: int, lines: Sequence[str]) -> int:
    """How many rows the comment or attribute takes that `row` begins with; 0 for anything else."""
    point = (row, _indentation(lines[row]))
    node = root.descendant_for_point_range(point, point)
    while node is not None and node.start_point == point:
        if "comment" in node.type or node.type in _ATTRIBUTES:
            first, end = rows_of(node)
            return end - first
        node = node.parent
    return 0


def _defined_by(node: "Node") -> "Node | None":
    """`node` if it is a definition, else the one that it wraps."""
    if _definition(node)[1]:
        return node
    if node.type not in _WRAPPERS:
        return None
    return next((found for child in node.named_children if (found := _defined_by(child))), None)


def _definition(node: "Node") -> tuple[Literal["function", "class"], str]:
    """The kind and name of what `node` defines; no name where it defines nothing."""
    if not node.is_named:
        return "function", ""
    if node.type in _BINDINGS:
        return "function", _bound_name(node)
    if node.type in _CLASSES:
        return "class", _name(node)
    return "function", _name(node) if node.type in _FUNCTIONS else ""


def _bound_name(node: "Node") -> str:
    """The name that a function is assigned to; empty where it is not a function."""
    value = node.child_by_field_name("value") or node.child_by_field_name("right") or node.children[-1]
    inner = value.named_children[0] if value.type == "expression_list" and value.named_children else value
    return _text(node.children[0]) if inner.type in _VALUES else ""


def _name(node: "Node") -> str:
    """The declared name; C and C++ hide it in nested declarators."""
    name = node.child_by_field_name("name") or node.child_by_field_name("type")
    if node.type == "function_definition" and (declarator := node.child_by_field_name("declarator")):
        name = declarator
        while (inner := name.child_by_field_name("declarator")) is not None:
            name = inner
    return _text(name) if name is not None else ""


def _text(node: "Node") -> str:
    return (node.text or b"").decode("utf-8", "replace")


def rows_of(node: "Node") -> tuple[int, int]:
    """The first row of a definition and the row after its last, with what wraps it (decorators, `export`)."""
    while node.parent is not None and node.parent.type in _WRAPPERS:
        node = node.parent
    start, end = node.start_point, node.end_point
    return start.row, end.row if end.column == 0 and end.row > start.row else end.row + 1
