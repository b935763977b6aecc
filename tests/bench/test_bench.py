"""The benchmark runs: nothing here looks at a figure."""

import json
import os
import subprocess
import sys
from pathlib import Path

from bench.report import Row, table

TESTS = Path(__file__).parents[1]


def test_every_measurement_runs() -> None:
    """With a handful of rounds, every figure comes out, with its baseline where it has one."""
    done = subprocess.run(
        [sys.executable, "-m", "bench", "--tiny", "--json"],
        env={**os.environ, "PYTHONPATH": str(TESTS)},
        capture_output=True,
        text=True,
        check=False,
    )
    rows = json.loads(done.stdout)
    assert len(rows) == 24, done.stderr
    assert all(row["ours"] >= 0 for row in rows)
    assert {row["against"] for row in rows} == {
        "",
        "bare pygls",
        "echo process",
        "a plain loop of the same median",
        "the next model asked at once",
    }


def test_a_row_says_over_and_fails_only_far_beyond() -> None:
    """The verdict is about the limit, the exit status about what a busy machine cannot explain."""
    near = Row("figure", "ms", 11.0, 10.0, "baseline", 1.05, "ratio", fails_over=1.5)
    assert (near.verdict, near.failed) == ("OVER", False)
    assert (Row("figure", "ms", 16.0, 10.0, "baseline", 1.05, "ratio", fails_over=1.5)).failed
    assert Row("figure", "ms", 39.0, 10.0, "baseline", 30.0, "difference").verdict == "ok"
    assert Row("figure", "ms", 41.0, 10.0, "baseline", 30.0, "difference").verdict == "OVER"
    assert table([near]).splitlines()[-1].split() == [
        "figure", "11.0", "ms", "10.0", "ms", "baseline", "1.10", "ratio", "<=", "1.05", "OVER",
    ]  # fmt: skip
