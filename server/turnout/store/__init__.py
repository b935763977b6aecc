"""What Turnout keeps between runs, in SQLite: receipts, what they cost, and what is set aside meanwhile."""

from turnout.store.edits import EditHistory, Trial, edit_evidence
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
    "EditHistory",
    "Ledger",
    "Line",
    "Suggestions",
    "Trial",
    "Unreadable",
    "edit_evidence",
    "health_lately",
    "last_receipts",
    "lines",
    "set_aside_usd",
    "spent",
]
