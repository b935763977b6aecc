"""`turnout ledger`: sums that add up, whatever they are told apart by, in three forms."""

import csv
import io
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from support.ledger_kit import Clock, receipt
from turnout.__main__ import main
from turnout.commands import ledger as command
from turnout.core.receipts import Send
from turnout.errors import SettingsError
from turnout.store import BYS, Ledger
from turnout.store.branch import branch_of
from turnout.store.environment import environment_of
from turnout.store.retention import KEEP_DAYS, KEEP_FREE_COMPLETIONS_DAYS, SETTLED_DAYS

OPUS = Send("opus", "api.anthropic.com", 400, 100, 5, 0, 0.25, estimated=True)
GLM = Send("glm", "api.z.ai", 400, 90, 20, 50, 0.05, estimated=False)


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A ledger of a day's work in two folders, one of them a git repository."""
    monkeypatch.setenv("TURNOUT_STATE_DIR", str(tmp_path))
    for variable in ("CI", "GITHUB_ACTIONS"):
        monkeypatch.delenv(variable, raising=False)
    git = tmp_path / "repo" / ".git"
    git.mkdir(parents=True)
    (git / "HEAD").write_text("ref: refs/heads/feature/x\n", "utf-8")
    repo = str(tmp_path / "repo")
    book = Ledger(tmp_path / "ledger.sqlite")
    book.record(receipt("a", cost_usd=0.3, sends=(OPUS, GLM), model="glm", workspace=repo, estimated=True,
                        tokens_in=190, tokens_out=25, tokens_cached=50))  # fmt: skip
    book.record(
        receipt("b", cost_usd=0.05, sends=(GLM,), model="glm", tokens_in=90, tokens_out=20, tokens_cached=50)
    )
    near = Send("near", "local", 10, 5, 1, 0, 0.0, estimated=False)
    for number in range(3):
        outcome = "failed: it broke" if number else "shown"
        book.record(receipt(f"k{number}", kind="inline", model="near", sends=(near,), cost_usd=0.0, outcome=outcome,
                            leaves_machine=False, tokens_in=5, tokens_out=1))  # fmt: skip
    book.record(receipt("u", kind="fix", model="house", cost_usd=None))
    book.close()
    return tmp_path


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """What the command prints."""
    assert main(["ledger", *arguments]) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("by", BYS)
def test_every_view_has_the_same_sum(by: str, state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Money and tokens are neither lost nor doubled by a request that went to two models."""
    rows = json.loads(printed(capsys, "--by", by, "--json"))["rows"]
    assert sum(row["cost_usd"] for row in rows) == pytest.approx(0.35)
    assert sum(row["estimated_usd"] for row in rows) == pytest.approx(0.25)
    assert sum(row["tokens_in"] for row in rows) == 190 + 90 + 15 + 100
    assert sum(row["unpriced"] for row in rows) == 1


def test_money_is_put_down_to_whom_it_was_paid(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A model that was tried first and broke has its own share, under its own provider."""
    rows = {row["name"]: row for row in json.loads(printed(capsys, "--by", "provider", "--json"))["rows"]}
    assert rows["api.anthropic.com"]["cost_usd"] == pytest.approx(0.25)
    assert rows["api.z.ai"]["cost_usd"] == pytest.approx(0.1)
    assert (rows["api.z.ai"]["requests"], rows["local"]["requests"], rows["local"]["failed"]) == (2, 3, 2)
    branches = {
        row["name"]: row["requests"]
        for row in json.loads(printed(capsys, "--by", "branch", "--json"))["rows"]
    }
    assert branches == {"feature/x": 1, "": 5}


def test_a_table_for_people(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Dearest first, aligned, with a total, and saying what is not exact."""
    lines = printed(capsys).splitlines()
    assert lines[0].split() == [
        "model",
        "requests",
        "failed",
        "sent",
        "away",
        "tokens",
        "in",
        "cached",
        "out",
        "cost",
    ]
    assert [line.split()[0] for line in lines[2:]] == ["opus", "glm", "near", "house", "total"]
    assert "$0.2500 of it estimated" in lines[2]
    assert "1 at an unknown price" in lines[5]
    assert "$0.3500" in lines[-1]
    assert max(map(len, lines)) < 140


def test_comma_separated_values(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """For spreadsheets: one heading, then one row for each name."""
    rows = list(csv.DictReader(io.StringIO(printed(capsys, "--by", "kind", "--csv"))))
    assert {row["kind"]: row["requests"] for row in rows} == {"refactor": "2", "inline": "3", "fix": "1"}


def test_nothing_yet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a ledger there is nothing to tell, which is no error; one that is broken is."""
    monkeypatch.setenv("TURNOUT_STATE_DIR", str(tmp_path))
    assert printed(capsys, "--since", "today").startswith("No requests since ")
    (tmp_path / "ledger.sqlite").write_bytes(b"not a database" * 500)
    assert main(["ledger"]) == 1
    assert "cannot be read" in capsys.readouterr().err


NOW = datetime(2026, 3, 31, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "since"),
    [
        ("24h", "2026-03-30T12:00:00.000+00:00"),
        ("7d", "2026-03-24T12:00:00.000+00:00"),
        ("2w", "2026-03-17T12:00:00.000+00:00"),
        ("today", "2026-03-31"),
        ("month", "2026-03-01"),
        ("2026-02-28", "2026-02-28"),
    ],
)
def test_times(text: str, since: str) -> None:
    """A span back from now, the beginning of the day or month, or a day."""
    assert command.since_to_iso(text, NOW) == since


@pytest.mark.parametrize("text", ["", "d", "-1d", "7 days", "2026-02-30", "99999999d"])
def test_what_is_no_time(text: str) -> None:
    """The message says what is one."""
    with pytest.raises(SettingsError, match="Say 24h"):
        command.since_to_iso(text, NOW)


def test_branches(tmp_path: Path) -> None:
    """Read from the files of git: of a folder inside, of a worktree, of a commit without a branch; and of none."""
    inner = tmp_path / "repo" / "src" / "deep"
    inner.mkdir(parents=True)
    git = tmp_path / "repo" / ".git"
    (git / "worktrees" / "w").mkdir(parents=True)
    (git / "HEAD").write_text("ref: refs/heads/main\n", "utf-8")
    assert branch_of(str(inner)) == "main"
    (git / "worktrees" / "w" / "HEAD").write_text("0123456789abcdef0123\n", "utf-8")
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / ".git").write_text(f"gitdir: {git / 'worktrees' / 'w'}\n", "utf-8")
    assert branch_of(str(tree)) == "0123456789ab"
    (tree / ".git").write_text("nonsense \x00", "utf-8")
    assert [branch_of(str(tree)), branch_of(""), branch_of(str(tmp_path / "absent"))] == ["", "", ""]


