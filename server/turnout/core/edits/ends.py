"""Blank lines at the head and at the end of a file that is written anew.

Invariant: a file keeps its own number of them; models add one, or leave one out, and mean nothing by it.
"""

from collections.abc import Sequence


def with_own_ends(old: Sequence[str], bodies: Sequence[str]) -> tuple[str, ...]:
    """`bodies` with as many blank lines at the head and at the end as `old`, the file as it was, has.

    They are as they were where either has no line with text.
    """
    old_text, text = _with_text(old), _with_text(bodies)
    if not (old_text and text):
        return tuple(bodies)
    head, end = bodies[: text.start], bodies[text.stop :]
    own_head, own_end = old[: old_text.start], old[old_text.stop :]
    more = len(own_head) - len(head)
    return (
        *(own_head[:more] if more > 0 else ()),
        *head[max(0, -more) :],
        *bodies[text.start : text.stop],
        *end[: len(own_end)],
        *own_end[len(end) :],
    )


def _with_text(bodies: Sequence[str]) -> range:
    """From the first line with text to the last; empty where there is none."""
    rows = [row for row, body in enumerate(bodies) if body.strip()]
    return range(rows[0], rows[-1] + 1) if rows else range(0)
