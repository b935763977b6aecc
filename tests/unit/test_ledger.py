"""The ledger: every receipt is kept, spending adds up across servers, and a broken disk stops nobody."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from support.ledger_kit import RECEIPT
from turnout.store import Ledger, last_receipts


def test_a_receipt_comes_back_as_it_was_promised(tmp_path: Path) -> None:
    """What a client reads later is the receipt in its documented shape."""
    ledger = Ledger(tmp_path / "ledger.sqlite")
    ledger.record(RECEIPT)
    ledger.record(replace(RECEIPT, id="r2", outcome="failed: overloaded"))
    ledger.close()
    newest, oldest = last_receipts(tmp_path / "ledger.sqlite", 10)
    assert (newest["id"], oldest["id"]) == ("r2", "r1")
    assert datetime.fromisoformat(oldest.pop("at")).tzinfo is not None
    assert oldest == RECEIPT.to_wire()
    assert oldest["tokens"] == {"in": 100, "out": 20, "cached": 0, "evaluated": None}


def test_spend_is_summed_by_day_model_and_kind(tmp_path: Path) -> None:
    """Days newest first, dear before cheap; requests without a price are counted apart; days before are left out."""
    now = [datetime(2026, 3, 1, 12, tzinfo=UTC)]
    ledger = Ledger(tmp_path / "ledger.sqlite", now=lambda: now[0])
    ledger.record(replace(RECEIPT, id="old"))
    now[0] += timedelta(days=1)
    free = replace(RECEIPT, kind="inline", model="near", leaves_machine=False, cost_usd=0.0)
    for index, receipt in enumerate([free, RECEIPT, free, RECEIPT, replace(RECEIPT, cost_usd=None)]):
        ledger.record(replace(receipt, id=f"r{index}"))
    short = [(row["model"], row["requests"], row["costUsd"], row["unpriced"]) for row in ledger.spend(1)]
    assert short == [("opus", 3, pytest.approx(0.5), 1), ("near", 2, 0, 0)]
    assert [(row["day"], row["leavesMachine"]) for row in ledger.spend(2)] == [
        ("2026-03-02", True),
        ("2026-03-02", False),
        ("2026-03-01", True),
    ]
    ledger.close()


def test_spending_of_two_servers_adds_up(tmp_path: Path) -> None:
    """A server counts what another server of the same user has spent."""
    first, second = (Ledger(tmp_path / "ledger.sqlite") for _ in range(2))
    for index, ledger in enumerate((first, second, first)):
        ledger.record(replace(RECEIPT, id=f"r{index}"))
        ledger.flush()
    assert first.spent_today_usd() == pytest.approx(0.75)
    second.close()
    first.close()


def test_the_day_starts_at_local_midnight(tmp_path: Path) -> None:
    """Yesterday's spending is not today's."""
    now = [datetime(2026, 3, 1, 23, 59, tzinfo=UTC)]
    ledger = Ledger(tmp_path / "ledger.sqlite", now=lambda: now[0])
    ledger.record(RECEIPT)
    ledger.flush()
    assert ledger.spent_today_usd() == pytest.approx(0.25)
    now[0] += timedelta(minutes=2)
    assert ledger.spent_today_usd() == 0.0
    ledger.close()


def test_an_unusable_database_stops_nobody(tmp_path: Path) -> None:
    """A file that is no database costs the record and nothing else."""
    path = tmp_path / "ledger.sqlite"
    path.write_bytes(b"not a database, but long enough to be taken for one" * 50)
    ledger = Ledger(path)
    ledger.record(RECEIPT)
    ledger.flush()
    ledger.close()
    with pytest.raises(sqlite3.DatabaseError):
        last_receipts(path, 1)


def test_only_the_user_may_read_receipts(tmp_path: Path) -> None:
    """Receipts name files, so the database is for its owner alone."""
    ledger = Ledger(tmp_path / "ledger.sqlite")
    ledger.flush()
    ledger.close()
    assert (tmp_path / "ledger.sqlite").stat().st_mode & 0o077 == 0


def test_a_row_that_cannot_be_written_costs_itself_alone(tmp_path: Path) -> None:
    """Neither an absurd number of tokens nor half a character ends the keeping of receipts."""
    ledger = Ledger(tmp_path / "ledger.sqlite")
    ledger.record(replace(RECEIPT, id="huge", tokens_in=2**70))
    ledger.event("\ud800", "shown")
    ledger.record(replace(RECEIPT, id="after"))
    ledger.close()
    assert [receipt["id"] for receipt in last_receipts(tmp_path / "ledger.sqlite", 10)] == ["after"]


def test_spending_counts_where_nothing_can_be_written(tmp_path: Path) -> None:
    """A budget does not open because the database is broken."""
    path = tmp_path / "ledger.sqlite"
    path.write_bytes(b"not a database, but long enough to be taken for one" * 50)
    ledger = Ledger(path)
    for number in range(4):
        ledger.record(replace(RECEIPT, id=str(number)))
    ledger.flush()
    assert ledger.spent_today_usd() == pytest.approx(1.0)
    ledger.close()


OLD_SCHEMA = """
CREATE TABLE receipts (
  id TEXT PRIMARY KEY, day TEXT NOT NULL, at TEXT NOT NULL, workspace TEXT NOT NULL, kind TEXT NOT NULL, model TEXT,
  leaves_machine INTEGER NOT NULL, bytes_sent INTEGER NOT NULL, tokens_in INTEGER NOT NULL,
  tokens_out INTEGER NOT NULL, tokens_cached INTEGER NOT NULL, cost_usd REAL, total_ms REAL NOT NULL,
  outcome TEXT NOT NULL, receipt TEXT NOT NULL
);
CREATE TABLE events (id TEXT NOT NULL, at TEXT NOT NULL, event TEXT NOT NULL, length INTEGER);
"""
OLD_ROW = (
    "old", "2026-01-01", "2026-01-01T00:00:00", "", "inline", "near", 0, 1, 2, 3, 0, 0.0, 9.0, "shown", "{}",
)  # fmt: skip


def test_a_database_of_before_the_figures_goes_on(tmp_path: Path) -> None:
    """Old receipts are still read, new ones have their figures, and an older server may write beside us."""
    path = tmp_path / "ledger.sqlite"
    with closing(sqlite3.connect(path)) as old, old:
        old.executescript(OLD_SCHEMA)
        old.execute(f"INSERT INTO receipts VALUES ({','.join('?' * 15)})", OLD_ROW)
    ledger = Ledger(path, now=lambda: datetime(2026, 1, 2, tzinfo=UTC))
    local = replace(RECEIPT, model="near", tokens_evaluated=3, prefill_ms=2.0, model_ms=8.0, stop_ms=0.5)
    ledger.record(local)
    ledger.flush()
    with closing(sqlite3.connect(path)) as old, old:
        old.execute(f"INSERT INTO receipts VALUES ({','.join('?' * 15)})", ("late", *OLD_ROW[1:]))
        assert old.execute("SELECT * FROM figures").fetchall() == [("r1", 3, None, 2.0, 200.0, 8.0, 0.5)]
    ledger.close()
    newest = last_receipts(path, 10)[0]
    assert newest["ms"]["stop"] == 0.5
    assert newest["tokens"]["evaluated"] == 3
    assert len(last_receipts(path, 10)) == 3
