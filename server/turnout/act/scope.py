"""Choose the files that a refactor works on, and say which were left out.

Invariant: what the user named comes first and is never dropped for what was found; nothing hidden or ignored by git is
looked at unless the user named it.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from itertools import islice

from turnout.act.proposals import Skipped
from turnout.act.seams import Workspace
from turnout.core.documents import Snapshot, Span, line_body
from turnout.core.edits.plans import Approved
from turnout.core.languages import language_of
from turnout.errors import EditError

MAX_FILES = 20
MAX_BYTES = 120_000
_MAX_LOOKED_AT = 5_000
_WORD = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]+")
_NOT_CODE = frozenset({"css", "html", "json", "markdown", "plaintext", "toml", "yaml"})
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
class Request:
    """What the user asked to have changed; `scope` are the URIs of the files that may be, empty to have them found.

    With an approved plan, its files are the scope.
    """

    instruction: str
    document: str | None = None
    selection: Span | None = None
    scope: tuple[str, ...] = ()
    approved: Approved | None = None


@dataclass(frozen=True, slots=True)
class Scope:
    """Files by path, the most important first, those left out, and the names that the instruction speaks of."""

    files: dict[str, Snapshot]
    skipped: tuple[Skipped, ...]
    names: frozenset[str] = frozenset()


class _Gatherer:
    """Takes files until one of the limits is reached."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._bytes = 0
        self.files: dict[str, Snapshot] = {}
        self.skipped: dict[str, Skipped] = {}

    def take_uri(self, uri: str) -> None:
        try:
            path = self._workspace.path(uri)
        except EditError as exc:
            self.skipped[uri] = Skipped(uri, str(exc))
            return
        self.take(path, uri)

    def take_path(self, path: str) -> None:
        try:
            uri = self._workspace.uri(path)
        except EditError as exc:
            self.skipped[path] = Skipped(path, str(exc))
            return
        self.take(path, uri)

    def take(self, path: str, uri: str) -> None:
        if path in self.files:
            return
        try:
            file = self._workspace.snapshot(uri)
        except EditError as exc:
            self.skipped[path] = Skipped(path, str(exc))
            return
        if file is None:
            self.skipped[path] = Skipped(path, "There is no such file.")
            return
        size = len(file.text.encode("utf-8", "replace"))
        if len(self.files) >= MAX_FILES or (self.files and self._bytes + size > MAX_BYTES):
            self.skipped[path] = Skipped(
                path, f"It is past the limit of {MAX_FILES} files or {MAX_BYTES} bytes."
            )
            return
        self._bytes += size
        self.files[path] = file


def gather(request: Request, workspace: Workspace) -> Scope:
    """The files for `request`: those of its scope, else its document and files that mention what it speaks of.

    A plan that only creates files is shown those of the scope, or the document.
    Reads files, up to 5,000 of them: call it in a thread.
    """
    taken = _Gatherer(workspace)
    for path in request.approved.present if request.approved else ():
        taken.take_path(path)
    if not taken.files:
        for uri in request.scope or ((request.document,) if request.document else ()):
            taken.take_uri(uri)
    names = _names(request, taken.files.values())
    if not (request.scope or request.approved):
        for path in _mentioning(names, workspace, taken):
            taken.take(path, workspace.uri(path))
    return Scope(taken.files, tuple(taken.skipped.values()), names)


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


def _mentioning(names: Collection[str], workspace: Workspace, taken: _Gatherer) -> list[str]:
    """Other files of code that mention `names`, those with the rarest ones first.

    Without a document to begin with, and with nothing found, every file of code is as good as another.
    """
    found_in: dict[str, set[str]] = {}
    others: list[str] = []
    for path in islice(workspace.paths(), _MAX_LOOKED_AT):
        if path in taken.files or language_of(path) in _NOT_CODE:
            continue
        others.append(path)
        if names and (found := _found(path, names, workspace, taken)):
            found_in[path] = found
    if not found_in:
        return [] if taken.files else others
    spread = Counter(name for found in found_in.values() for name in found)
    scores = {path: sum(1 / spread[name] for name in found) for path, found in found_in.items()}
    return sorted(found_in, key=lambda path: (-scores[path], path))


def _found(path: str, names: Collection[str], workspace: Workspace, taken: _Gatherer) -> set[str]:
    """Those of `names` that the file mentions."""
    try:
        file = workspace.snapshot(workspace.uri(path))
    except EditError as exc:
        taken.skipped[path] = Skipped(path, str(exc))
        return set()
    text = file.text if file else ""
    likely = {name for name in names if name in text}
    return likely.intersection(_WORD.findall(text)) if likely else set()


def _names(request: Request, files: Iterable[Snapshot]) -> frozenset[str]:
    """What the instruction speaks of: words that look like code, and plain words that `files` have as names.

    The first name in a selection is what it defines or calls, so that counts too.
    """
    given = list(files)
    spoken = {word for word in _WORD.findall(request.instruction) if word.lower() not in _STOP}
    known = {word for file in given for word in _WORD.findall(file.text)} if given else spoken
    names = {word for word in spoken if word in known or _looks_like_code(word)}
    if given and request.selection and given[0].uri == request.document:
        selected = _WORD.findall(selected_text(given[0], request.selection))
        names |= set([word for word in selected if word.lower() not in _STOP][:1])
    return frozenset(names)


def _looks_like_code(word: str) -> bool:
    return (
        "_" in word
        or any(c.isdigit() for c in word)
        or not (word.islower() or word.istitle() or word.isupper())
    )
