"""Syntax errors that an edit brings in.

Invariant: an error that the text had before is not held against the edit.
"""

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from turnout.core.documents import line_body, split_lines
from turnout.core.symbols import Problem
from turnout.syntax import data
from turnout.syntax.grammars import is_known, parse
from turnout.syntax.indentation import misindented

if TYPE_CHECKING:
    from tree_sitter import Node

_MAX_PROBLEMS = 50


def check(language: str, before: str | None, after: str) -> tuple[Problem, ...] | None:
    """Syntax errors of `after` that `before` (None: no such file) did not have; None for a language without grammar.

    At most 50. Takes about 10 ms per 1,000 lines of both texts: call it in a thread.
    """
    if language in data.READ:
        return data.check(language, before, after)
    if not is_known(language):
        return None
    lines = split_lines(after)
    found = list(_problems(language, after))
    if not found or before is None:
        return tuple(found)
    old_lines = split_lines(before)
    old = Counter(_key(problem, old_lines) for problem in _problems(language, before))
    fresh = []
    for problem in found:
        key = _key(problem, lines)
        if old[key]:
            old[key] -= 1
        else:
            fresh.append(problem)
    return tuple(fresh)


def _key(problem: Problem, lines: list[str]) -> tuple[str, str]:
    """What makes an error the same one when lines above it come and go."""
    line = line_body(lines[problem.line]) if problem.line < len(lines) else ""
    return problem.message, line.strip()


def _problems(language: str, text: str) -> Iterator[Problem]:
    root = parse(language, text).root_node
    found = 0
    for problem in _broken(root):
        yield problem
        found += 1
        if found == _MAX_PROBLEMS:
            return
    if not found and language == "python":
        yield from misindented(root)


def _broken(root: "Node") -> Iterator[Problem]:
    stack = [root]
    while stack:
        node = stack.pop()
        if node.is_missing:
            yield Problem(node.start_point.row, f"missing {node.type!r}")
        elif node.is_error:
            yield Problem(node.start_point.row, _near(node))
        elif node.has_error:
            stack += reversed(node.children)


def _near(node: "Node") -> str:
    text = (node.text or b"").decode("utf-8", "replace").strip().partition("\n")[0]
    return f"syntax error near {text[:40]!r}" if text else "syntax error"
