"""Choose the files that a refactor works on, and say why each was chosen and which were left out.

Invariant: what the user named comes first and is never dropped for what was found; nothing hidden or ignored by git is
looked at unless the user named it. An index only says where to look: what is taken is read from the workspace.
"""

import re
from collections import Counter
from collections.abc import Collection, Hashable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import islice

from turnout.act.gathering.finding import WORD, Found, indexed, is_whole, read, unindexed
from turnout.act.proposals import Skipped
from turnout.act.seams import Workspace
from turnout.core.documents import Snapshot, Span, line_body
from turnout.core.edits.formats import sizes_of
from turnout.core.edits.paths import normalise, same_file
from turnout.core.edits.plans import Approved
from turnout.core.languages import language_of
from turnout.core.repository import Repository
from turnout.errors import EditError, FileUnusable

MAX_FILES = 20
MAX_BYTES = 120_000
"""Of one request, and of files that nobody named and that mention nothing of what the instruction speaks of."""
MOST_NAMED, MOST_NAMED_BYTES = 200, 1_200_000
"""Of a refactor: what is named, planned or mentioned, and more than one request takes, is worked on in rounds."""
UNSAYABLE = "An edit cannot name it: its name reads as another place."
MAX_LOOKED_AT = 5_000
NOT_CODE = frozenset({"css", "html", "json", "markdown", "plaintext", "toml", "yaml"})
_STOP = frozenset(
    """
    add all and any are as at be by can change class code comment comments const convert create def delete docstring
    document each every file files fix for from func function functions give has have if import in into is it its let
    make method methods module move must new no none not of on one only or out please put refactor remove rename replace
    return self should so test tests than that the their them then there these this those to type types use uses using
    var variable when where which with without write
    """.split()  # noqa: SIM905 - prose, read and edited as prose
)


@dataclass(frozen=True, slots=True)
class Reference:
    """A place that another language server of the editor names as a reference to what is selected."""

    uri: str
    line: int


@dataclass(frozen=True, slots=True)
class Request:
    """What the user asked to have changed; `scope` are the URIs of the files that may be, empty to have them found.

    With an approved plan, its files are the scope. `symbol` is the name of what is defined around the selection.
    `swept` are those of the scope that nobody named one by one, as the files of a folder: what is no text among them
    is not missed. `folders` are those that were named, as what the paths of all that is in them begin with: `src/`, and
    nothing for all of the workspace.
    """

    instruction: str
    document: str | None = None
    selection: Span | None = None
    scope: tuple[str, ...] = ()
    approved: Approved | None = None
    references: tuple[Reference, ...] = ()
    symbol: str = ""
    swept: frozenset[str] = frozenset()
    folders: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Scope:
    """Files by path, the most important first, those left out, and the names that the instruction speaks of.

    `whys` says of each path why it was chosen. Of those left out, `beyond` are past the limit, and `missed` were
    named one by one. `mentioning` are those found by the names. `is_new` is where nothing was named and there is
    nothing that could change.
    """

    files: dict[str, Snapshot]
    skipped: tuple[Skipped, ...]
    names: frozenset[str] = frozenset()
    whys: dict[str, str] = field(default_factory=dict)
    beyond: tuple[str, ...] = ()
    missed: tuple[Skipped, ...] = ()
    mentioning: frozenset[str] = frozenset()
    is_new: bool = False

    @property
    def unseen(self) -> tuple[str, ...]:
        """Files past the limit that mention what the instruction speaks of."""
        return tuple(path for path in self.beyond if path in self.mentioning)

    def of_one_request(self) -> "Scope":
        """This scope with the files that one request takes; itself where that is all."""
        left = MAX_BYTES
        kept: dict[str, Snapshot] = {}
        for path, file in self.files.items():
            size = sizes_of([file])[0]
            if len(kept) < MAX_FILES and (not kept or size <= left):
                kept[path] = file
                left -= size
        if len(kept) == len(self.files):
            return self
        out = tuple(path for path in self.files if path not in kept)
        past = (_past(path, (MAX_FILES, MAX_BYTES)) for path in out)
        return replace(self, files=kept, skipped=(*self.skipped, *past), beyond=(*out, *self.beyond))

    def without(self, objections: Mapping[str, str], request: Request) -> "Scope":
        """This scope without files that there are `objections` to, by path."""
        out = {path: Skipped(path, why) for path, why in objections.items() if path in self.files}
        named = frozenset(request.scope) - request.swept
        return replace(
            self,
            files={path: file for path, file in self.files.items() if path not in out},
            skipped=(*self.skipped, *out.values()),
            missed=(*self.missed, *(out[path] for path in out if self.files[path].uri in named)),
        )


