"""The ledger beside odd clocks, odd names, odd repositories and old files: it goes on, and no limit opens or shuts."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from support.ledger_kit import DAY, Clock, receipt, reservation
from turnout.__main__ import main
from turnout.core.limits import Limit
from turnout.core.spending import Refusal
from turnout.store import BYS, Ledger, last_receipts, lines, set_aside_usd, spent
from turnout.store.branch import branch_of
from turnout.store.queries import spend_by_day

ODD = "/home/caf\udce9"
"""A folder whose name is no UTF-8, as Python has it."""

NAN = float("nan")


@pytest.fixture
def clock() -> Clock:
    """The last day of a month, at noon."""
    return Clock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the ledger is."""
    return tmp_path / "ledger.sqlite"


@pytest.fixture
def ledger(path: Path, clock: Clock) -> Iterator[Ledger]:
    """A ledger."""
    made = Ledger(path, now=clock)
    yield made
    made.close()


async def test_a_day_to_come_takes_nothing_from_today(path: Path, clock: Clock) -> None:
    """What was written while the clock was years ahead fills no day's and no month's budget but its own."""
    ahead = Ledger(path, now=lambda: datetime(2101, 1, 1, 12, tzinfo=UTC))
    ahead.record(receipt("ahead", cost_usd=0.9))
    ahead.flush()
    ledger = Ledger(path, now=clock)
    ledger.flush()
    assert ledger.spent("").month_usd == 0
    assert await ledger.reserve(reservation("a", 0.75), (DAY, Limit(1.0, "month", None, "s"))) is None
    assert ahead.spent_today_usd() == pytest.approx(0.9)
    ledger.close()
    ahead.close()


async def test_a_clock_that_jumps_opens_no_budget_for_good(ledger: Ledger, path: Path, clock: Clock) -> None:
    """Every day has its own dollars, whichever way the clock came to it, and nothing is counted twice or lost."""

    async def spend(name: str) -> Refusal | None:
        refused = await ledger.reserve(reservation(name, 0.75), (DAY,))
        if refused is None:
            ledger.record(receipt(name, cost_usd=0.75))
        return refused

    assert await spend("today") is None
    had_room = []
    for number, days in enumerate((1, -1, -1, 1, 1, -1)):
        clock.now += timedelta(days=days)
        had_room.append(await spend(str(number)) is None)
    assert had_room == [True, False, True, False, False, False]
    ledger.flush()
    assert [line.cost_usd for line in lines(path, "day", "")] == [pytest.approx(0.75)] * 3


async def test_a_request_outlives_a_jump_of_the_clock(ledger: Ledger, path: Path, clock: Clock) -> None:
    """One that another server took for dead is counted once, by what it came to, when it ends after all."""
    assert await ledger.reserve(reservation("a", 0.75), (DAY,)) is None
    clock.now += timedelta(hours=1)
    other = Ledger(path, now=clock)
    assert await other.reserve(reservation("b", 0.75), (DAY,)) is not None
    clock.now -= timedelta(hours=1)
    ledger.record(receipt("a", cost_usd=0.25))
    ledger.flush()
    assert spent(path, "", clock().date()).today_usd == pytest.approx(0.25)
    assert await other.reserve(reservation("c", 0.7), (DAY,)) is None
    other.close()


async def test_a_receipt_that_no_row_takes_costs_itself_alone(ledger: Ledger, path: Path) -> None:
    """The receipt beside it is kept, and the money of the other is still counted by its server."""
    ledger.record(receipt("nan", cost_usd=0.25, total_ms=NAN))
    ledger.record(receipt("huge", cost_usd=0.25, tokens_in=2**70))
    ledger.record(receipt("good", cost_usd=0.25))
    assert await ledger.reserve(reservation("r", 0.1), (DAY,)) is None
    ledger.flush()
    assert [kept["id"] for kept in last_receipts(path, 9)] == ["good"]
    assert ledger.settled("").today_usd == pytest.approx(0.75)


async def test_a_name_that_is_no_text_has_budgets_and_receipts(
    ledger: Ledger, path: Path, clock: Clock
) -> None:
    """A folder with undecodable bytes in its path is one like any other."""
    limit = Limit(0.5, "day", ODD, "budget.workspace_day_usd")
    assert await ledger.reserve(reservation("a", 0.3, workspace=ODD), (limit,)) is None
    refused = await ledger.reserve(reservation("b", 0.3, workspace=ODD), (limit,))
    taken: Any = pytest.approx(0.3)
    assert refused == Refusal(limit, taken)
    ledger.record(receipt("a", cost_usd=0.2, workspace=ODD, outcome=f"failed: {ODD}"))
    assert ledger.spent(ODD).workspace_today_usd > 0
    ledger.flush()
    assert ledger.settled(ODD).workspace_today_usd == pytest.approx(0.2)
    assert spent(path, ODD, clock().date()).workspace_today_usd == pytest.approx(0.2)
    assert [line.name for line in lines(path, "workspace", "")] == ["/home/caf\\udce9"]


