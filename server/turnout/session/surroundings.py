"""What completions may show of a folder: its index, its settings, and how much its model reads in time.

Invariant: text of a file goes with a document only where the models of the route and its terms stay the very same.
"""

import asyncio
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Protocol

from turnout.complete import Rules
from turnout.complete.prompts import CompletionKind
from turnout.core import secrets
from turnout.core.context import stands_in
from turnout.core.edits.readable import MAX_FILE_BYTES
from turnout.core.fim import budget
from turnout.core.fim.budget import Pace
from turnout.core.fim.layout import Window
from turnout.core.models import Model
from turnout.core.policy import is_served_here
from turnout.core.repository import Repository
from turnout.core.requests import Kind, Route
from turnout.core.withholding import why_apart
from turnout.errors import PathRefused, TurnoutError
from turnout.files import Folder

_KIND: Kind = "inline"

PIECE_CHARACTERS = 100_000
"""A long file is looked through for secrets in pieces: each keeps everybody else waiting for a moment."""
_OVERLAP_CHARACTERS = 10_000
_MAX_CLEAN = 1_000


class Folders(Protocol):
    """The folders of the editor and their settings."""

    def folder(self, uri: str) -> Folder | None: ...
    def relative_path(self, uri: str) -> str: ...
    def may_read(self, uri: str, *, typing: bool = False) -> bool: ...
    async def ready(self, kind: Kind, uris: tuple[str, ...]) -> None: ...
    def decide(self, kind: Kind, uris: tuple[str, ...], input_tokens: int) -> Route: ...
    def rules(self, uri: str) -> Rules: ...


class Speed(Protocol):
    """What a model on an engine was measured at, in tokens per second."""

    @property
    def model(self) -> str: ...
    @property
    def engine(self) -> str: ...
    @property
    def prefill(self) -> float: ...
    @property
    def decode(self) -> float: ...


class Surroundings:
    """The files around documents, as `complete.context` asks for them."""

    def __init__(
        self,
        folders: Folders,
        repository: Callable[[str], Repository | None],
        runs: Callable[[str], tuple[str, str] | None],
        speeds: Callable[[], Iterable[Speed]],
        served: Callable[[Model], Pace] = lambda _model: Pace(),
    ) -> None:
        """`runs` tells which model on which engine is behind a name of the settings, None where none was started.

        `speeds` are those that were measured here; it may read a file. `served` is how fast a server on this machine
        says that it reads.
        """
        self._folders = folders
        self._runs = runs
        self._speeds = speeds
        self._served = served
        self.repository = repository
        self.relative_path = folders.relative_path
        self._clean: dict[str, int] = {}

    def uri(self, beside: str, path: str) -> str | None:
        """The URI of a path in the folder of the document `beside`; None where it is none."""
        folder = self._folders.folder(beside)
        try:
            return folder.uri(path) if folder is not None else None
        except PathRefused:
            return None

    async def objection(self, kind: CompletionKind, uri: str, others: tuple[str, ...]) -> str:
        """Why a completion in `uri` may not show text of all the files `others`; empty where it may."""
        uris = (uri, *others)
        try:
            await self._folders.ready(kind, uris)
            alone, together = (self._folders.decide(kind, those, 0) for those in ((uri,), uris))
            if not all(self._folders.may_read(other, typing=True) for other in others):
                return why_apart(alone, together) or "the settings or an ignore file keep it from every model"
        except TurnoutError as error:
            return error.message
        return why_apart(alone, together)

    def look(self, uri: str) -> object:
        """What tells a file on disk from what it was or will be; None where nothing is, False where it is kept out.

        Kept out is a link, what is behind one, and what an ignore file leaves out as it is now. Blocks.
        """
        try:
            file = self._own_place(uri)
            if file is None:
                return False
            stat = file.lstat()
        except (OSError, ValueError, PathRefused):
            return None
        return stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns

    def holds(self, uri: str, text: str) -> bool:
        """Whether every line of `text` stands in a file on disk that has no secret in it. Blocks."""
        try:
            file = self._own_place(uri)
            if file is None or not file.is_file() or file.stat().st_size > MAX_FILE_BYTES:
                return False
            there = file.read_text("utf-8", errors="replace")
        except (OSError, ValueError, PathRefused):
            return False
        return stands_in(text, there) and self._is_clean(uri, there)

    def _is_clean(self, uri: str, text: str) -> bool:
        """Whether there is no secret in the text of a file, which may be another one than its index knows."""
        if self._clean.get(uri) == hash(text):
            return True
        starts = range(0, len(text), PIECE_CHARACTERS)
        if any(secrets.find(text[at : at + PIECE_CHARACTERS + _OVERLAP_CHARACTERS]) for at in starts):
            return False
        if len(self._clean) >= _MAX_CLEAN:
            self._clean.clear()
        self._clean[uri] = hash(text)
        return True

    def _own_place(self, uri: str) -> Path | None:
        folder = self._folders.folder(uri)
        return folder.own_place(uri) if folder is not None else None

    async def window(self, uri: str) -> Window:
        """How much a prompt may hold there."""
        route = self._folders.decide(_KIND, (uri,), 0)
        model = next(iter(route.candidates), None)
        if model is None or not (model.api == "local" or is_served_here(model)):
            return Window()
        answer_tokens = self._folders.rules(uri).max_tokens
        if model.api == "local":
            pace = await asyncio.to_thread(self._pace, self._runs(model.name))
        else:
            pace = self._served(model)
        return budget.window(pace, route.deadline_ms, model.context_tokens, answer_tokens)

    def _pace(self, run: tuple[str, str] | None) -> Pace:
        found = next((speed for speed in self._speeds() if (speed.model, speed.engine) == run), None)
        return Pace(found.prefill, found.decode) if found is not None else Pace()
