"""Budgets: whatever happens to whom, what is spent and set aside stays within every limit, and nothing counts twice."""

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.ledger_kit import DAY, Clock, receipt, reservation
from turnout.core.limits import Limit
from turnout.core.spending import Refusal
from turnout.store import Ledger, last_receipts, lines, reservations, set_aside_usd, spent
from turnout.store.rows import Tags, insert_receipt
from turnout.store.schema import make_tables
from turnout.store.totals import taken_usd

HERE = Limit(0.5, "day", "/src/here", "config.toml:3 budget.workspace_day_usd")
MONTH = Limit(2.0, "month", None, "config.toml:4 budget.month_usd")


@pytest.fixture
def clock() -> Clock:
    """The last day of a month, at noon."""
    return Clock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the ledger is."""
    return tmp_path / "ledger.sqlite"


@pytest.fixture
def ledgers(path: Path, clock: Clock) -> Iterator[tuple[Ledger, Ledger]]:
    """Two servers of one user."""
    both = (Ledger(path, now=clock), Ledger(path, now=clock))
    yield both
    for ledger in both:
        ledger.close()


async def test_what_is_set_aside_by_one_server_is_gone_for_all(ledgers: tuple[Ledger, Ledger]) -> None:
    """The limit that has no room is named, with what is taken under it; what fits is granted."""
    one, other = ledgers
    assert await one.reserve(reservation("a", 0.75), (DAY, MONTH)) is None
    taken: Any = pytest.approx(0.75)
    assert await other.reserve(reservation("b", 0.26), (DAY, MONTH)) == Refusal(DAY, taken)
    assert await other.reserve(reservation("c", 0.25), (DAY, MONTH)) is None
    assert other.spent("").today_usd == pytest.approx(1.0)
    assert other.spent_today_usd() == 0.0


async def test_a_receipt_takes_the_place_of_what_was_set_aside(ledgers: tuple[Ledger, Ledger]) -> None:
    """All sends of a request are settled by its one receipt, and what they did not need is free at once."""
    one, other = ledgers
    for number in range(3):
        assert await one.reserve(reservation("a", 0.3, number), (DAY,)) is None
    one.record(receipt("a", cost_usd=0.25))
    one.flush()
    assert await other.reserve(reservation("b", 0.75), (DAY,)) is None
    assert one.spent("").today_usd == pytest.approx(0.25)


async def test_a_failed_send_makes_room_for_the_next_of_its_request(ledgers: tuple[Ledger, Ledger]) -> None:
    """A refused connection cost nothing, and a cut stream what it came to, before the request is over."""
    one, _ = ledgers
    assert await one.reserve(reservation("a", 0.9), (DAY,)) is None
    one.settle("a.0", 0.0)
    assert await one.reserve(reservation("a", 0.9, 1), (DAY,)) is None
    one.settle("a.1", 0.1)
    assert await one.reserve(reservation("a", 0.9, 2), (DAY,)) is None


async def test_workspaces_and_months_have_their_own_limits(
    ledgers: tuple[Ledger, Ledger], clock: Clock
) -> None:
    """A workspace's limit counts what is spent in it alone; the month's goes on until the month ends."""
    one, other = ledgers
    one.record(receipt("elsewhere", cost_usd=0.9, workspace="/src/there"))
    one.record(receipt("yesterday", cost_usd=0.4, workspace="/src/here"))
    one.flush()
    assert await other.reserve(reservation("a", 0.2, workspace="/src/here"), (HERE,)) == Refusal(HERE, 0.4)
    assert other.spent("/src/here").workspace_today_usd == pytest.approx(0.4)
    clock.now = clock.now.replace(day=30)
    assert await other.reserve(reservation("b", 0.8, workspace="/src/here"), (MONTH,)) is not None
    clock.now = clock.now.replace(month=4, day=1)
    assert await other.reserve(reservation("c", 2.0), (MONTH,)) is None


async def test_a_request_over_two_folders_counts_in_each_that_has_a_limit(
    ledgers: tuple[Ledger, Ledger], path: Path, clock: Clock
) -> None:
    """Money is put down to the first folder, held to the limits of both, and in the sum of all only once."""
    one, other = ledgers
    both = (DAY, HERE)
    granted = [
        await ledger.reserve(reservation(f"r{number}", 0.2, workspace="/src/there"), both) is None
        for number, ledger in enumerate((one, other, one, other))
    ]
    assert granted == [True, True, False, False]
    one.record(receipt("r0", cost_usd=0.15, workspace="/src/there"))
    one.flush()
    other.record(receipt("r1", cost_usd=0.2, workspace="/src/there"))
    other.flush()
    taken: Any = pytest.approx(0.35)
    assert await one.reserve(reservation("own", 0.2, workspace="/src/here"), (HERE,)) == Refusal(HERE, taken)
    assert await one.reserve(reservation("own", 0.15, workspace="/src/here"), (HERE,)) is None
    for spend in (one.spent("/src/here"), spent(path, "/src/here", clock().date())):
        assert spend.workspace_today_usd == pytest.approx(0.5)
        assert (spend.today_usd, spend.month_usd) == (pytest.approx(0.5), pytest.approx(0.5))
    assert one.settled("/src/there").workspace_today_usd == pytest.approx(0.35)


async def test_a_server_that_died_is_counted_at_its_worst(path: Path, clock: Clock) -> None:
    """Nobody knows what it was charged: its money stays taken, and when its time is over a receipt says so."""
    dead = Ledger(path, now=clock)
    assert await dead.reserve(reservation("a", 0.6, workspace="/src/here"), (DAY,)) is None
    assert await dead.reserve(reservation("a", 0.1, 1, model="glm", workspace="/src/here"), (DAY,)) is None
    dead.close()  # without the receipt, as a kill leaves it
    heir = Ledger(path, now=clock)
    assert await heir.reserve(reservation("b", 0.4), (DAY,)) is not None
    assert last_receipts(path, 10) == []
    clock.forward(minutes=10)
    heir.record(receipt("c", cost_usd=0.0))
    heir.flush()
    [lost] = [found for found in last_receipts(path, 10) if found["id"] == "a"]
    assert (lost["costUsd"], lost["estimated"], lost["model"]) == (pytest.approx(0.7), True, "glm")
    assert lost["outcome"] == reservations.LOST
    assert set_aside_usd(path) == 0
    assert heir.spent("/src/here").workspace_today_usd == pytest.approx(0.7)
    by_model = {line.name: line.cost_usd for line in lines(path, "model", "2026-03-31")}
    assert by_model == {"opus": pytest.approx(0.6), "glm": pytest.approx(0.1)}
    heir.record(receipt("a", cost_usd=0.05, workspace="/src/here"))  # it was only suspended
    heir.flush()
    assert heir.spent("").today_usd == pytest.approx(0.05)
    heir.close()


@pytest.fixture
def broken(path: Path) -> Path:
    """A file in the ledger's place that is none."""
    path.write_bytes(b"not a database, but long enough to be taken for one" * 50)
    return path


