"""What is about to be committed, as data."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StagedFile:
    """One file of a commit to come; `old_path` is empty unless it was renamed, lines are None for what is not text."""

    path: str
    old_path: str
    added: int | None
    removed: int | None
    diff: str

    @property
    def line(self) -> str:
        """It in one line: how much changes, and where."""
        count = "binary" if self.added is None else f"+{self.added} -{self.removed}"
        return f"{count} {f'{self.old_path} -> ' if self.old_path else ''}{self.path}"


@dataclass(frozen=True, slots=True)
class Staged:
    """The staged files of the repository at `root`, and the subjects of its last commits, newest first."""

    root: str
    files: tuple[StagedFile, ...]
    subjects: tuple[str, ...]