@pytest.mark.parametrize("name", ["HEAD", ".git"])
async def test_a_repository_that_never_ends_holds_up_nobody(
    ledger: Ledger, tmp_path: Path, name: str
) -> None:
    """A pipe or a device in place of one of git's files is no branch, and no reason to wait."""
    for number, make in enumerate((os.mkfifo, lambda link: link.symlink_to("/dev/zero"))):
        folder = tmp_path / str(number)
        (folder / ".git").mkdir(parents=True)
        if name == ".git":
            (folder / ".git").rmdir()
        make(folder / ".git" / "HEAD" if name == "HEAD" else folder / ".git")
        assert branch_of(str(folder)) == ""
        assert await ledger.reserve(reservation(str(number), 0.1, workspace=str(folder)), (DAY,)) is None


@pytest.mark.parametrize(
    ("head", "branch"),
    [
        ("ref: refs/heads/" + "x" * 5000, "x" * 200),
        ("ref: refs/heads/a\x1b[31m\nb", "a[31mb"),
        ("ref: refs/heads/été", "été"),
        ("\xff" * 9, "\xff" * 9),
    ],
)
def test_a_branch_is_a_short_name(tmp_path: Path, head: str, branch: str) -> None:
    """Whatever a repository has in its HEAD, what is kept of it is short and can be printed."""
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git/HEAD").write_text(head, "utf-8")
    assert branch_of(str(tmp_path)) == branch


OLD_SCHEMA = """
CREATE TABLE receipts (
  id TEXT PRIMARY KEY, day TEXT NOT NULL, at TEXT NOT NULL, workspace TEXT NOT NULL, kind TEXT NOT NULL, model TEXT,
  leaves_machine INTEGER NOT NULL, bytes_sent INTEGER NOT NULL, tokens_in INTEGER NOT NULL,
  tokens_out INTEGER NOT NULL, tokens_cached INTEGER NOT NULL, cost_usd REAL, total_ms REAL NOT NULL,
  outcome TEXT NOT NULL, receipt TEXT NOT NULL
);
"""


@pytest.mark.parametrize("folder", ["plain", "50%20#1?mode=rw&x=1"])
def test_a_ledger_of_an_older_version_is_read(tmp_path: Path, folder: str, capsys: pytest.CaptureFixture[str],
                                              monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    """What an older version wrote is told before any server of this version has run, and is left as it is."""
    path, now = tmp_path / folder / "ledger.sqlite", datetime.now().astimezone()
    path.parent.mkdir()
    row = (
        "old",
        now.date().isoformat(),
        now.isoformat(),
        "/w",
        "fix",
        "m",
        1,
        1,
        2,
        3,
        0,
        0.5,
        9.0,
        "shown",
        "{}",
    )
    with closing(sqlite3.connect(path)) as old, old:
        old.executescript(OLD_SCHEMA)
        old.execute(f"INSERT INTO receipts VALUES ({','.join('?' * 15)})", row)
    for by in BYS:
        assert sum(line.cost_usd for line in lines(path, by, "")) == pytest.approx(0.5)
    assert spent(path, "/w", now.date()).workspace_today_usd == pytest.approx(0.5)
    assert (set_aside_usd(path), len(spend_by_day(path, "")), len(last_receipts(path, 9))) == (0, 1, 1)
    monkeypatch.setenv("TURNOUT_STATE_DIR", str(path.parent))
    assert main(["ledger"]) == 0
    assert "$0.5000" in capsys.readouterr().out
    with closing(sqlite3.connect(path)) as old:
        assert old.execute("SELECT COUNT(*) FROM sqlite_master WHERE type = 'table'").fetchone() == (1,)


def test_the_days_before_today_are_all_counted(ledger: Ledger, clock: Clock) -> None:
    """A month is everything from its first day to today."""
    for day in range(3):
        ledger.record(receipt(str(day), cost_usd=0.1))
        clock.now -= timedelta(days=1)
    clock.now += timedelta(days=3)
    ledger.flush()
    assert ledger.settled("").month_usd == pytest.approx(0.3)
