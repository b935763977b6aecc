"""Whether to ask a model again that failed, and after which pause.

Invariants: never before the time that its provider named, never past the deadline, and never more than `MOST` times.
"""

from turnout.errors import BackendError

MOST = 2
"""Times that one candidate is asked again."""

FIRST_S = 0.5
CAP_S = 8.0
"""Without a word from the provider the pause doubles from the first to the cap."""

SHORT_S = 1.0
"""A pause that is waited out although another candidate could answer: changing the model loses its prompt cache."""

LONGEST_S = 60.0
"""Whoever asks for more is not waited for."""


def pause_s(
    error: BackendError, failures: int, *, others: bool, left_s: float | None, chance: float
) -> float | None:
    """Seconds until the same model is asked again; None where it is not.

    `failures` counts those of this model, this one included; `others` says that another candidate could answer.
    `left_s` is what the deadline leaves, None without one; `chance`, from 0 to 1, spreads those who failed together.
    """
    if error.remedy != "retry" or failures > MOST:
        return None
    told_s = error.retry_after_s
    if others and (failures > 1 or told_s is None or told_s > SHORT_S):
        return None
    if told_s is None:
        pause = min(CAP_S, FIRST_S * 2.0 ** (failures - 1)) * (1 + chance) / 2
    else:
        pause = told_s + FIRST_S * chance / 2
    if pause > LONGEST_S or (left_s is not None and pause >= left_s):
        return None
    return pause
