"""The indexes of the editor's folders: opened with the settings, brought up to date when files change.

Invariants: nothing here waits for an index, and the event loop looks at no disk; a folder's index is built when the
editor has come to rest, and what is found in it from last time counts until then; what goes wrong is said once.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from turnout.core.repository import Repository
from turnout.errors import PathRefused
from turnout.files import path_to_uri, uri_to_path
from turnout.ignores import AI_FILES
from turnout.session.editor import Editor

if TYPE_CHECKING:
    from turnout.settings import Loaded

logger = logging.getLogger(__name__)

SETTLE_S = 2.0
"""How long after its settings were read a folder is left alone: an editor that starts has better things to do."""
SHOW_AFTER_S = 1.0
"""Building that takes no longer is not shown."""
LOOK_AGAIN_S = 60.0
"""How often a whole folder is looked at on saves, for an editor that does not watch files."""
MANY_CHANGES = 500
"""More changes than this are not taken one by one: a checkout, or an installation."""

_RULE_FILES = frozenset({".gitignore", ".turnout.toml", *AI_FILES})


class Index(Repository, Protocol):
    """A repository that can be told what changed; everything returns at once, `close` apart."""

    def build(self) -> None: ...
    def update(self, paths: Sequence[str]) -> None: ...
    def stop(self) -> None: ...
    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Chosen:
    """What the settings say about the index of one folder."""

    max_files: int
    never_read: tuple[str, ...]


OpenIndex = Callable[[Path, Chosen, Callable[[], None]], Index]
"""(folder, settings, whom to tell on any thread that the state changed) -> its index. May look at the disk."""


class Folders(Protocol):
    """The editor's folders and their settings."""

    @property
    def roots(self) -> tuple[Path, ...]: ...
    def root_of(self, uri: str) -> Path | None: ...
    def settings(self, uri: str) -> "Loaded": ...


@dataclass(slots=True)
class _Open:
    chosen: Chosen
    index: Index
    real: Path
    looked_s: float
    """When the whole folder was last looked at."""
    shown: asyncio.Task[None] | None = None
    news: asyncio.Event = field(default_factory=asyncio.Event)

    async def heard(self) -> None:
        """Wait for the state to be another."""
        await self.news.wait()
        self.news.clear()