class _Gatherer:
    """Takes files until one of the limits is reached."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self.most = (MOST_NAMED, MOST_NAMED_BYTES)
        self._bytes = 0
        self._names: dict[Hashable, str] = {}
        self.files: dict[str, Snapshot] = {}
        self.skipped: dict[str, Skipped] = {}
        self.whys: dict[str, str] = {}
        self.beyond: list[str] = []
        self.missed: list[Skipped] = []

    def take_named(self, uri: str, why: str, *, swept: bool) -> None:
        """Take a file of the request's scope; what is left out of those is missed, unless it was only `swept` in."""
        try:
            path = self._workspace.path(uri)
        except EditError as exc:
            self.skipped[uri] = Skipped(uri, str(exc))
            path = uri
        else:
            self.take(path, uri, why)
        if path in self.skipped and not swept:
            self.missed.append(self.skipped[path])

    def take_uri(self, uri: str, why: str) -> None:
        self.take_named(uri, why, swept=True)

    def can_name(self, path: str) -> bool:
        """Whether a reply can name `path`; otherwise it is left out."""
        if is_sayable(path):
            return True
        self.skipped[path] = Skipped(path, UNSAYABLE)
        return False

    def take_path(self, path: str, why: str) -> None:
        try:
            uri = self._workspace.uri(path)
        except EditError as exc:
            self.skipped[path] = Skipped(path, str(exc))
            return
        self.take(path, uri, why)

    def take(self, path: str, uri: str, why: str) -> None:
        if path in self.files or path in self.skipped:
            return
        try:
            file = self._workspace.snapshot(uri)
        except EditError as exc:
            self.skipped[path] = Skipped(path, str(exc))
            return
        if file is None:
            self.skipped[path] = Skipped(path, "There is no such file.")
            return
        identity = self._workspace.folder.identity(uri)
        if identity in self._names:
            self.skipped[path] = Skipped(path, same_file(path, self._names[identity]))
            return
        size = len(file.text.encode("utf-8", "replace"))
        files, bytes_ = self.most
        if len(self.files) >= files or (self.files and self._bytes + size > bytes_):
            self.beyond.append(path)
            self.skipped[path] = _past(path, self.most)
            return
        self._bytes += size
        if identity is not None:
            self._names[identity] = path
        self.files[path] = file
        self.whys[path] = why


def _past(path: str, most: tuple[int, int]) -> Skipped:
    return Skipped(path, f"It is past the limit of {most[0]} files or {most[1]} bytes.")


def is_sayable(path: str) -> bool:
    """Whether a file in the folder can be named in an edit: not where its name reads as another place, as `~/a.py`."""
    try:
        return normalise(path) == path
    except EditError:
        return False