@pytest.mark.parametrize(
    ("variables", "name"),
    [
        ({}, "interactive"),
        ({"CI": "false"}, "interactive"),
        ({"CI": "true"}, "ci"),
        ({"CI": "1", "GITHUB_ACTIONS": "true"}, "github-actions"),
        ({"JENKINS_URL": "http://ci"}, "jenkins"),
    ],
)
def test_environments(variables: dict[str, str], name: str) -> None:
    """A run in CI is visible apart."""
    assert environment_of(variables) == name


def test_what_is_too_old_goes(tmp_path: Path) -> None:
    """Money is kept for more than a year, keystrokes for a season, and nothing that is young is touched."""
    clock, path = Clock(), tmp_path / "ledger.sqlite"
    book = Ledger(path, now=clock)
    for kind, cost_usd in (("inline", 0.0), ("inline", 0.01), ("refactor", 0.0)):
        book.record(receipt(f"{kind} {cost_usd}", kind=kind, cost_usd=cost_usd, leaves_machine=cost_usd > 0))
    book.close()
    left = []
    for days in (KEEP_FREE_COMPLETIONS_DAYS, 1, KEEP_DAYS):
        clock.forward(days=days)
        _use(path, clock, days=SETTLED_DAYS)
        book = Ledger(path, now=clock)
        found = [row["id"] for row in book.last(100)]
        left.append(sum(not name.startswith("use") for name in found))
        book.close()
        clock.forward(days=-SETTLED_DAYS + 1)
    assert left == [3, 2, 0]


@pytest.mark.parametrize("days", [KEEP_DAYS + 1, 10 * KEEP_DAYS, -KEEP_DAYS - 1])
def test_a_clock_that_jumps_makes_nothing_old(tmp_path: Path, days: int) -> None:
    """Servers that start and work while the clock is wrong delete nothing, and no budget is open again after it."""
    clock, path = Clock(), tmp_path / "ledger.sqlite"
    _use(path, clock, days=SETTLED_DAYS)
    book = Ledger(path, now=clock)
    book.record(receipt("paid", cost_usd=0.9))
    book.record(receipt("free", kind="inline", cost_usd=0.0, leaves_machine=False))
    book.close()
    clock.forward(days=days)
    for _ in range(2):
        _use(path, clock, days=SETTLED_DAYS // 2 - 1)
    clock.forward(days=-days - 2 * (SETTLED_DAYS // 2 - 2))
    book = Ledger(path, now=clock)
    book.flush()
    assert book.spent_today_usd() == pytest.approx(0.9)
    assert {"paid", "free"} <= {row["id"] for row in book.last(100)}
    book.close()


def _use(path: Path, clock: Clock, days: int) -> None:
    """Record something on each of so many days, the last of which it then is."""
    book = Ledger(path, now=clock)
    for number in range(days):
        clock.forward(days=1 if number else 0)
        book.record(receipt(f"use {clock.now.isoformat()}", cost_usd=0.0))
    book.close()
