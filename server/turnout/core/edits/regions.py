"""A part of a file as a model sees it: moved to the left margin, and back again.

Invariant: lines only ever move all together, by the indentation that they all share.
"""

from collections.abc import Sequence

from turnout.core.documents import line_body
from turnout.core.edits.blanks import aligned
from turnout.core.edits.locating import bodies_of


def shared_indent(lines: Sequence[str]) -> str:
    """The longest run of blanks that every line with text begins with."""
    texts = [line_body(line) for line in lines if line.strip()]
    if not texts:
        return ""
    first, last = min(texts), max(texts)
    length = 0
    for a, b in zip(first, last, strict=False):
        if a != b or a not in " \t":
            break
        length += 1
    return first[:length]


def unindented(lines: Sequence[str]) -> str:
    """`lines` at the left margin, as text with `\\n` endings; blank ones keep what is longer than the margin."""
    indent = len(shared_indent(lines))
    return "".join(f"{line_body(line)[indent:]}\n" for line in lines)


def indented_like(bodies: Sequence[str], lines: Sequence[str]) -> tuple[str, ...]:
    """`bodies` moved from whatever margin they have to that of `lines`.

    A blank line stays empty, but one that was there is as it was: a model need not see its blanks to keep them.
    """
    indent, had = shared_indent(lines), len(shared_indent(bodies))
    moved = [indent + body[had:] if body.strip() else "" for body in bodies]
    old = bodies_of(lines)
    for row, index in aligned(old, moved):
        if not moved[index]:
            moved[index] = old[row]
    return tuple(moved)
