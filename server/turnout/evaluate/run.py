"""One evaluation: the files of a folder, holes in them, an index beside them, and a model that fills the holes.

Invariant: whatever ends it, what was measured until then is kept.
"""

import asyncio
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from turnout.core.fim.layout import Window
from turnout.core.languages import language_of
from turnout.core.repository import Repository
from turnout.core.requests import Model
from turnout.errors import FileUnusable, PathRefused, RequestRejected
from turnout.evaluate.arms import Arm
from turnout.evaluate.cutting import Gap, HoleKind, Source, cut
from turnout.evaluate.pipeline import Answered, Local, Pipeline, ask_all
from turnout.evaluate.report import Filled, filled
from turnout.files import Folder
from turnout.syntax import bodies as syntax

KINDS: dict[str, tuple[HoleKind, ...]] = {"line": ("line",), "block": ("block",), "both": ("line", "block")}
"""Kinds of holes by the word for them."""

NO_CODE = frozenset({"plaintext", "markdown", "json", "toml", "yaml", "html", "css"})
"""Languages that are left out unless they are asked for by name."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to measure: how many holes of each kind, in which languages; no language stands for all code."""

    holes: int
    seed: int
    kinds: tuple[HoleKind, ...] = ("line",)
    languages: Collection[str] = ()


@dataclass(slots=True)
class Progress:
    """The holes that are filled so far, of `of`; `changed` is called with every one more."""

    of: int = 0
    done: list[Filled] = field(default_factory=list)
    changed: Callable[[], None] = lambda: None


def find_holes(root: Path, wanted: Wanted, may_read: Callable[[str], bool]) -> list[Gap]:
    """Holes in the files below `root` that ignore rules and `may_read` allow; raises RequestRejected where none are."""
    sources = list(_sources(root, wanted.languages, may_read))
    if not sources:
        raise RequestRejected(
            f"There are no files to cut holes in below {root}.",
            advice="Files that ignore rules or settings keep away, and those without code, do not count.",
        )
    each = -(-wanted.holes // len(wanted.kinds))
    counts = [min(each, wanted.holes - at * each) for at in range(len(wanted.kinds))]
    gaps = [
        gap
        for kind, count in zip(wanted.kinds, counts, strict=True)
        for gap in cut(sources, kind, count, wanted.seed, syntax)
    ]
    if not gaps:
        raise RequestRejected(
            f"The {len(sources)} files below {root} have no place for a hole.",
            advice="A hole needs some lines of code before it.",
        )
    return gaps


def _sources(root: Path, languages: Collection[str], may_read: Callable[[str], bool]) -> Iterator[Source]:
    folder = Folder(root)
    for path in folder.paths():
        language = language_of(path)
        if (language not in languages) if languages else (language in NO_CODE):
            continue
        try:
            text = folder.read(path) if may_read(path) else None
        except (FileUnusable, PathRefused):
            continue
        if text:
            yield Source(path, language, text)


async def measure(
    local: Local,
    model: Model,
    window: Window,
    repository: Repository,
    gaps: Sequence[Gap],
    progress: Progress,
) -> None:
    """Fill all holes; `progress` has every one that is filled, also where this ends early."""
    pipeline = Pipeline(local, model, window, max_tokens=96, repository=repository)
    progress.of = len(gaps)

    def heard(number: int, answers: dict[Arm, Answered]) -> None:
        progress.done.append(filled(gaps[number], answers))
        progress.changed()

    await ask_all(pipeline, gaps, heard)


def run(
    local: Callable[[], "Closing"],
    model: Model,
    window: Window,
    repository: Repository,
    gaps: Sequence[Gap],
    progress: Progress,
) -> bool:
    """`measure` from a thread without an event loop; False where the user broke it off."""

    async def within() -> None:
        backend = local()
        try:
            await measure(backend, model, window, repository, gaps, progress)
        finally:
            await backend.close()

    try:
        asyncio.run(within())
    except KeyboardInterrupt:
        return False
    return True


class Closing(Local, Protocol):
    """Models of this machine that are let go of at the end."""

    async def close(self) -> None:
        """Let go of them."""
