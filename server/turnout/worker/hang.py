"""The end of a process whose model does not finish loading, as with a driver that hangs.

The time is kept by a thread that needs no interpreter, as llama.cpp holds it for as long as it loads.
Invariant: a load ends the process only after a whole limit without a sign of life, and then says where it stood.
"""

import faulthandler
from collections.abc import Callable
from pathlib import Path

_LEAST_BYTES_PER_S = 20_000_000
"""What even a slow disk or a network reads."""


def limit_s(least_s: float, weights: Path | None) -> float:
    """How long loading `weights` may say nothing: `least_s`, and the time that a slow disk needs for the file."""
    try:
        size = weights.stat().st_size if weights is not None else 0
    except OSError:
        size = 0  # the engine says what is wrong with it
    return least_s + size / _LEAST_BYTES_PER_S


def watch(limit_s: float) -> Callable[[bool], None]:
    """What a runner tells of a load (see its `on_load`); `limit_s` without a word ends the process with status 1."""

    def heard(going: bool) -> None:
        if going:
            faulthandler.dump_traceback_later(limit_s, exit=True)
        else:
            faulthandler.cancel_dump_traceback_later()

    return heard
