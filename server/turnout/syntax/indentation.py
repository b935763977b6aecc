"""Python's rules of indentation, which its grammar does not hold a text to.

Invariant: what Python itself takes is never reported.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from turnout.core.symbols import Problem
from turnout.syntax.grammars import grammar

if TYPE_CHECKING:
    from tree_sitter import Node


def misindented(root: "Node") -> Iterator[Problem]:
    """Blocks without a statement, and statements that stand deeper or less deep than others of their block."""
    from tree_sitter import Query, QueryCursor

    captures = QueryCursor(Query(grammar("python"), "[(module) (block)] @suite")).captures(root)
    for suite in captures.get("suite", []):
        statements = [child for child in suite.named_children if child.type != "comment"]
        if not statements and suite.type == "block":
            yield Problem(suite.start_point.row, "expected an indented block")
        yield from _uneven(suite.type == "module", statements)


def _uneven(is_module: bool, statements: list["Node"]) -> Iterator[Problem]:
    """Statements that begin a line at another column than the first one (column 0 in a module)."""
    column = 0 if is_module else None
    row = -1
    for statement in statements:
        start = statement.start_point
        if start.row == row:
            continue
        if column is None:
            column = start.column
        if start.column != column:
            yield Problem(start.row, "unexpected indentation")
        row = statement.end_point.row
