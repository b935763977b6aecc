"""The bodies of functions, loops and branches of a text, and its prose, as ranges of whole lines."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from turnout.syntax.grammars import is_known, parse

if TYPE_CHECKING:
    from tree_sitter import Node

_PROSE = re.compile(r"string|comment|heredoc|template|text")
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


def prose(language: str, text: str) -> frozenset[int]:
    """The lines (from 0) that strings and comments of several lines take up; empty without a grammar."""
    if not is_known(language):
        return frozenset()
    found: set[int] = set()
    pending = [parse(language, text).root_node]
    while pending:
        node = pending.pop()
        first, last = node.start_point.row, node.end_point.row
        if first == last:
            continue
        if _PROSE.search(node.type):
            found.update(range(first, last + 1))
        else:
            pending += node.children
    return frozenset(found)


def _rows(node: "Node", body: "Node") -> tuple[int, int] | None:
    first, last = body.start_point.row, body.end_point.row
    if (body.text or b"")[:1] == b"{":
        first, last = first + 1, last - 1
    elif first == node.start_point.row:
        return None
    elif body.end_point.column == 0:
        last -= 1
    return (first, last) if first <= last else None
