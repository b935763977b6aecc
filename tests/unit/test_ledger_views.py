"""`turnout ledger --by model` and its like: a request counts once, at the one that answered it."""

import json
import sqlite3
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from support.ledger_kit import receipt
from turnout.__main__ import main
from turnout.core.receipts import Receipt, Send
from turnout.store import BYS, By, Ledger, Line, lines

FAR = Send("far", "far.example", 400, 100, 5, 0, 0.25, estimated=True, leaves_machine=True)
OTHER = Send("other", "other.example", 400, 90, 20, 0, 0.05, estimated=False, leaves_machine=True)
NEAR = Send("near", "local", 400, 80, 10, 0, 0.0, estimated=False)
LOOP = Send("loop", "127.0.0.1:11434", 400, 70, 10, 0, 0.0, estimated=False)
FREE = replace(FAR, cost_usd=0.0)
UNPRICED = replace(FAR, cost_usd=None)


def of(receipt_id: str, *sends: Send, model: str | None, outcome: str = "answered") -> Receipt:
    """A receipt that sums `sends` up."""
    costs = [send.cost_usd for send in sends]
    return receipt(
        receipt_id,
        sends=sends,
        model=model,
        outcome=outcome,
        leaves_machine=any(send.leaves_machine for send in sends),
        tokens_in=sum(send.tokens_in for send in sends),
        tokens_out=sum(send.tokens_out for send in sends),
        cost_usd=None if None in costs else sum(cost or 0.0 for cost in costs),
    )


def told(path: Path, by: By, *receipts: Receipt) -> dict[str, Line]:
    """The lines of a ledger of `receipts`, by name."""
    book = Ledger(path)
    for one in receipts:
        book.record(one)
    book.close()
    return {line.name: line for line in lines(path, by, "")}


def shape(line: Line) -> tuple[int, int, int, float]:
    """What most rows here are about."""
    return line.requests, line.failed, line.left_machine, line.cost_usd


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (of("a", FAR, NEAR, model="near"), {"far": (0, 0, 1, 0.25), "near": (1, 0, 0, 0.0)}),
        (of("a", FREE, NEAR, model="near"), {"near": (1, 0, 0, 0.0)}),
        (of("a", UNPRICED, NEAR, model="near"), {"far": (0, 0, 1, 0.0), "near": (1, 0, 0, 0.0)}),
        (of("a", FAR, LOOP, model="loop"), {"far": (0, 0, 1, 0.25), "loop": (1, 0, 0, 0.0)}),
        (of("a", FAR, FAR, model="far"), {"far": (1, 0, 1, 0.5)}),
        (of("a", FAR, OTHER, model="other"), {"far": (0, 0, 1, 0.25), "other": (1, 0, 1, 0.05)}),
        (
            of("a", FAR, model="near", outcome="failed: no worker"),
            {"far": (0, 0, 1, 0.25), "near": (1, 1, 0, 0.0)},
        ),
        (of("a", FAR, OTHER, model="other", outcome="late: x"), {"far": (0, 0, 1, 0.25), "other": (1, 1, 1, 0.05)}),
        (of("a", model="far", outcome="failed: refused"), {"far": (1, 1, 0, 0.0)}),
        (of("a", model=None, outcome="failed: no model"), {"": (1, 1, 0, 0.0)}),
        (of("a", NEAR, model="near"), {"near": (1, 0, 0, 0.0)}),
    ],
    ids=[
        "fell back", "for nothing", "at an unknown price", "to a loopback server", "asked again", "both elsewhere",
        "ended where text never got", "late", "never sent", "no model", "local",
    ],
)  # fmt: skip
def test_by_model(tmp_path: Path, made: Receipt, expected: dict[str, tuple[int, int, int, float]]) -> None:
    """Tries before the answer show where they cost something, and as no request; only what left is said to have."""
    found = told(tmp_path / "ledger.sqlite", "model", made)
    assert {name: shape(line) for name, line in found.items()} == {
        name: (*row[:3], pytest.approx(row[3])) for name, row in expected.items()
    }


@pytest.mark.parametrize("by", BYS)
def test_requests_and_money_have_the_same_sum_in_every_view(tmp_path: Path, by: By) -> None:
    """Whoever tells them apart."""
    made = [
        of("a", FAR, NEAR, model="near"),
        of("b", FAR, OTHER, model="other"),
        of("c", FAR, FAR, model="far", outcome="failed: x"),
        of("d", NEAR, model="near"),
        of("e", FAR, model="near", outcome="failed: x"),
    ]
    found = told(tmp_path / "ledger.sqlite", by, *made).values()
    assert sum(line.requests for line in found) == 5
    assert sum(line.failed for line in found) == 2
    assert sum(line.cost_usd for line in found) == pytest.approx(0.25 + 0.3 + 0.5 + 0.25)
    assert sum(line.tokens_in for line in found) == 180 + 190 + 200 + 80 + 100


def test_a_ledger_of_an_older_version(tmp_path: Path) -> None:
    """It did not say which tries left the machine: local ones did not, nor those of a request that stayed."""
    path = tmp_path / "ledger.sqlite"
    told(path, "model", of("a", FAR, NEAR, model="near"), of("b", LOOP, NEAR, model="near"))
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DROP TABLE sends_away")
    found = {line.name: line.left_machine for line in lines(path, "model", "")}
    assert found == {"far": 1, "near": 0}


def test_the_table_says_what_stayed_and_what_was_only_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And its total counts a request that left for two models once."""
    monkeypatch.setenv("TURNOUT_STATE_DIR", str(tmp_path))
    path = tmp_path / "ledger.sqlite"
    tiny = replace(FAR, cost_usd=0.0000123)
    told(path, "model", of("a", tiny, OTHER, model="other"), of("b", NEAR, model="near"))
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("INSERT INTO overspent VALUES ('a', '$1.00 a day', 'config.toml:2', '')")
    assert main(["ledger"]) == 0
    rows = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert "on this machine" in rows["near"]
    assert "on this machine" not in rows["far"] + rows["other"] + rows["total"]
    assert "tried before another one answered" in rows["far"]
    assert "$0.0000123" in rows["far"]
    assert "$0.0500 over a budget, as you allowed" in rows["other"]
    assert rows["total"].split()[1:3] == ["2", "1"]
    assert main(["ledger", "--by", "kind"]) == 0
    assert "on this machine" not in capsys.readouterr().out
    assert main(["ledger", "--json"]) == 0
    [row] = [row for row in json.loads(capsys.readouterr().out)["rows"] if row["name"] == "other"]
    assert row == asdict(next(line for line in lines(path, "model", "") if line.name == "other"))
    assert row["overspent_usd"] == pytest.approx(0.05)
