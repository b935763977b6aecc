"""Receipts and events as rows of the ledger.

Invariant: the receipt of a request and the end of what was set aside for it are one write, so that neither is counted
beside the other.
"""

import json
import sqlite3
from dataclasses import dataclass
from datetime import datetime

from turnout.core.receipts import Receipt
from turnout.store.totals import as_text


@dataclass(frozen=True, slots=True)
class Tags:
    """What a row is told apart by, besides what its receipt says."""

    workspace: str
    branch: str
    environment: str


def insert_receipt(connection: sqlite3.Connection, receipt: Receipt, at: datetime, tags: Tags) -> None:
    """Keep a receipt, in place of one with its id, and give back what is still set aside for it."""
    connection.execute(
        "INSERT OR REPLACE INTO receipts VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
        (
            receipt.id,
            at.date().isoformat(),
            iso(at),
            tags.workspace,
            receipt.kind,
            receipt.model,
            int(receipt.leaves_machine),
            receipt.bytes_sent,
            receipt.tokens_in,
            receipt.tokens_out,
            receipt.tokens_cached,
            receipt.cost_usd,
            receipt.total_ms,
            as_text(receipt.outcome),
            json.dumps(receipt.to_wire(), ensure_ascii=True),
        ),
    )
    provider = receipt.sends[-1].provider if receipt.sends else ""
    connection.execute(
        "INSERT OR REPLACE INTO tags VALUES (?,?,?,?,?)",
        (receipt.id, provider, tags.branch, tags.environment, int(receipt.estimated)),
    )
    connection.execute("DELETE FROM sends WHERE receipt = ?", (receipt.id,))
    connection.execute("DELETE FROM sends_away WHERE receipt = ?", (receipt.id,))
    if len(receipt.sends) > 1 or any(send.model != receipt.model for send in receipt.sends):
        _insert_sends(connection, receipt)
    if receipt.model_ms is not None:
        _insert_figures(connection, receipt)
    connection.execute("DELETE FROM reservations WHERE receipt = ?", (receipt.id,))


def insert_event(
    connection: sqlite3.Connection, receipt_id: str, at: datetime, event: str, length: int | None
) -> None:
    """Keep what became of a suggestion."""
    connection.execute("INSERT INTO events VALUES (?,?,?,?)", (receipt_id, iso(at), event, length))


def iso(at: datetime) -> str:
    """A time as the ledger writes it."""
    return at.isoformat(timespec="milliseconds")


def _insert_sends(connection: sqlite3.Connection, receipt: Receipt) -> None:
    connection.executemany(
        "INSERT OR REPLACE INTO sends VALUES (?,?,?,?,?,?,?,?,?,?)",
        [
            (
                receipt.id,
                number,
                send.model,
                send.provider,
                send.bytes_sent,
                send.tokens_in,
                send.tokens_out,
                send.tokens_cached,
                send.cost_usd,
                int(send.estimated),
            )
            for number, send in enumerate(receipt.sends)
        ],
    )
    away = [(receipt.id, number) for number, send in enumerate(receipt.sends) if send.leaves_machine]
    connection.executemany("INSERT INTO sends_away VALUES (?,?)", away)


def _insert_figures(connection: sqlite3.Connection, receipt: Receipt) -> None:
    """What the local worker told of a request."""
    connection.execute(
        "INSERT OR REPLACE INTO figures VALUES (?,?,?,?,?,?,?)",
        (
            receipt.id,
            receipt.tokens_evaluated,
            receipt.queue_ms,
            receipt.prefill_ms,
            receipt.first_token_ms,
            receipt.model_ms,
            receipt.stop_ms,
        ),
    )
