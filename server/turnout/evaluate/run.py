"""One evaluation: repositories, holes in their files, an index beside each, and a model that fills the holes.

Invariants: whatever ends it, what was measured until then is kept; holes are filled in an order in which those filled
so far are at any time a fair sample of all.
"""

import asyncio
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeVar

from turnout.core.fim.layout import Window
from turnout.core.languages import language_of
from turnout.core.models import Model
from turnout.core.repository import Repository
from turnout.errors import FileUnusable, PathRefused, RequestRejected
from turnout.evaluate.cutting import Gap, HoleKind, Source, cut
from turnout.evaluate.keeping import Asked, Kept
from turnout.evaluate.pipeline import Local, Pipeline, ask_every_way
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


@dataclass(frozen=True, slots=True)
class Site:
    """A repository to measure in: its name, its index, and the holes that `seed` made in its files."""

    name: str
    index: Repository
    gaps: Sequence[Gap]
    seed: int


@dataclass(slots=True)
class Progress:
    """The holes that are filled so far, of `of`; `changed` is called with every one more.

    `known` of them were filled by an earlier run.
    """

    of: int = 0
    done: list[Filled] = field(default_factory=list)
    known: int = 0
    changed: Callable[[], None] = lambda: None


_Item = TypeVar("_Item")


def interleaved(groups: Sequence[Sequence[_Item]]) -> list[_Item]:
    """All items, each group's in its order and spread evenly over the whole."""
    places = [
        ((at + 0.5) / len(group), number, item)
        for number, group in enumerate(groups)
        for at, item in enumerate(group)
    ]
    return [item for _, _, item in sorted(places, key=lambda place: place[:2])]


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
    gaps = interleaved(
        [
            cut(sources, kind, count, wanted.seed, syntax)
            for kind, count in zip(wanted.kinds, counts, strict=True)
        ]
    )
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
    sites: Sequence[Site],
    progress: Progress,
    kept: Kept | None = None,
) -> None:
    """Fill all holes but those in `kept`; `progress` has every one, also where this ends early."""
    pipelines = [Pipeline(local, model, window, max_tokens=96, repository=site.index) for site in sites]
    holes = interleaved([[(at, gap) for gap in site.gaps] for at, site in enumerate(sites)])
    progress.of = len(holes)
    for number, (at, gap) in enumerate(holes):
        asked = Asked(sites[at].name, sites[at].seed, model.model, window)
        hole = kept.find(asked, gap) if kept is not None else None
        if hole is not None:
            progress.known += 1
        else:
            hole = filled(gap, await ask_every_way(pipelines[at], gap, number))
            if kept is not None:
                kept.add(asked, hole)
        progress.done.append(hole)
        progress.changed()


def run(
    local: Callable[[], "Closing"],
    model: Model,
    window: Window,
    sites: Sequence[Site],
    progress: Progress,
    kept: Kept | None = None,
) -> bool:
    """`measure` from a thread without an event loop; False where the user broke it off."""

    async def within() -> None:
        backend = local()
        try:
            await measure(backend, model, window, sites, progress, kept)
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
