"""`turnout eval completions`: the whole way, with the fake engine in the real model process and the real index."""

import json
import subprocess
from collections.abc import Callable

import pytest

from support.home import TURNOUT, Home

Run = Callable[..., "subprocess.CompletedProcess[str]"]

SHOP = """\
import os

RATE = 2


def price(order):
    total = sum(line.amount for line in order.lines)
    hello_from_fake(42)
    return total * RATE


def bill(order, customer):
    paid = customer.pay(price(order))
    customer.receipts.append(paid)
    return paid
"""


@pytest.fixture
def evaluate(home: Home) -> Run:
    """Runs `turnout eval completions` in the workspace."""

    def run(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [TURNOUT, "eval", "completions", *arguments], cwd=home.work, stdin=subprocess.DEVNULL,
            env=home.environment(COLUMNS="120", **environment), capture_output=True, text=True, timeout=120,
            check=False,
        )  # fmt: skip

    return run


def test_a_report_for_people(home: Home, evaluate: Run) -> None:
    """Figures on stdout, progress on stderr, every hole in the file, and a word on how little so few of them say."""
    home.write("shop.py", SHOP)
    home.write("lib/other.py", SHOP.replace("price", "cost"))
    done = evaluate("--holes", "4", "--kind", "both", "--keep", "filled.jsonl")
    assert done.returncode == 0, done.stderr
    assert len((home.work / "filled.jsonl").read_text().splitlines()) == 4
    assert "4 of 4 holes" in done.stderr
    for said in (
        "qwen2.5-coder-0.5b, seed 1",
        "with repository context",
        "plain PSM",
        "python: 4 holes",
        "are few",
    ):
        assert said in done.stdout


def test_everything_as_json(home: Home, evaluate: Run) -> None:
    """The same holes and answers for the same seed, and the room that was asked for; none where nobody may read."""
    home.write("shop.py", SHOP)
    home.write("kept/.turnout.toml", '[privacy]\nnever_read = ["*.py"]\n')
    for number in range(9):
        home.write(f"kept/{number}.py", SHOP)
    asked = ("--holes", "3", "--seed", "5", "--tokens", "500", "--json")
    first, again = (json.loads(evaluate(*asked).stdout) for _ in range(2))
    assert (first["seed"], first["asked"], first["complete"]) == (5, 3, True)
    assert sum(first["window"].values()) == pytest.approx(500 * 3.2, abs=3)
    assert first["holes"] == again["holes"]
    assert first["summary"]["all"]["holes"] == 3
    for hole in first["holes"]:
        assert hole["path"] == "shop.py"
        assert hole["answers"].keys() == {"context", "bare", "plain"}
        line = SHOP.split("\n")[hole["line"] - 1]
        assert line[hole["column"] - 1 :].startswith(hole["truth"])


@pytest.mark.parametrize(
    ("arguments", "environment", "message"),
    [
        (("--language", "rust"), {}, "There are no files to cut holes in"),
        ((), {"TURNOUT_ENGINE": "llamacpp"}, "turnout models pull"),
        (("--model", "nonsense"), {"TURNOUT_ENGINE": "llamacpp"}, "nonsense"),
        (("--model", "opus"), {}, "over the network"),
    ],
    ids=["no files", "no weights", "no such model", "remote"],
)
def test_what_cannot_be_measured_is_said(
    home: Home, evaluate: Run, arguments: tuple[str, ...], environment: dict[str, str], message: str
) -> None:
    """In a sentence, before anything is started."""
    home.write("shop.py", SHOP)
    failed = evaluate(*arguments, **environment)
    assert failed.returncode == 1
    assert message in failed.stderr
    assert "Traceback" not in failed.stderr
    assert failed.stdout == ""