class Repositories:
    """The index of each folder that the editor has open."""

    def __init__(
        self,
        editor: Editor,
        folders: Folders,
        open_index: OpenIndex,
        clock: Callable[[], float] = time.monotonic,
        settle_s: float = SETTLE_S,
        show_after_s: float = SHOW_AFTER_S,
    ) -> None:
        self._editor = editor
        self._folders = folders
        self._open_index = open_index
        self._clock = clock
        self._settle_s = settle_s
        self._show_after_s = show_after_s
        self._loop = asyncio.get_running_loop()
        self._indexes: dict[Path, _Open] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._changes = asyncio.Lock()
        self._closing = False
        self.is_watching = False
        """Whether the editor says which files change."""

    def of(self, uri: str) -> Repository | None:
        """The index of the folder that holds a document; None where there is none."""
        root = self._folders.root_of(uri)
        found = self._indexes.get(root) if root is not None else None
        return found.index if found else None

    def of_folder(self, root: Path) -> Repository | None:
        """The index of one of the editor's folders; None where there is none."""
        found = self._indexes.get(root)
        return found.index if found else None

    @property
    def is_active(self) -> bool:
        """Whether any folder is to be indexed."""
        return bool(self._wanted())

    def settings_read(self) -> None:
        """Open, close and change indexes as the settings now say, in the background."""
        self._hold(self._settle(), "open indexes")

    def saved(self, uri: str) -> None:
        """Look at a file again that the editor wrote."""
        self._hold(self._take((uri,), saved=True), "index a saved file")

    def changed(self, uris: Iterable[str]) -> None:
        """Look again at what changed on disk: files and folders that are new, written, moved or gone."""
        self._hold(self._take(tuple(uris)), "index changed files")

    async def close(self) -> None:
        """End all work; what is in the indexes stays."""
        self._closing = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(asyncio.to_thread(one.index.close) for one in self._indexes.values()))
        self._indexes.clear()

    def _wanted(self) -> dict[Path, Chosen]:
        """The folders to index. A home folder is none: it holds everything its user ever had."""
        home = Path.home()
        roots = (root for root in self._folders.roots if root != home and root not in home.parents)
        wanted = {root: self._chosen(root) for root in roots}
        return {root: chosen for root, chosen in wanted.items() if chosen is not None}

    def _chosen(self, root: Path) -> Chosen | None:
        try:
            return _chosen(self._folders.settings(path_to_uri(root)))
        except PathRefused:
            return None  # a folder that cannot be followed has no files either

    async def _settle(self) -> None:
        async with self._changes:
            wanted = self._wanted()
            for root, one in list(self._indexes.items()):
                if wanted.get(root) != one.chosen:
                    del self._indexes[root]
                    await asyncio.to_thread(one.index.close)
            fresh = [root for root in wanted if root not in self._indexes]
            for root in fresh:
                await self._open(root, wanted[root])
        if fresh:
            await asyncio.sleep(self._settle_s)
            for root in fresh:
                self._look_at_all(root)

    async def _open(self, root: Path, chosen: Chosen) -> None:
        def told() -> None:
            with suppress(RuntimeError):  # the loop is closed: nobody looks any more
                self._loop.call_soon_threadsafe(self._show, root)

        try:
            index = await asyncio.to_thread(self._open_index, root, chosen, told)
            real = await asyncio.to_thread(root.resolve)
        except OSError as error:
            self._editor.say_once(f"Turnout keeps no index of {root.name}: {error}", "warning")
            return
        self._indexes[root] = _Open(chosen, index, real, float("-inf"))

    def _look_at_all(self, root: Path) -> None:
        one = self._indexes.get(root)
        if one is not None:
            one.looked_s = self._clock()
            one.index.build()
            self._show(root)

    async def _take(self, uris: Sequence[str], *, saved: bool = False) -> None:
        """Sort changes by folder, on a thread, and pass them on."""
        open_now = {root: one.real for root, one in self._indexes.items()}
        if len(uris) > MANY_CHANGES:
            for root in open_now:
                self._look_at_all(root)
            return
        found = await asyncio.to_thread(_by_folder, uris, open_now) if open_now else {}
        for root, paths in found.items():
            one = self._indexes.get(root)
            if one is None:
                continue
            late = saved and not self.is_watching and self._clock() - one.looked_s >= LOOK_AGAIN_S
            if late or any(path.rpartition("/")[2] in _RULE_FILES for path in paths):
                self._look_at_all(root)
            else:
                one.index.update(paths)

    def _show(self, root: Path) -> None:
        """Say what is wrong, and show a display for as long as an index is being built."""
        one = self._indexes.get(root)
        if one is None or self._closing:
            return
        one.news.set()
        state = one.index.state()
        for sentence in filter(None, (state.begun_anew, state.problem)):
            self._editor.say_once(f"Turnout: {sentence}", "warning")
        if state.building and one.shown is None:
            one.shown = self._hold(self._display(root, one), "show progress")
            one.shown.add_done_callback(lambda _task: setattr(one, "shown", None))

    async def _display(self, root: Path, one: _Open) -> None:
        """Progress of building, if there is much to do; the user may cancel it."""
        await asyncio.sleep(self._show_after_s)
        while (state := one.index.state()).building and not state.of:
            await one.heard()
        if not state.building:
            return
        try:
            async with self._editor.progress(f"Indexing {root.name}") as progress:
                while (state := one.index.state()).building:
                    if state.of:
                        progress.report(f"{state.done:,} of {state.of:,} files", state.done * 100 // state.of)
                    await one.heard()
        except asyncio.CancelledError:
            one.index.stop()
            raise

    def _hold(self, work: Coroutine[None, None, None], name: str) -> asyncio.Task[None]:
        task = self._loop.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._let_go)
        return task

    def _let_go(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("could not %s", task.get_name(), exc_info=error)


def _chosen(loaded: "Loaded") -> Chosen | None:
    """What the settings say of an index; None where they want none."""
    settings = loaded.settings.index
    never_read = tuple(pattern.text for pattern in loaded.policy.privacy.never_read.patterns)
    return Chosen(settings.max_files, never_read) if settings.enabled else None


def _by_folder(uris: Iterable[str], folders: Mapping[Path, Path]) -> dict[Path, list[str]]:
    """The paths of `uris` in the innermost of `folders`, which are given with where they really are."""
    found: dict[Path, list[str]] = {}
    for uri in uris:
        try:
            path = uri_to_path(uri)
        except PathRefused:
            continue
        holding = [
            (root, base)
            for root, real in folders.items()
            for base in (root, real)
            if path.is_relative_to(base)
        ]
        if holding:
            root, base = max(holding, key=lambda pair: len(pair[1].parts))
            found.setdefault(root, []).append(path.relative_to(base).as_posix())
    return found
