"""Whether two texts say the same to their language.

Invariant: two texts that differ in anything but blanks between tokens, and at the ends of lines of comments,
docstrings and the text of JSX, are never called the same; what stands in any other string counts to the last blank.
The same code may differ in its comments and docstrings besides, and in nothing else.
JSON, which is read without a grammar, has no string that goes on after its line.
"""

from collections.abc import Callable, Iterator
from itertools import zip_longest
from typing import TYPE_CHECKING

from turnout.syntax.grammars import is_known, parse

if TYPE_CHECKING:
    from tree_sitter import Node

WITHOUT_LONG_STRINGS = frozenset({"json", "jsonc"})
_WITH_TEXT_BETWEEN = frozenset({"string_content", "heredoc_body"})
"""What has text between its parts, escapes say, that is no node of its own."""


def same(language: str, text: str, other: str) -> bool | None:
    """Whether both have the same tokens in the same structure; None for a language that nobody here can read.

    Takes about 15 ms per 1,000 lines of both texts: call it in a thread.
    """
    if language in WITHOUT_LONG_STRINGS:
        return _without_blanks_at_ends(text) == _without_blanks_at_ends(other)
    if not is_known(language):
        return None
    tokens = (_tokens(parse(language, one).root_node) for one in (text, other))
    return all(a == b for a, b in zip_longest(*tokens))


def same_code(language: str, text: str, other: str) -> bool | None:
    """Whether both are the same but for comments and docstrings; None for a language that has no grammar here.

    Takes as long as `same`: call it in a thread.
    """
    if not is_known(language):
        return None
    tokens = (_tokens(parse(language, one).root_node, _is_documentation) for one in (text, other))
    return all(a == b for a, b in zip_longest(*tokens))


def _is_documentation(node: "Node") -> bool:
    """Whether `node` does nothing: a comment, a string of Python that is a statement, or the end of either's line."""
    if "comment" in node.type:
        return True
    if node.type == "expression_statement" and len(node.children) == 1:
        only = node.children[0]
        parts = {part.type for part in only.children}
        return only.type == "string" and "string_start" in parts and "interpolation" not in parts
    return not node.is_named and not node.is_missing and (node.text or b"").isspace()


def _tokens(
    root: "Node", is_left_out: Callable[["Node"], bool] = lambda _node: False
) -> Iterator[tuple[int, str, bytes]]:
    """Every node with how deep it is, and its text where it has no parts; without those that are left out."""
    stack = [(root, 0)]
    while stack:
        node, depth = stack.pop()
        if is_left_out(node):
            continue
        text = b"" if node.children and node.type not in _WITH_TEXT_BETWEEN else _text(node)
        if not _is_space_between_elements(node):
            yield depth, node.type, text
        stack += [(child, depth + 1) for child in reversed(node.children)]


def _text(node: "Node") -> bytes:
    text = node.text or b""
    if "comment" in node.type or is_docstring(node):
        return b"\n".join(line.rstrip() for line in text.split(b"\n"))
    if node.type == "jsx_text":
        *lines, last = text.split(b"\n")  # what stands behind the last one is in the same line
        return b"\n".join([*(line.rstrip() for line in lines), last])
    return text


def _is_space_between_elements(node: "Node") -> bool:
    """Whether `node` is what JSX leaves out: blanks with the end of a line, of which the grammar makes text or not."""
    return node.type == "jsx_text" and b"\n" in (text := node.text or b"") and not text.strip()


def _without_blanks_at_ends(text: str) -> list[str]:
    return [line.rstrip(" \t\r\n") for line in text.split("\n")]


def is_docstring(node: "Node") -> bool:
    """Whether `node` is the content of a string that is a statement of Python by itself."""
    string = node.parent
    return (
        node.type == "string_content"
        and string is not None
        and string.parent is not None
        and string.parent.type == "expression_statement"
    )
