"""A process that is killed in the middle of a transaction leaves files that the next one brings to one side."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
POINTS = ("0.45", "0.6", "0.75", "0.85", "0.95")
"""How far through; before the first third, nothing but the journal has been read. `make bench` takes 200 at random."""


@pytest.mark.skipif(sys.platform == "win32", reason="forks and SIGKILL")
@pytest.mark.parametrize("action", ["apply", "undo"])
@pytest.mark.parametrize("kind", ["disk", "editor"])
def test_every_file_is_fully_before_or_fully_after(tmp_path: Path, kind: str, action: str) -> None:
    """Killed anywhere, the whole tree is one of the two after a new start, nothing is left over, and one can go on."""
    done = subprocess.run(
        [sys.executable, "-m", "support.crash", str(tmp_path), kind, action, *POINTS],
        env={**os.environ, "PYTHONPATH": os.pathsep.join((str(TESTS), os.environ.get("PYTHONPATH", "")))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    attempts = json.loads(done.stdout)
    assert len(attempts) == len(POINTS)
    for attempt in attempts:
        assert attempt["killed"], attempt
        assert attempt["side"] in ("before", "after"), attempt
        assert attempt["goes_on"], attempt
    assert any(attempt["said"] for attempt in attempts)
