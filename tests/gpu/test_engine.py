"""The GPU engine with the real 0.5B model on a real NVIDIA GPU: the checks of `make bench-gpu`.

In a process of their own, since elsewhere in a test run a stand-in takes the place of the compiled extension.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.real_model import real_model_path

pytestmark = [pytest.mark.gpu, pytest.mark.real_model]

_PROBLEM = "from turnout.worker.engines import prepared; print(prepared.state().problem)"
_TIME_LIMIT_S = 600


@pytest.fixture
def gpu() -> None:
    """Skip where there is no GPU, or no engine for it."""
    asked = subprocess.run([sys.executable, "-c", _PROBLEM], capture_output=True, text=True, check=True)
    if problem := asked.stdout.strip():
        pytest.skip(f"{problem} (`turnout doctor --gpu` says more)")
    pytest.importorskip("gguf", reason="gguf converts the real model: pip install --no-deps gguf")


def test_the_gpu_is_right(gpu: None, tmp_path: Path) -> None:
    """Attention, tokens and holes as in the reference; prompts reused, stopped and superseded."""
    command = [sys.executable, "-m", "bench.gpu", "--models", "", "--gguf", real_model_path()]
    done = subprocess.run(
        [*command, "--work", str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
        capture_output=True,
        text=True,
        check=False,
        timeout=_TIME_LIMIT_S,
    )
    assert done.returncode == 0, done.stdout + done.stderr
