"""Everything that a request about many files is made of: the files to change, what is shown beside them, and the guard.

Invariants: what may change is never dropped for what is only shown; what is shown beside narrows no route, since a
piece whose path the policy keeps from a candidate is left out; the same folder gives the same context.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

from turnout.act.gathering.guard import Guard
from turnout.act.gathering.pieces import Piece, cut
from turnout.act.gathering.scope import MAX_FILES, Request, Scope, gather, is_sayable
from turnout.act.seams import Outlook, Seams
from turnout.core.documents import Snapshot
from turnout.core.edits.formats import Formats, sizes_of
from turnout.core.receipts import SentFile
from turnout.core.repository import Definition, Repository
from turnout.core.requests import Kind, Route
from turnout.core.withholding import LeftOut, why_apart
from turnout.errors import EditError, TurnoutError

MAP_BYTES = 6_000
"""What the outlines of other files may come to: about 2,000 tokens."""

_FILE_MAP_BYTES = 1_200
_INSTRUCTION_BYTES = 8_000
_MOST_OUTLINED = 20
_MOST_NAMES = 30
_BYTES_PER_TOKEN = 3.5

_TESTS_WEIGHT, _IMPORT_WEIGHT = 4.0, 3.0


@dataclass(frozen=True, slots=True)
class Context:
    """What there is to work with."""

    scope: Scope
    pieces: tuple[Piece, ...]
    guard: Guard
    sources: tuple[SentFile, ...] = ()
    """Files that an approved plan was made from: it may quote them, so they decide the route as well."""
    formats: Formats = field(default_factory=Formats)
    """Chooses the form in which a model is asked for edits."""
    quotable: frozenset[str] | None = None
    """Paths of the instructions that all models of the route may have; None where nobody asks."""


async def gather_context(request: Request, seams: Seams, kind: Kind = "refactor") -> Context:
    """The context of `request`; files that the project's instructions put off limits are among those left out."""
    guard = Guard(seams.workspace)
    scope = await asyncio.to_thread(_chosen, request, seams, guard)
    scope = await _reaching(request, scope, seams, kind)
    pieces = await asyncio.to_thread(_beside, scope.files, seams, guard)
    sources, formats = _sources(request, scope), Formats(await asyncio.to_thread(seams.history.evidence))
    if seams.outlook is None or not scope.files:
        return Context(scope, (), guard, sources, formats)
    shown, quotable = await _allowed(kind, scope, pieces, seams.outlook, formats)
    if seams.left_out is not None:
        skipped = [LeftOut(out.path, out.reason) for out in scope.skipped]
        dropped = [piece for piece in pieces if piece not in shown]
        seams.left_out((*skipped, *await _kept_back(kind, scope, dropped, seams.outlook)))
    return Context(scope, shown, guard, sources, formats, quotable)


def _sources(request: Request, scope: Scope) -> tuple[SentFile, ...]:
    """What the plan was made from beside the files that are shown whole; what is sent of them is the plan."""
    approved = request.approved
    if approved is None:
        return ()
    shown = {file.uri for file in scope.files.values()}
    return quoted_by(
        approved.text, [uri for uri in approved.sources if uri not in shown], "the plan was made from it"
    )


