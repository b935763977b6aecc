"""What a model's reply asks for, whatever format it was written in."""

from dataclasses import dataclass, field


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
