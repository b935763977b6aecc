"""What completions show a model of the rest of the repository: gathered at rest, used as it is while somebody types.

Invariants: a completion shows nothing new before somebody has said that the model has read it, and nothing of a file
that is not as it was when its text was gathered; text of a file gets in only if the request may then go to the very
models that it may go to without it, so that context never opens or closes a route; nothing with a secret in it does.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from turnout.complete.gathering import Place, candidates
from turnout.complete.prompts import ALONE, CompletionKind
from turnout.complete.recents import Recent, Recents, recent_chunks
from turnout.core import context, holes, secrets
from turnout.core.context import Chunk, Surroundings
from turnout.core.documents import Position, Snapshot
from turnout.core.fim import budget
from turnout.core.fim.layout import Window
from turnout.core.receipts import SentFile
from turnout.core.repository import Repository
from turnout.core.withholding import LeftOut

logger = logging.getLogger(__name__)

MAX_DOCUMENTS = 64
MAX_SCANNED = 100_000
"""Characters of a document that are looked through for secrets before lines of it are shown elsewhere."""

_NO_PLACE = "it is in no folder that is open here"


class Files(Protocol):
    """Names of documents, and what the settings allow with them."""

    def repository(self, uri: str) -> Repository | None:
        """The index of the folder that a document is in; None where there is none."""
        ...

    def relative_path(self, uri: str) -> str:
        """The path of a document in its folder."""
        ...

    def uri(self, beside: str, path: str) -> str | None:
        """The URI of a path in the folder of the document `beside`; None where it is none."""
        ...

    async def objection(self, kind: CompletionKind, uri: str, others: tuple[str, ...]) -> str:
        """Why a completion in `uri` may not show text of all the files `others`; empty where it may."""
        ...

    def look(self, uri: str) -> object:
        """What tells a file on disk from what it was or will be; None where nothing is, False where it is kept out.

        Blocks.
        """
        ...

    def holds(self, uri: str, text: str) -> bool:
        """Whether every line of `text` stands in a file on disk that has no secret in it. Blocks."""
        ...

    async def window(self, uri: str) -> Window:
        """How much a prompt may hold there."""
        ...


_Looks = Mapping[str, object]
"""Files by their URIs, as they were when they were looked at; None for one that cannot be told from another version."""


@dataclass(frozen=True, slots=True)
class _Gathered:
    """What was chosen; the files of `around` are those of `chunks`, one for each."""

    chunks: tuple[Chunk, ...] = ()
    around: Surroundings = ALONE
    looks: _Looks = field(default_factory=dict)

    def without(self, uris: Container[str]) -> "_Gathered":
        """The same but for the text of some files; what is left keeps its order."""
        around = self.around
        left = [at for at, file in enumerate(around.files) if file.uri not in uris]
        return _Gathered(
            tuple(self.chunks[at] for at in left),
            replace(
                around,
                chunks=tuple(around.chunks[at] for at in left),
                files=tuple(around.files[at] for at in left),
            ),
            self.looks,
        )


_NOTHING = _Gathered()


class Gatherer:
    """Keeps for every document what its completions show besides the text around the cursor."""

    def __init__(self, files: Files, snapshot: Callable[[str], Snapshot | None]) -> None:
        """`snapshot` gives the open documents."""
        self._files = files
        self._snapshot = snapshot
        self._recents = Recents()
        self._gathered: OrderedDict[str, _Gathered] = OrderedDict()
        self._next: tuple[str, _Gathered] | None = None
        self._scanned: dict[str, tuple[int | None, bool]] = {}

    def around(self, uri: str) -> Surroundings:
        """What completions in a document show, as far as it still holds."""
        return self._gathered.get(uri, _NOTHING).around

    async def current(self, kind: CompletionKind, uri: str) -> Surroundings:
        """What a completion in a document shows that is asked for now.

        Text of a file that was changed, moved or closed is let go of. Where settings came to keep a file away, this
        completion shows nothing of any.
        """
        found = self._gathered.get(uri, _NOTHING)
        others = {file.uri for file in found.around.files} - {uri}
        if not others:
            return found.around
        now = await asyncio.to_thread(self._looks, others, self._documents(others))
        gone = {other for other in others if now[other] is None or now[other] != found.looks.get(other)}
        if gone:
            left = found.without(gone)
            if self._gathered.get(uri) is found:
                self._gathered[uri] = left
            found, others = left, others - gone
        if others and (why := await self._files.objection(kind, uri, tuple(sorted(others)))):
            kept_back = tuple(LeftOut(self._files.relative_path(other), why) for other in sorted(others))
            without = found.without(others).around
            return replace(without, left_out=(*without.left_out, *kept_back))
        return found.around

    def touch(self, uri: str, version: int | None, position: Position) -> None:
        """The user is at a place of a document."""
        self._recents.touch(uri, version, position.line)

    def forget(self, uri: str) -> None:
        """Drop what is kept for a closed document."""
        self._recents.forget(uri)
        self._gathered.pop(uri, None)
        self._scanned.pop(uri, None)
        if self._next is not None and self._next[0] == uri:
            self._next = None

    def adopt(self, uri: str) -> None:
        """Have completions in a document show what was gathered for it last."""
        if self._next is not None and self._next[0] == uri:
            self._gathered[uri] = self._next[1]
            self._gathered.move_to_end(uri)
            self._next = None
            if len(self._gathered) > MAX_DOCUMENTS:
                self._gathered.popitem(last=False)

    async def gather(self, snapshot: Snapshot, position: Position) -> Surroundings:
        """Look for what may help at a place, for `adopt` to have shown."""
        uri = snapshot.uri
        try:
            window = await self._files.window(uri)
            place = _place(snapshot, position, self._files.relative_path(uri), window)
            recent = self._recent(uri)
            found = await asyncio.to_thread(self._candidates, self._files.repository(uri), place, recent)
            last = self._gathered.get(uri)
            before = last.chunks if last is not None else ()
            allowed, refused = await self._allowed(uri, found)
            documents = self._documents(allowed.values())
            looks = await asyncio.to_thread(self._looks, allowed.values(), documents)
            chosen = await asyncio.to_thread(_chosen, _of_files(found, allowed), window, place, before)
            clean = await asyncio.to_thread(_clean, chosen)
            standing = await asyncio.to_thread(self._standing, clean, place.path, allowed, documents)
        except Exception:  # a task's boundary: a completion without context is better than none
            logger.exception("nothing was gathered")
            return self.around(uri)
        secret = dict.fromkeys(chunk.path for chunk in chosen if chunk not in clean)
        refused += [LeftOut(path, "there is a secret in what would help of it") for path in secret]
        return self._keep(uri, standing, allowed, looks, window, tuple(refused))

    def _keep(
        self,
        uri: str,
        chosen: tuple[Chunk, ...],
        uris: Mapping[str, str],
        looks: _Looks,
        window: Window,
        left_out: tuple[LeftOut, ...],
    ) -> Surroundings:
        files = tuple(
            SentFile(uris[c.path], len(c.text.encode("utf-8", "replace")), c.source) for c in chosen
        )
        room = budget.fitted(window, sum(len(chunk.text) for chunk in chosen))
        around = Surroundings(context.to_prompt(chosen), files, room, left_out=left_out)
        self._next = uri, _Gathered(chosen, around, looks)
        return around

    def _documents(self, uris: Iterable[str]) -> dict[str, Snapshot | None]:
        return {uri: self._snapshot(uri) for uri in uris}

    def _looks(self, uris: Iterable[str], documents: Mapping[str, Snapshot | None]) -> dict[str, object]:
        """What tells files from other versions of them, on disk and in the editor; blocks."""
        found: dict[str, object] = {}
        for uri in uris:
            document, on_disk = documents[uri], self._files.look(uri)
            version = None if document is None else document.version
            known = on_disk is not None if document is None else version is not None
            found[uri] = (version, on_disk) if known and on_disk is not False else None
        return found

    def _standing(
        self,
        chosen: Iterable[Chunk],
        own: str,
        uris: Mapping[str, str],
        documents: Mapping[str, Snapshot | None],
    ) -> tuple[Chunk, ...]:
        """Chunks whose text stands in their files now: an index learns a little later than it changes. Blocks.

        What the file itself declares is left as it is indexed: somebody is typing in it.
        """

        def stands(chunk: Chunk) -> bool:
            uri = uris[chunk.path]
            document = documents[uri]
            if document is not None:
                return context.stands_in(chunk.text, document.text)
            return self._files.holds(uri, chunk.text)

        return tuple(chunk for chunk in chosen if chunk.path == own or stands(chunk))

    def _recent(self, uri: str) -> list[Recent]:
        """Where the user was in other open documents of the folder, newest first, with their text as it is now."""
        found = []
        for trace in self._recents.traces(but=uri):
            document, path = self._snapshot(trace.uri), self._files.relative_path(trace.uri)
            if document is not None and self._files.uri(uri, path) == trace.uri:
                found.append(Recent(trace, path, document))
        return found

    def _candidates(
        self, repository: Repository | None, place: Place, recent: Sequence[Recent]
    ) -> list[Chunk]:
        weights = context.interest(place.prefix, place.suffix)
        clean = [one for one in recent if self._is_clean(one.document)]
        found = list(recent_chunks(clean, weights))
        return found + candidates(repository, place) if repository is not None else found

    def _is_clean(self, document: Snapshot) -> bool:
        """Whether there is no secret anywhere in a document; of a long one nobody can be sure in time."""
        version, clean = self._scanned.get(document.uri, (None, False))
        if version is None or version != document.version:
            short = sum(map(len, document.lines)) <= MAX_SCANNED
            clean = short and not secrets.find(document.text)
            self._scanned[document.uri] = document.version, clean
        return clean

    async def _allowed(self, uri: str, chunks: Sequence[Chunk]) -> tuple[dict[str, str], list[LeftOut]]:
        """The URIs of the files whose text may be shown, by their paths, and which may not."""
        found: dict[str, str] = {}
        refused: list[LeftOut] = []
        for path in dict.fromkeys(chunk.path for chunk in chunks):
            other = self._files.uri(uri, path)
            why = await self._files.objection("inline", uri, (other,)) if other is not None else _NO_PLACE
            if other is not None and not why:
                found[path] = other
            else:
                refused.append(LeftOut(path, why))
            await asyncio.sleep(0)  # each takes a fraction of a millisecond, and somebody may be typing
        return found, refused


def _of_files(chunks: Sequence[Chunk], paths: Container[str]) -> list[Chunk]:
    return [chunk for chunk in chunks if chunk.path in paths]


def _chosen(
    found: Sequence[Chunk], window: Window, place: Place, before: Sequence[Chunk]
) -> tuple[Chunk, ...]:
    visible = place.prefix + place.suffix
    room = budget.room_beside(window, len(place.prefix), len(place.suffix))
    return tuple(context.choose(found, room, visible, before))


def _clean(chosen: Sequence[Chunk]) -> tuple[Chunk, ...]:
    """Those without a secret in them."""
    return tuple(chunk for chunk in chosen if not secrets.find(chunk.text))


def _place(snapshot: Snapshot, position: Position, path: str, window: Window) -> Place:
    """The place as the prompt will show it."""
    hole = holes.cut(snapshot, position)
    prefix, suffix = hole.prefix[-window.prefix_chars :], hole.suffix[: window.suffix_chars]
    first, last = position.line - prefix.count("\n"), position.line + suffix.count("\n")
    return Place(path, snapshot.language, prefix, suffix, first, last, snapshot.lines)