def gather(request: Request, workspace: Workspace, repository: Repository | None = None) -> Scope:
    """The files for `request`: those of its scope, else its document and files that mention what it speaks of.

    A plan that only creates files is shown those of the scope, or the document. A `repository` whose index is whole
    says which files mention a name; without one, up to 5,000 files are read. Call it in a thread.
    """
    taken = _Gatherer(workspace)
    for path in request.approved.present if request.approved else ():
        taken.take_path(path, "it is in the plan")
    if not taken.files:
        for uri in request.scope:
            taken.take_named(uri, "it is in the scope of the request", swept=uri in request.swept)
        if request.document and not request.scope:
            taken.take_uri(request.document, "it is the document of the request")
    names = _names(request, taken.files.values())
    mentioning: Collection[str] = ()
    if not (request.scope or request.approved):
        found = _mentioning(names, workspace, taken, repository)
        for path in filter(found.defining.get, found.ranked):
            taken.take_path(path, found.why(path))
        _take_referring(request, workspace, taken, most=MAX_FILES // 2)
        for path in found.ranked:
            taken.take_path(path, found.why(path))
        mentioning, taken.most = found.mentioned, (MAX_FILES, MAX_BYTES)
        _take_referring(request, workspace, taken)
        for path in () if taken.files else found.listed:
            taken.take_path(path, "nothing else tells files apart")
    return Scope(
        taken.files,
        tuple(taken.skipped.values()),
        names,
        taken.whys,
        tuple(taken.beyond),
        tuple(taken.missed),
        frozenset(mentioning),
        is_new=not (request.scope or request.document or taken.files or taken.skipped),
    )


def _take_referring(request: Request, workspace: Workspace, taken: _Gatherer, most: int = MOST_NAMED) -> None:
    """Files that the editor's other language servers name, those with the most references first, up to `most` in all.

    What is at the cursor need not be what the instruction speaks of, so these alone do not fill a request.
    """
    if not request.references:
        return
    counts = Counter(reference.uri for reference in request.references)
    listed = frozenset(workspace.paths())
    for uri in sorted(counts, key=lambda uri: (-counts[uri], uri)):
        with suppress(EditError):
            path = workspace.path(uri)
            if path in listed and len(taken.files) < most:
                taken.take(path, uri, f"the editor finds {counts[uri]} references in it")


def mentions(file: Snapshot, names: Iterable[str]) -> tuple[tuple[int, str], ...]:
    """Lines of `file`, by number from 1, that have one of `names` as a whole word."""
    if not (words := "|".join(map(re.escape, sorted(names)))):
        return ()
    pattern = re.compile(rf"(?<![\w$])(?:{words})(?![\w$])")
    numbered = enumerate(map(line_body, file.lines), start=1)
    return tuple((number, line) for number, line in numbered if pattern.search(line))


def selected_text(file: Snapshot, selection: Span) -> str:
    """The text of `selection`, whose positions may lie past the ends of lines."""
    (first, from_), (last, to) = selection
    lines = list(file.lines[first : last + 1])
    if not lines:
        return ""
    if last < len(file.lines):
        lines[-1] = lines[-1][:to]
    lines[0] = lines[0][from_:]
    return "".join(lines)


def focused(request: Request, files: Mapping[str, Snapshot]) -> str:
    """The text that the user had selected, where it is in the first of `files`."""
    file = next(iter(files.values()), None)
    if file is None or request.selection is None or file.uri != request.document:
        return ""
    return selected_text(file, request.selection)


def must_be_workable(request: Request, scope: Scope) -> None:
    """Raises FileUnusable for a request without a file to work on, or with more named files than one refactor takes.

    What was named and is not even looked at would be missing from a change that is called whole.
    """
    if not (scope.files or scope.is_new):
        reasons = " ".join(f"{skipped.path}: {skipped.reason}" for skipped in scope.skipped[:5])
        raise FileUnusable(
            f"There is no file to work on. {reasons}".strip(),
            advice="Name the files that the change is about.",
        )
    if scope.beyond and request.scope and request.approved is None:
        raise FileUnusable(
            f"{len(scope.files) + len(scope.beyond)} files were named, {len(scope.beyond)} more than fit: one refactor "
            f"takes at most {MOST_NAMED} files and {MOST_NAMED_BYTES:,} bytes.",
            advice="Name fewer at once, or none, to have those found that mention what the instruction speaks of.",
        )


def _mentioning(
    names: Collection[str], workspace: Workspace, taken: _Gatherer, repository: Repository | None
) -> Found:
    """Other files of code, and where `names` are in them."""
    in_index = repository is not None and is_whole(repository)
    looked_at = islice(workspace.paths(), None if in_index else MAX_LOOKED_AT)
    listed = [
        path
        for path in looked_at
        if path not in taken.files and language_of(path) not in NOT_CODE and taken.can_name(path)
    ]
    if repository is not None and in_index:
        mentioned, defining = indexed(names, repository, frozenset(listed))
        others = unindexed(listed, repository)[:MAX_LOOKED_AT]
        more, more_defining = read(names, others, workspace, taken.skipped)
        return Found(listed, mentioned | more, defining | more_defining)
    return Found(listed, *read(names, listed, workspace, taken.skipped))


def _names(request: Request, files: Iterable[Snapshot]) -> frozenset[str]:
    """What the instruction speaks of: words that look like code, and plain words that `files` have as names.

    The first name in a selection is what it defines or calls, so that counts too.
    """
    given = list(files)
    spoken = {word for word in WORD.findall(request.instruction) if word.lower() not in _STOP}
    known = {word for file in given for word in WORD.findall(file.text)} if given else spoken
    names = {word for word in spoken if word in known or _looks_like_code(word)}
    if request.symbol and not names:
        names.add(request.symbol)
    if given and request.selection and given[0].uri == request.document:
        selected = WORD.findall(selected_text(given[0], request.selection))
        names |= set([word for word in selected if word.lower() not in _STOP][:1])
    return frozenset(names)


def _looks_like_code(word: str) -> bool:
    return (
        "_" in word
        or any(c.isdigit() for c in word)
        or not (word.islower() or word.istitle() or word.isupper())
    )
