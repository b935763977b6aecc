"""The soak in short: the same editors, kills and verdict as in `make soak`, with the scripted engine."""

import os
import random
import subprocess
import sys
from itertools import islice
from pathlib import Path

import pytest

from bench.recording import Recording
from bench.watch import Memory

TESTS = Path(__file__).parents[1]
SHORT = "--minutes 0.25 --engine fake --editors 4 --kill-every-s 3 --settle-s 4 --pace 0.2 --seed 7"
SOURCE = "\n".join(f"def function_{number}(value: int) -> int:" for number in range(50))


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="only Linux tells who started a process")
def test_a_short_soak_ends_well() -> None:
    """Every request is answered though workers are killed, nothing grows, and no process is left."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.soak", *SHORT.split()],
        env={**os.environ, "PYTHONPATH": str(TESTS)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("all well\n")


def test_a_recording_fits_its_text() -> None:
    """Every event is at a place that exists, and the text that all of them leave is the source's."""
    recording = Recording(SOURCE, seed=3)
    lines = recording.text.split("\n")
    for key in islice(recording.events(), 5000):
        line = lines[key.line]
        assert key.removed <= key.character <= len(line)
        lines[key.line] = line[: key.character - key.removed] + key.text + line[key.character :]
        if key.text and lines[key.line] == SOURCE.split("\n")[key.line]:
            assert "\n".join(lines) == recording.text
    again = Recording(SOURCE, seed=3)
    assert list(islice(again.events(), 100)) == list(islice(Recording(SOURCE, seed=3).events(), 100))


@pytest.mark.parametrize(("step_mb", "grows"), [(0.0, False), (0.01, False), (0.1, True), (-1.0, False)])
def test_growth_is_told_from_noise(step_mb: float, grows: bool) -> None:
    """A few MB up and down are noise; what goes on and on is not."""
    memory, chance = Memory(), random.Random(1)
    for look in range(100):
        memory.add(70 + look * step_mb + chance.uniform(-2, 2))
    assert memory.grows is grows