def quoted_by(text: str, uris: Sequence[str], why: str) -> tuple[SentFile, ...]:
    """Files that `text` may quote, each with an equal part of its bytes: how much is of which, nobody knows."""
    return tuple(SentFile(uri, -(-_size(text) // len(uris)), why) for uri in uris)


def _chosen(request: Request, seams: Seams, guard: Guard) -> Scope:
    scope = gather(replace(request, symbol=_symbol(request, seams)), seams.workspace, seams.repository)
    objections = {path: found for path in scope.files if (found := guard.objection(path))}
    return scope.without(objections, request)


async def _reaching(request: Request, scope: Scope, seams: Seams, kind: Kind) -> Scope:
    """`scope`, of what was found only as much as one request takes where its model need not or may not have more.

    A model with tools looks for the rest itself, and what nobody named does not change who is asked.
    """
    one = scope.of_one_request()
    if request.scope or request.approved or one is scope:
        return scope
    if seams.outlook is None:
        return one
    few, many = (tuple(file.uri for file in some.files.values()) for some in (one, scope))
    await seams.outlook.ready(kind, many)
    first, those = (seams.outlook.route(kind, uris, 0).candidates[:1] for uris in (few, many))
    return scope if those and those == first and not those[0].tools else one


def _beside(files: Mapping[str, Snapshot], seams: Seams, guard: Guard) -> tuple[Piece, ...]:
    pieces = (*_instructions(guard, files, seams), *_outlines(files, seams))
    return tuple(piece for piece in pieces if piece.path not in files)


def _symbol(request: Request, seams: Seams) -> str:
    """The name of what is defined around the selection; empty without one."""
    if (
        request.document is None
        or request.selection is None
        or request.selection.start == request.selection.end
    ):
        return ""
    try:
        file = seams.workspace.snapshot(request.document)
    except EditError:
        return ""
    found = file and seams.syntax.enclosing(file.language, file.text, request.selection.start.line)
    return found.name if found else ""


def _instructions(guard: Guard, files: Iterable[str], seams: Seams) -> Iterable[Piece]:
    left = _INSTRUCTION_BYTES
    for found in guard.over(files):
        text = cut(found.text, left)
        left -= _size(text)
        if text:
            uri = seams.workspace.uri(found.path)
            why = "; ".join(filter(None, ("instructions of the project", found.note)))
            yield Piece("instructions", found.path, uri, text, why)


def _outlines(files: Mapping[str, Snapshot], seams: Seams) -> Iterable[Piece]:
    """The repository map: signatures of the files that are nearest to those that may change."""
    if seams.repository is None:
        return
    left = MAP_BYTES
    listed = frozenset(filter(is_sayable, seams.workspace.paths()))
    for path, why in _nearest(islice(files, MAX_FILES), seams.repository):
        if path not in listed or path in files:
            continue
        text = cut(_signatures(seams.repository.outline(path)), min(left, _FILE_MAP_BYTES))
        left -= _size(text)
        if text:
            yield Piece("outline", path, seams.workspace.uri(path), text, why)


def _nearest(files: Iterable[str], repository: Repository) -> list[tuple[str, str]]:
    """Paths by relevance, each with the first reason; equal ones by name."""
    scores: dict[str, float] = {}
    whys: dict[str, str] = {}

    def count(path: str, weight: float, why: str) -> None:
        scores[path] = scores.get(path, 0.0) + weight
        whys.setdefault(path, why)

    for path in files:
        for other in repository.siblings(path):
            count(other, _TESTS_WEIGHT, f"it belongs to {path}")
        for other in repository.importers(path):
            count(other, _IMPORT_WEIGHT, f"it imports {path}")
        names = [found.name for found in repository.imports(path) if found.name][:_MOST_NAMES]
        for defined in repository.definitions(names):
            count(defined.path, _IMPORT_WEIGHT / 2, f"{path} imports {defined.name} from it")
        for defined in repository.outline(path)[:_MOST_NAMES]:
            mentions = {mention.path for mention in repository.mentions(defined.name)}
            for other in mentions - {path}:
                # A name that is everywhere says little of any one file.
                count(other, 1 / len(mentions), f"it mentions {defined.name}")
    ranked = sorted(scores, key=lambda path: (-scores[path], path))
    return [(path, whys[path]) for path in ranked[:_MOST_OUTLINED]]


def _signatures(definitions: Sequence[Definition]) -> str:
    """An outline as text, members below their container."""
    rows = []
    for found in definitions:
        indent = "    " if found.container else ""
        rows += [f"{indent}{line.strip()}\n" for line in found.signature.splitlines()[:3] if line.strip()]
    return "".join(rows)


async def _allowed(
    kind: Kind, scope: Scope, pieces: Sequence[Piece], outlook: Outlook, formats: Formats
) -> tuple[tuple[Piece, ...], frozenset[str]]:
    """Those of `pieces` that leave the route as it is without them, and the paths that all of its models may have."""
    required = tuple(file.uri for file in scope.files.values())
    size = sum(_size(file.text) for file in scope.files.values())

    def route(shown: Sequence[Piece]) -> Route:
        tokens = round((size + sum(_size(piece.text) for piece in shown)) / _BYTES_PER_TOKEN)
        return outlook.route(kind, _uris(required, shown), tokens)

    # It looks at the disk for the routes as well.
    uris = _uris(required, pieces)
    readers = dict(zip(uris, await outlook.readers(kind, uris), strict=True))
    alone = route(())
    free = tuple(piece for piece in pieces if readers[piece.uri].issuperset(alone.candidates))
    quotable = frozenset(piece.path for piece in free)
    sizes = sizes_of(scope.files.values())
    if not alone.candidates or formats.choose(alone.candidates[0], sizes).alone:
        return (), quotable  # a small model takes what stands beside its file for its task
    return (() if why_apart(alone, route(free)) else free), quotable


def _uris(required: Sequence[str], shown: Sequence[Piece]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*required, *(piece.uri for piece in shown))))


async def _kept_back(
    kind: Kind, scope: Scope, pieces: Sequence[Piece], outlook: Outlook
) -> tuple[LeftOut, ...]:
    """Why each of `pieces` is not shown beside the files of `scope`."""
    required = tuple(file.uri for file in scope.files.values())
    found = []
    for piece in pieces:
        try:
            alone, together = (outlook.route(kind, _uris(required, with_it), 0) for with_it in ((), (piece,)))
            why = why_apart(alone, together)
        except TurnoutError as error:
            why = error.message
        spare = "only a model that can make use of it is shown it beside the files"
        found.append(LeftOut(piece.path, why or spare))
        await asyncio.sleep(0)  # each looks at the disk, and somebody may be typing
    return tuple(found)


def _size(text: str) -> int:
    return len(text.encode("utf-8", "replace"))
