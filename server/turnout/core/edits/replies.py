"""What a model's reply asks for, whatever format it was written in."""

import re
from dataclasses import dataclass, field

_REASON = r"(?:because|since|as(?!\s+(?:far|for|long|of|to)\b))\b"
_NOTHING = re.compile(rf"\W*nothing to change\b(?:(?![^\S\n]*\w)|[^\S\n]+{_REASON})", re.IGNORECASE)
_MARKS = ("<<<<<", ">>>>>", "*** ", "```", "~~~")
"""What stands in every answer with an edit."""


@dataclass(frozen=True, slots=True)
class Replace:
    """Put `replace` in the place of the lines `search`; no search lines mean a new file. Lines have no endings."""

    number: int
    path: str
    search: tuple[str, ...]
    replace: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Write:
    """The whole text that a file is to have."""

    number: int
    path: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Delete:
    """Remove a file."""

    number: int
    path: str


@dataclass(frozen=True, slots=True)
class Rename:
    """Move a file."""

    number: int
    path: str
    new_path: str


Step = Replace | Write | Delete | Rename


@dataclass(frozen=True, slots=True)
class Reply:
    """The prose in front of the first step, and the steps, numbered from 1 in the order written."""

    plan: str
    steps: tuple[Step, ...] = field(default=())


def has_edits(text: str) -> bool:
    """Whether an answer has anything that might be an edit, of whatever form and however broken."""
    return any(mark in text for mark in _MARKS)


def is_nothing(text: str) -> bool:
    """Whether an answer says, as a model is told to, that nothing is to be done, and has no edit.

    Its first or last line with text begins with those words. Words that go on behind them ("nothing to change in b.py")
    say less than that, but for those that give the reason.
    """
    last = text.rstrip().rpartition("\n")[2]
    return any(map(_NOTHING.match, (text, last))) and not has_edits(text)
