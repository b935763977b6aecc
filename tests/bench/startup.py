"""From starting the process to the answer to `initialize`: what an editor waits for before anything else."""

import statistics
import time
from collections.abc import Mapping, Sequence

from bench.report import Row
from bench.session import Session, bare_command, fresh_environment, turnout_command

MORE_MS = 30.0
FAILS_MORE_MS = 150.0


def measure(rounds: int) -> list[Row]:
    """Start both servers in turn, `rounds` times each."""
    ours: list[float] = []
    bare: list[float] = []
    with fresh_environment() as environment:
        _start(turnout_command(), environment)  # writes the .pyc files
        _start(bare_command(), environment)
        for _ in range(rounds):
            bare.append(_start(bare_command(), environment))
            ours.append(_start(turnout_command(), environment))
    return [
        Row(
            "start to initialize response, median",
            "ms",
            statistics.median(ours),
            statistics.median(bare),
            "bare pygls",
            limit=MORE_MS,
            judged="difference",
            fails_over=FAILS_MORE_MS,
        ),
        Row("start to initialize response, best", "ms", min(ours), min(bare), "bare pygls"),
    ]


def _start(command: Sequence[str], environment: Mapping[str, str]) -> float:
    began = time.perf_counter()
    with Session(command, environment) as session:
        session.initialize()
        return (time.perf_counter() - began) * 1000
