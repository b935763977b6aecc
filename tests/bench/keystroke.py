"""A letter typed into a 10,000-line file, and the ghost text for it, with a model that takes no time.

What is left is Turnout's own: documents, routing, context, worker protocol, trimming, receipt.
"""

import time
from pathlib import Path

from bench.report import Row, percentile
from bench.session import Editing, Session, bare_command, folder, fresh_environment, turnout_command

LINES = 10_000
WARM_UP = 50
GHOST_TEXT = "_from_fake(42)"


def measure(count: int) -> list[Row]:
    """Type `count` letters into each server, a line of them in turn, asking for ghost text after each letter."""
    ours: list[float] = []
    bare: list[float] = []
    with (
        fresh_environment() as environment,
        folder() as root,
        Session(turnout_command(), environment) as session,
        Session(bare_command(), environment) as bare_session,
    ):
        editing, bare_editing = _open(session, root), _open(bare_session, root)
        _type(editing, WARM_UP)
        _type(bare_editing, WARM_UP)
        while len(ours) < count:
            bare += _type(bare_editing, Editing.LETTERS_PER_LINE)
            ours += _type(editing, Editing.LETTERS_PER_LINE)
    name = f"didChange + inlineCompletion, {LINES:,} lines"
    return [
        Row(f"{name}, p50", "ms", percentile(ours, 0.5), percentile(bare, 0.5), "bare pygls", 1.5),
        Row(f"{name}, p99", "ms", percentile(ours, 0.99), percentile(bare, 0.99), "bare pygls", 5.0),
        Row(
            f"{name}, p50 by bare pygls",
            "",
            percentile(ours, 0.5) / percentile(bare, 0.5),
            limit=1.0,
            fails_over=1.5,
        ),
    ]


def _open(session: Session, root: Path) -> Editing:
    session.initialize(root)
    session.initialized()
    return Editing(session, root, LINES)


def _type(editing: Editing, count: int) -> list[float]:
    return [_keystroke(editing) for _ in range(count)]


def _keystroke(editing: Editing) -> float:
    began = time.perf_counter()
    editing.type_letter()
    shown = editing.complete()
    took_ms = (time.perf_counter() - began) * 1000
    # Only a whole completion came from the model: what is remembered from earlier letters would be shorter.
    assert shown == GHOST_TEXT, f"expected ghost text, got {shown!r}"
    return took_ms
