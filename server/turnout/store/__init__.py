"""What Turnout keeps between runs, in SQLite: receipts, what they cost, and what is set aside meanwhile."""

from turnout.store.edits import Trial, Trials, edit_evidence, turns_taken
from turnout.store.ledger import Ledger
from turnout.store.queries import (
    BYS,
    By,
    Line,
    Unreadable,
    health_lately,
    last_receipts,
    lines,
    set_aside_usd,
    spent,
)
from turnout.store.suggestions import Suggestions

__all__ = [
    "BYS",
    "By",
    "Ledger",
    "Line",
    "Suggestions",
    "Trial",
    "Trials",
    "Unreadable",
    "edit_evidence",
    "health_lately",
    "last_receipts",
    "lines",
    "set_aside_usd",
    "spent",
    "turns_taken",
]
