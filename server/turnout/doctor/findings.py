"""What a doctor says: findings, each of which tells its reader what to do.

A topic is a function from the `Case` to findings; `turnout.doctor.TOPICS` is the table of them.
Invariant: a check that fails is a finding of its own and takes no other with it.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from turnout.models.hardware import Machine
    from turnout.settings import Loaded

Level = Literal["ok", "note", "problem"]
"""Fine; worth knowing or improvable; something that does not work."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was found. `facts` are its figures and names for programs, stable across versions."""

    topic: str
    level: Level
    text: str
    advice: str = ""
    facts: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Case:
    """What is examined, how closely, and what every check may look at; `say` tells somebody who waits."""

    folder: Path
    machine: "Machine"
    loaded: "Loaded"
    trusted: bool
    gpu: bool = False
    verify: bool = False
    say: Callable[[str], None] = lambda text: None


Check = Callable[[Case], Iterable[Finding]]
