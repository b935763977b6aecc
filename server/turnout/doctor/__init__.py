"""`turnout doctor`: what is installed, what is configured, what works and how fast, and what to do about the rest."""

import logging
from collections.abc import Iterator, Mapping

from turnout.doctor import configuration, engines, repository, system, weights, worker
from turnout.doctor.findings import Case, Check, Finding, Level
from turnout.errors import TurnoutError

__all__ = ["TOPICS", "Case", "Check", "Finding", "Level", "examine"]

logger = logging.getLogger(__name__)

TOPICS: Mapping[str, Check] = {
    "python": system.python,
    "machine": system.machine,
    "gpu": engines.card,
    "engine.llamacpp": engines.llama_cpp,
    "engine.exllamav2": engines.exllama,
    "model": weights.files,
    "model.auto": weights.suited,
    "worker": worker.speed,
    "settings": configuration.settings,
    "routes": configuration.routes,
    "key": configuration.keys,
    "trust": configuration.trust,
    "index": repository.index,
    "directory": system.directories,
    "socket": system.socket,
}
"""What is looked at, in order; whoever adds something to Turnout that can be wrong adds a line here."""


def examine(case: Case, topics: Mapping[str, Check] = TOPICS) -> Iterator[Finding]:
    """The findings of all topics, as they are made."""
    for name, check in topics.items():
        yield from _guarded(name, check, case)


def _guarded(name: str, check: Check, case: Case) -> Iterator[Finding]:
    try:
        yield from check(case)
    except TurnoutError as exc:
        yield Finding(name, "problem", exc.message, exc.advice)
    except OSError as exc:
        advice = "See what is said of the directories."
        yield Finding(name, "problem", f"This could not be checked: {exc}", advice)
    except Exception as exc:
        logger.exception("the check of %s failed", name)
        yield Finding(
            name, "problem", f"This could not be checked: {type(exc).__name__}: {exc}", "Please report it."
        )
