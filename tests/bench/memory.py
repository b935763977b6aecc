"""Resident memory of the server: after a while of typing, and after a very long one."""

from pathlib import Path

from bench.report import Row
from bench.session import (
    Editing,
    Session,
    bare_command,
    folder,
    fresh_environment,
    resident_mb,
    turnout_command,
)

LINES = 1_000
LIMIT_MB = 90.0
GROWTH_MB = 2.0
_SETTLED = 0.1


def measure(edits: int, notifications: int) -> list[Row]:
    """Type `edits` letters with ghost text, then send `notifications` changes, into each server."""
    with fresh_environment() as environment, folder() as root:
        bare_used, bare_grown = _fill(Session(bare_command(), environment), root, edits, notifications)
        used, grown = _fill(Session(turnout_command(), environment), root, edits, notifications)
    return [
        Row(
            f"memory after {edits:,} edits with ghost text",
            "MB",
            used,
            bare_used,
            "bare pygls",
            LIMIT_MB,
            fails_over=LIMIT_MB * 1.2,
        ),
        Row(
            f"memory growth over {notifications:,} notifications",
            "MB",
            grown,
            bare_grown,
            "bare pygls",
            GROWTH_MB,
            fails_over=GROWTH_MB * 5,
        ),
    ]


def _fill(running: Session, root: Path, edits: int, notifications: int) -> tuple[float, float]:
    """Memory after the edits, and what the last nine tenths of the notifications added."""
    with running as session:
        session.initialize(root)
        session.initialized()
        editing = Editing(session, root, LINES)
        for _ in range(edits):
            editing.type_letter()
            editing.complete()
        used = resident_mb(session.pid)
        settled = int(notifications * _SETTLED)
        _type(editing, settled)
        before = resident_mb(session.pid)
        _type(editing, notifications - settled)
        return used, resident_mb(session.pid) - before


def _type(editing: Editing, count: int) -> None:
    for _ in range(count):
        editing.type_letter()
    editing.complete()  # answered only when everything before it is done
