"""Rules about paths that must not change, and which paths they are about.

Invariant: a rule covers all that its author may have meant: paths are understood as in a `.gitignore` in the folder of
the instructions and as they are written, without regard to case or to how their accents are encoded.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import PurePosixPath
from unicodedata import normalize

from turnout.core import gitignore
from turnout.core.braces import unbraced


@dataclass(frozen=True, slots=True)
class OffLimits:
    """One path that must not change, or not be removed, as it is written at `line` (from 1) of the instructions."""

    pattern: str
    line: int
    only_removal: bool = False
    """Whether it may be edited, and not be deleted or renamed."""


def forbidding(rules: tuple[OffLimits, ...], path: str, *, removed: bool = False) -> OffLimits | None:
    """The rule that keeps `path` (relative to the folder of the instructions) from being changed, or `removed`."""
    target = PurePosixPath(_spelled(path))
    parts = [*reversed(target.parents[:-1]), target]
    for rule in rules:
        if rule.only_removal and not removed:
            continue
        lines = _lines(_spelled(rule.pattern))
        if any(lines.deciding(part.as_posix(), is_folder=part != target) for part in parts):
            return rule
    return None


def _spelled(path: str) -> str:
    """The one spelling that stands for all those of `path` that a file system may take for the same."""
    return normalize("NFC", normalize("NFC", path).casefold())


@lru_cache(maxsize=4_000)
def _lines(pattern: str) -> gitignore.Lines:
    return gitignore.parse("\n".join(_readings(pattern)))


def _readings(pattern: str) -> Iterator[str]:
    """Lines of a `.gitignore` for all that `pattern` may mean: nobody knows which of them its author had in mind."""
    for written in {pattern, *unbraced(pattern)}:
        start = "\\" if written.startswith(("!", "#")) else ""
        yield start + written
        if "[" in written or "\\" in written:
            yield re.sub(r"([\[\\!#])", r"\\\1", written)
            yield start + written.replace("\\", "/")