async def test_without_a_ledger_nothing_is_spent_under_a_limit(broken: Path) -> None:
    """A budget that cannot be kept refuses; without a limit the request goes on and its cost is counted here."""
    ledger = Ledger(broken)
    assert await ledger.reserve(reservation("a", 0.1), (DAY,)) == Refusal(None)
    ledger.record(receipt("b", cost_usd=0.5))
    ledger.flush()
    assert ledger.spent("").month_usd == pytest.approx(0.5)
    ledger.close()


async def test_whoever_stopped_waiting_is_settled_by_the_receipt(ledgers: tuple[Ledger, Ledger]) -> None:
    """A request that is cancelled while its money is set aside leaves nothing behind but its receipt."""
    one, other = ledgers
    waiting = asyncio.ensure_future(one.reserve(reservation("a", 0.9), (DAY,)))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    one.record(receipt("a", cost_usd=0.0, outcome="cancelled"))
    one.flush()
    assert await other.reserve(reservation("b", 1.0), (DAY,)) is None


_STEPS = st.lists(
    st.tuples(
        st.sampled_from(["reserve", "settle", "record", "bury"]),
        st.integers(0, 5),
        st.integers(0, 60),
    ),
    max_size=40,
)


@given(_STEPS)
def test_no_order_of_events_goes_over_a_limit(steps: list[tuple[str, int, int]]) -> None:
    """As long as nobody is charged more than was set aside, spent and set aside together stay within the limit."""
    clock = Clock()
    worst: dict[str, float] = {}
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        make_tables(connection)
        for number, (what, who, cents) in enumerate(steps):
            name, usd = f"r{who}", cents / 100
            if what == "reserve" and name not in worst:
                wanted = reservation(name, usd)
                tags = Tags("", "", "")
                if reservations.reserve(connection, wanted, (DAY,), clock(), tags) is None:
                    worst[name] = usd
            elif what == "settle" and name in worst:
                worst[name] = min(usd, worst[name])
                reservations.settle(connection, f"{name}.0", worst[name])
            elif what == "record" and name in worst:
                done = receipt(f"{name}", cost_usd=min(usd, worst.pop(name)))
                insert_receipt(connection, replace(done), clock(), Tags("", "", ""))
                connection.execute("UPDATE receipts SET id = ? WHERE id = ?", (f"old{number}", name))
            elif what == "bury":
                clock.forward(seconds=cents)
                reservations.bury(connection, clock())
            assert taken_usd(connection, DAY, clock().date()) <= DAY.usd + 1e-6
