"""What a model may do while it works out a refactor: look at the folder, propose edits, have them checked.

Invariants: a tool reads only files that are listed in the folder (none outside, hidden, ignored or never read, and none
through a link) and that every rule lets the asking model have; it changes nothing; whatever a model sends, the answer
is text, of bounded size.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, takewhile
from typing import Any

from turnout.act.agent.calls import (
    TOOLS,
    BadCall,
    NoEdits,
    arguments_of,
    number_in,
    reply_of,
    text_in,
    texts_in,
)
from turnout.act.agent.overlay import Overlay
from turnout.act.agent.unread import Unread
from turnout.act.drafting.drafts import Draft
from turnout.act.gathering.scope import is_sayable
from turnout.act.seams import Seams
from turnout.core.documents import Snapshot, line_body
from turnout.core.edits.changes import FileChange
from turnout.core.edits.paths import normalise
from turnout.core.edits.replies import Reply
from turnout.core.models import Model
from turnout.core.prompts import Tool, ToolCall
from turnout.core.receipts import SentFile
from turnout.core.repository import Repository
from turnout.core.secrets import lines_of_keys
from turnout.errors import EditError, PathRefused, PlaceTaken

MOST_READ_BYTES = 24_000
MOST_MATCHES = 60
MOST_LISTED = 400
_MOST_SEARCHED = 5_000
_MOST_LINE = 240
_KEY = "(a line of a private key)"

Propose = Callable[[Reply, bool], Awaitable[str]]
"""Takes proposed edits, and whether they are the last; what became of them, in words for the model."""


@dataclass
class Toolbox:
    """The tools of one refactor; `read` are the files whose text went into answers, by path.

    They show files as they are with what was accepted so far, in `overlay`.
    """

    seams: Seams
    overlay: Overlay
    propose: Propose
    reset: Callable[[Sequence[str]], Awaitable[str]]
    check: Callable[[], Awaitable[str]] | None
    shown: tuple[SentFile, ...]
    read: dict[str, SentFile] = field(default_factory=dict)
    unread: Unread = field(default_factory=Unread)
    """Proposals that could not be read."""
    _listed: tuple[str, ...] | None = None
    _named: set[str] = field(default_factory=set)
    """Paths that were listed, whose text was not shown."""
    _readers: dict[str, frozenset[Model]] = field(default_factory=dict)
    """Who may see a file, by its path, since `readers` was asked last."""

    async def quoted(self, path: str, model: Model, text: str | None = None) -> Snapshot | None:
        """A file whose `text` (all of it without) may be quoted from now on; None for one that `model` may not have.

        It is one of the request's files afterwards, so every later turn is decided on it, for any model.
        """
        try:
            name = normalise(path)
            file = await self._file(name, model)
        except (BadCall, EditError):
            return None
        if text is not None or name not in self.read:
            self._note(name, file.text if text is None else text)
        return file

    @property
    def sent(self) -> tuple[SentFile, ...]:
        """Every file whose text is in the conversation."""
        return (*self.shown, *self.read.values())

    @property
    def named(self) -> tuple[str, ...]:
        """The URIs of all files whose names were listed and whose text was not shown."""
        return tuple(self.seams.workspace.uri(path) for path in sorted(self._named))

    async def nameable(self, paths: Sequence[str], model: Model) -> list[str]:
        """Those of `paths` that `model` may have, which count as listed from now on."""
        found = await self._readers_of(paths)
        known = [path for path, some in zip(paths, found, strict=True) if model in some]
        self._named.update(known)
        return known

    async def readers(self) -> frozenset[Model] | None:
        """Who may hear every name that was listed, by the settings as they are now; None where none was.

        A name says something of a file, too, and what a model answered may repeat it.
        """
        self._readers.clear()
        if not self._named:
            return None
        return frozenset.intersection(*(await self._readers_of(sorted(self._named))))

    def offered(self) -> tuple[Tool, ...]:
        """The tools that there are."""
        missing = set() if self.check else {"run_checks"}
        if self.seams.repository is None:
            missing.add("search_symbol")
        return tuple(tool for tool in TOOLS if tool.name not in missing)

    async def run(self, call: ToolCall, model: Model) -> str:
        """The answer to `call`, for `model` to read."""
        said = call.garbled or call.arguments
        try:
            return await self._run(call.name, arguments_of(said), model)
        except (BadCall, EditError) as error:
            if call.name == "propose_edits" and not isinstance(error, NoEdits):
                self.unread.note(said, str(error))
            return str(error)

    async def _run(self, name: str, arguments: Mapping[str, Any], model: Model) -> str:
        match name:
            case "propose_edits":
                return await self.propose(reply_of(arguments), arguments.get("done") is True)
            case "reset_files":
                return await self.reset(texts_in(arguments, "paths"))
            case "run_checks" if self.check:
                return await self.check()
            case "read_file":
                return await self._read_file(arguments, model)
            case "list_files":
                return await self._list_files(arguments, model)
            case "search_text":
                return await self._search_text(arguments, model)
            case "search_symbol" if self.seams.repository is not None:
                return await self._search_symbol(arguments, model, self.seams.repository)
        names = ", ".join(tool.name for tool in self.offered())
        raise BadCall(f"There is no tool {name[:60]!r}. There are: {names}.")

    async def _files(self) -> tuple[str, ...]:
        if self._listed is None:
            listed = self.seams.workspace.paths()
            self._listed = await asyncio.to_thread(lambda: tuple(filter(is_sayable, listed)))
        return self._listed

    async def _file(self, path: str, model: Model) -> Snapshot:
        """A file that `model` may have. Raises BadCall for any other."""
        # The same words for one that is kept back: that there is such a file is nothing to be heard either.
        if path not in await self._files() or not await self._may_see(path, model):
            raise BadCall(f"There is no file {path} that {model.name} may look at.")
        workspace = self.seams.workspace
        file = await asyncio.to_thread(lambda: workspace.snapshot(workspace.uri(path)))
        if file is None:
            raise BadCall(f"There is no file {path}.")
        return file

    async def _present(self, path: str, model: Model) -> Snapshot:
        """A file as it is now. Raises BadCall for one that `model` may not have, or that is gone."""
        change = self.overlay.at(path)
        if change is None:
            if self.overlay.is_gone(path):
                raise BadCall(f"There is no file {path} any more.")
            return await self._file(path, model)
        if change.kind != "create":
            await self._file(change.path, model)
        if not await self._may_see_now(path, model):
            raise BadCall(f"There is no file {path} that {model.name} may look at.")
        return self.overlay.file(change)

    async def _may_see_now(self, path: str, model: Model) -> bool:
        """Whether `model` may have the file at `path` as it is now, and as it was under another name."""
        readers = await self._readers_of([name for name in (path, self.overlay.origin(path)) if name])
        return all(model in some for some in readers)

    async def _may_see(self, path: str, model: Model) -> bool:
        """Whether the settings let `model` have this file.

        Every turn is decided for all files in it anyhow: this keeps one file from spoiling the conversation.
        """
        (readers,) = await self._readers_of([path])
        return model in readers

    async def _readers_of(self, paths: Sequence[str]) -> list[frozenset[Model]]:
        """Who may see each of `paths`; without an outlook, nobody."""
        new = [path for path in paths if path not in self._readers]
        if new and self.seams.outlook is not None:
            uris = [self.seams.workspace.uri(path) for path in new]
            found = await self.seams.outlook.readers("refactor", uris)
            self._readers.update(zip(new, found, strict=True))
        return [self._readers.get(path, frozenset()) for path in paths]

    def _note(self, path: str, text: str) -> None:
        """Count text of a file, under the name that it had before, among what is sent."""
        origin = self.overlay.origin(path)
        if origin is None:
            return  # a model made it
        path = origin
        before = self.read[path].bytes if path in self.read else 0
        size = before + len(text.encode("utf-8", "replace"))
        self.read[path] = SentFile(self.seams.workspace.uri(path), size, "the model asked for it")

    async def _read_file(self, arguments: Mapping[str, Any], model: Model) -> str:
        path = normalise(text_in(arguments, "path"))
        first = max(1, number_in(arguments, "first_line", 1))
        last = number_in(arguments, "last_line", 0)
        lines = (await self._present(path, model)).lines
        end = min(last or len(lines), len(lines))
        text = await asyncio.to_thread(_read, lines, first, end) if first <= end else ""
        self._note(path, text)
        if lines and first > end:
            to = f"to {last}" if last else "on"
            raise BadCall(f"{path} has lines 1 to {len(lines)}, and none from {first} {to}.")
        return f"{path}, lines {first} to {end} of {len(lines)}:\n{text}"

    async def _list_files(self, arguments: Mapping[str, Any], model: Model) -> str:
        folder = text_in(arguments, "folder", "").strip("/")
        below = f"{normalise(folder)}/" if folder not in ("", ".") else ""
        found = [path for path in self.overlay.listed(await self._files()) if path.startswith(below)]
        listed = found[:MOST_LISTED]
        readers = await self._readers_of(listed)
        rows = [path for path, some in zip(listed, readers, strict=True) if model in some]
        self._named.update(filter(None, map(self.overlay.origin, rows)))
        if len(found) > MOST_LISTED:
            rows.append(f"(and {len(found) - MOST_LISTED} more: name a folder)")
        return "\n".join(rows) or "There is no file there."

    async def _search_text(self, arguments: Mapping[str, Any], model: Model) -> str:
        wanted = text_in(arguments, "text")
        if len(wanted.strip()) < 2 or "\n" in wanted:
            raise BadCall("text has to be at least two characters on one line.")
        return await self._matching(re.compile(re.escape(wanted)), model)

    async def _search_symbol(self, arguments: Mapping[str, Any], model: Model, repository: Repository) -> str:
        name = text_in(arguments, "name")
        listed = await self._files()
        rows = []
        for found in await asyncio.to_thread(repository.definitions, [name], limit=MOST_MATCHES):
            if found.path in listed and await self._may_see(found.path, model):
                self._note(found.path, found.signature)
                late = " (before your edits)" if found.path in self.overlay.changes else ""
                rows.append(
                    f"{found.path}:{found.first_line + 1}: {found.kind} {found.signature.strip()}{late}"
                )
        defined = "\n".join(rows) or f"{name} is not defined in this folder."
        uses = await self._matching(re.compile(rf"(?<![\w$]){re.escape(name)}(?![\w$])"), model)
        return f"Defined:\n{defined}\n\nUsed:\n{uses}"

    async def _matching(self, pattern: re.Pattern[str], model: Model) -> str:
        rows: list[str] = []
        for path in self.overlay.listed(await self._files())[:_MOST_SEARCHED]:
            matches = await asyncio.to_thread(self._matches, path, pattern)
            if not matches or not await self._may_see_now(path, model):
                continue
            kept = matches[: MOST_MATCHES - len(rows)]
            self._note(path, "\n".join(kept))
            rows += kept
            if len(rows) >= MOST_MATCHES:
                return "\n".join([*rows, "(there may be more)"])
        return "\n".join(rows) or "Nothing was found."

    def _matches(self, path: str, pattern: re.Pattern[str]) -> list[str]:
        change = self.overlay.at(path)
        try:
            file = (
                self.overlay.file(change)
                if change
                else self.seams.workspace.snapshot(self.seams.workspace.uri(path))
            )
        except EditError:
            return []
        if file is None or not (found := [at for at, line in enumerate(file.lines) if pattern.search(line)]):
            return []
        # A line of a key is known by its neighbours, and nobody can tell once it stands alone.
        hidden = _lines_of_keys(file.lines)
        return [f"{path}:{at + 1}: {_KEY if at in hidden else _row(file.lines[at])}" for at in found]


def _lines_of_keys(lines: Sequence[str]) -> frozenset[int]:
    return lines_of_keys("".join(f"{line_body(line)}\n" for line in lines))


def _row(line: str) -> str:
    """A line as a search shows it: whole or not at all, as a secret that is cut is not known to be one."""
    body = line_body(line)
    return body if len(body) <= _MOST_LINE else f"(a line of {len(body):,} characters)"


def _read(lines: Sequence[str], first: int, last: int) -> str:
    """As many of `lines` from `first` to `last` (from 1) as may be read at once, and where to read on.

    Lines of a key go out only with what tells them to be that, so that they are taken out of what is sent.
    """
    wanted = lines[first - 1 : last]
    piece = wanted[: _fitting(wanted)]
    told_there = {first - 1 + at for at in _lines_of_keys(piece)}
    hidden = _lines_of_keys(lines) - told_there if len(piece) < len(lines) else frozenset()
    text = "".join(
        f"{_KEY}{line[len(line_body(line)) :]}" if at in hidden else line
        for at, line in enumerate(piece, start=first - 1)
    )
    cut = f"(cut here: read on from line {first + len(piece)})\n" if len(piece) < len(wanted) else ""
    return text + cut


def _fitting(lines: Sequence[str]) -> int:
    """How many of `lines` may be read at once."""
    sizes = accumulate(len(line.encode("utf-8", "replace")) for line in lines)
    return sum(1 for _ in takewhile(lambda size: size <= MOST_READ_BYTES, sizes))


def told(changes: Sequence[FileChange]) -> str:
    """What edits that were accepted come to, for the model."""
    files = ", ".join(change.new_path or change.path for change in changes) or "nothing"
    return f"Accepted so far: changes of {files}."


def rejected(draft: Draft) -> str:
    """What is wrong with the last edits, or with what they made of files, for the model."""
    said: list[str] = []
    if draft.failures:
        wrong = [f"- {failure}" for failure in draft.failures]
        barred = [isinstance(f, PathRefused) and not isinstance(f, PlaceTaken) for f in draft.failures]
        again = "" if all(barred) else " Propose them again, for the files as they are now."
        if any(isinstance(failure, PathRefused) for failure in draft.failures):
            again += " Let go of what may not be done with reset_files, and do without it."
        said += ["That cannot be applied:", *wrong, f"None of the edits of those files was made.{again}"]
    if broken := [f"- {check.name}: {check.message}" for check in draft.checks if not check.ok]:
        said += ["What was accepted breaks files:", *broken, "Mend it with more edits, or use reset_files."]
    return "\n".join(said)
