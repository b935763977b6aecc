"""What Turnout keeps between runs, in SQLite: receipts and what they cost."""

from turnout.store.ledger import Ledger

__all__ = ["Ledger"]
