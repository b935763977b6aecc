"""The bodies of functions, loops and branches of a text, as ranges of whole lines."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from turnout.syntax.grammars import is_known, parse

if TYPE_CHECKING:
    from tree_sitter import Node

_FIELDS = ("body", "consequence", "alternative")


def bodies(language: str, text: str) -> Iterator[tuple[int, int]]:
    """First and last line (from 0) of what stands between the head of a block and its end; none without a grammar.

    Only bodies that have their lines to themselves: what opens and closes a block is on other lines.
    """
    if not is_known(language):
        return
    pending = [parse(language, text).root_node]
    while pending:
        node = pending.pop()
        pending += reversed(node.named_children)
        for name in _FIELDS:
            body = node.child_by_field_name(name)
            rows = _rows(node, body) if body is not None else None
            if rows is not None:
                yield rows


def _rows(node: "Node", body: "Node") -> tuple[int, int] | None:
    first, last = body.start_point.row, body.end_point.row
    if (body.text or b"")[:1] == b"{":
        first, last = first + 1, last - 1
    elif first == node.start_point.row:
        return None
    elif body.end_point.column == 0:
        last -= 1
    return (first, last) if first <= last else None
