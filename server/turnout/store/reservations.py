"""Money set aside in the ledger before a send, until the request's receipt takes its place.

A server that dies in the middle of a request may have been charged for all of it, and nobody is left to say: what it
had set aside stays taken, and once its time is over it becomes a receipt at that worst case, marked as estimated.
Whether the process is really gone need not be found out: a request that was only held up (a suspended machine) replaces
that receipt by its own, which has the same id.

Invariant: between two looks at a limit by any server, whatever is sent under it is in the sum.
"""

import sqlite3
from datetime import datetime
from itertools import groupby

from turnout.core.limits import Limit
from turnout.core.receipts import Receipt, Send
from turnout.core.spending import Refusal, Reservation
from turnout.store.rows import Tags, insert_receipt, iso
from turnout.store.totals import as_text, taken_usd

LOST = "failed: Its server ended before the answer did; it is counted at the most that it can have cost."

_CENTS = 1e-9
"""What sums of floating-point dollars may be off."""

_OVERDUE = """
SELECT receipt, at, usd, workspace, kind, model, provider, branch, environment, leaves_machine, bytes_sent
FROM reservations
WHERE receipt IN (SELECT receipt FROM reservations GROUP BY receipt HAVING MAX(expires) < ?)
ORDER BY receipt, at, id
"""


def reserve(
    connection: sqlite3.Connection,
    reservation: Reservation,
    limits: tuple[Limit, ...],
    at: datetime,
    tags: Tags,
) -> Refusal | None:
    """Set money aside, or say which limit has no room for it; has to run inside a transaction that can write."""
    over: list[Limit] = []
    for limit in limits:
        taken = taken_usd(connection, limit, at.date())
        if taken + reservation.usd <= limit.usd + _CENTS:
            continue
        if limit not in reservation.allowed:
            return Refusal(limit, taken)
        over.append(limit)
    connection.execute(
        "INSERT INTO reservations VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
        (
            reservation.id,
            reservation.receipt_id,
            at.date().isoformat(),
            iso(at),
            at.timestamp() + reservation.seconds,
            reservation.usd,
            tags.workspace,
            reservation.kind,
            reservation.model,
            reservation.provider,
            tags.branch,
            tags.environment,
            int(reservation.leaves_machine),
            reservation.bytes_sent,
        ),
    )
    connection.executemany(
        "INSERT OR IGNORE INTO overspent VALUES (?,?,?,?)",
        [(reservation.receipt_id, as_text(str(limit)), limit.source, iso(at)) for limit in over],
    )
    others = {limit.workspace for limit in limits} - {None, reservation.workspace}
    connection.executemany(
        "INSERT OR IGNORE INTO shared VALUES (?,?)",
        [(as_text(other), reservation.receipt_id) for other in others if other is not None],
    )
    return None


def settle(connection: sqlite3.Connection, reservation_id: str, usd: float | None) -> None:
    """Replace the worst case of one send by what it came to, while its request goes on elsewhere."""
    if usd == 0:
        connection.execute("DELETE FROM reservations WHERE id = ?", (reservation_id,))
    elif usd is not None:
        connection.execute("UPDATE reservations SET usd = ? WHERE id = ?", (usd, reservation_id))


def bury(connection: sqlite3.Connection, now: datetime) -> int:
    """Make receipts of what nobody came back for in time; how many. Has to run inside a transaction."""
    rows = connection.execute(_OVERDUE, (now.timestamp(),)).fetchall()
    buried = 0
    for receipt_id, sends in groupby(rows, key=lambda row: row[0]):
        _bury(connection, str(receipt_id), list(sends))
        buried += 1
    return buried


def _bury(connection: sqlite3.Connection, receipt_id: str, rows: list[tuple[object, ...]]) -> None:
    sends = tuple(
        Send(
            str(row[5]),
            str(row[6]),
            int(str(row[10])),
            0,
            0,
            0,
            float(str(row[2])),
            estimated=True,
            leaves_machine=bool(row[9]),
        )
        for row in rows
    )
    _, at, _, workspace, kind, model, _, branch, environment, _, _ = rows[-1]
    receipt = Receipt(
        id=receipt_id,
        kind=kind,  # type: ignore[arg-type]  # as it was written
        model=str(model),
        route=tuple(dict.fromkeys(send.model for send in sends)),
        reason="set aside before it was sent, and never settled",
        leaves_machine=any(bool(row[9]) for row in rows),
        files=(),
        bytes_sent=sum(send.bytes_sent for send in sends),
        tokens_in=0,
        tokens_out=0,
        tokens_cached=0,
        cost_usd=sum(send.cost_usd or 0.0 for send in sends),
        queue_ms=None,
        context_ms=None,
        first_token_ms=None,
        total_ms=0.0,
        outcome=LOST,
        estimated=True,
        workspace=str(workspace),
        sends=sends,
    )
    tags = Tags(str(workspace), str(branch), str(environment))
    insert_receipt(connection, receipt, datetime.fromisoformat(str(at)), tags)
