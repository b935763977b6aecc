"""What happens to a file: its lines before and after, cut into hunks that can be chosen one by one.

Invariants: all hunks applied to `before` give `after`; any subset gives whole lines of one or the other.
The first hunk of a create, delete or rename stands for the operation on the file itself.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from turnout.core.documents import Position, Span
from turnout.core.edits.diff import changed_ranges
from turnout.core.rows import line_span

ChangeKind = Literal["edit", "create", "delete", "rename"]

_CONTEXT_LINES = 3


@dataclass(frozen=True, slots=True)
class Hunk:
    """Whole lines with their endings, from line `start` (from 0) of the text before, and what replaces them."""

    id: str
    start: int
    before: tuple[str, ...]
    after: tuple[str, ...]

    @property
    def end(self) -> int:
        """The line after the last one replaced."""
        return self.start + len(self.before)


@dataclass(frozen=True, slots=True)
class TextEdit:
    """`text` in the place of `span`."""

    span: Span
    text: str


@dataclass(frozen=True, slots=True)
class FileChange:
    """One file of a proposal; `path` and `new_path` are workspace-relative, `version` is the document's, if open.

    `mark` is the byte order mark of a file, which is no part of its text. `mode` are the permissions of a file that is
    deleted, renamed or created anew, where they are known. `folders` are those that were not there before this change,
    or the one that it takes back, put a file into them. `in_editor` says who makes the change: an editor, in which
    a text is on disk once its user saves it, or Turnout on disk.
    """

    uri: str
    path: str
    kind: ChangeKind
    before: tuple[str, ...]
    after: tuple[str, ...]
    hunks: tuple[Hunk, ...]
    version: int | None = None
    new_uri: str | None = None
    new_path: str | None = None
    mark: str = ""
    mode: int | None = None
    folders: tuple[str, ...] = ()
    in_editor: bool = False

    @property
    def diff(self) -> str:
        """The change as unified diff text, which `git apply` takes."""
        return unified_diff(self)

    def span(self, hunk: Hunk) -> Span:
        """Where `hunk` stands in the text before."""
        return line_span(self.before, hunk.start, hunk.end)


@dataclass(frozen=True, slots=True)
class DocumentEdit:
    """Edits of one document, all counted in the text that it has at `version` (None where no editor has it open).

    `before` are the lines of that text: all that tells one state of a closed file from another.
    """

    uri: str
    version: int | None
    edits: tuple[TextEdit, ...]
    before: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class CreateFile:
    """A file that must not exist yet, with its text, and its permissions where it was there before."""

    uri: str
    text: str
    mode: int | None = None


@dataclass(frozen=True, slots=True)
class DeleteFile:
    """A file to remove, and its text with its byte order mark; without one, whatever it holds."""

    uri: str
    before: str | None = None


@dataclass(frozen=True, slots=True)
class RenameFile:
    """A file to move to a place where nothing is yet, with its permissions where they are known."""

    uri: str
    new_uri: str
    mode: int | None = None


FileOperation = CreateFile | DeleteFile | RenameFile


@dataclass(frozen=True, slots=True)
class Transaction:
    """Changes that take effect together; `label` is what an editor shows in its undo list."""

    label: str
    edits: tuple[DocumentEdit, ...] = ()
    operations: tuple[FileOperation, ...] = ()


def file_change(
    kind: ChangeKind,
    uri: str,
    path: str,
    before: Sequence[str],
    after: Sequence[str],
    *,
    version: int | None = None,
    new_uri: str | None = None,
    new_path: str | None = None,
    mark: str = "",
) -> FileChange:
    """The change of one file, cut into hunks that are named by their number."""
    whole = kind in ("create", "delete")
    pieces = [(0, tuple(before), tuple(after))] if whole else _pieces(before, after)
    if kind == "rename":
        pieces.insert(0, (0, (), ()))
    hunks = tuple(Hunk(str(number), *piece) for number, piece in enumerate(pieces))
    return FileChange(uri, path, kind, tuple(before), tuple(after), hunks, version, new_uri, new_path, mark)


def numbered(changes: Iterable[FileChange]) -> tuple[FileChange, ...]:
    """`changes` with hunks named `FILE.HUNK`, both counted from 0: names that no other hunk of the proposal has."""
    return tuple(
        replace(
            change, hunks=tuple(replace(h, id=f"{index}.{number}") for number, h in enumerate(change.hunks))
        )
        for index, change in enumerate(changes)
    )


def _pieces(
    before: Sequence[str], after: Sequence[str]
) -> list[tuple[int, tuple[str, ...], tuple[str, ...]]]:
    return [
        (c.start, tuple(before[c.start : c.end]), tuple(after[c.new_start : c.new_end]))
        for c in changed_ranges(before, after)
    ]


def chosen(change: FileChange, ids: Collection[str] | None) -> FileChange | None:
    """The part of `change` whose hunks are in `ids` (None: all); None where nothing is left of it.

    A rename that was not chosen leaves its hunks of text to the file in its old place.
    """
    if ids is None:
        return change
    hunks = tuple(hunk for hunk in change.hunks if hunk.id in ids)
    if not hunks:
        return None
    after = apply_hunks(change.before, hunks)
    if change.kind == "rename" and hunks[0] is not change.hunks[0]:
        return replace(change, kind="edit", after=after, hunks=hunks, new_uri=None, new_path=None)
    return replace(change, after=after, hunks=hunks)


def remaining(change: FileChange, ids: Collection[str]) -> FileChange | None:
    """What is left of `change` once its hunks in `ids` were applied, counted in what they made; None for nothing.

    A rename that was applied leaves its hunks of text to the file in its new place.
    """
    shift = 0
    done: list[Hunk] = []
    left: list[Hunk] = []
    for hunk in change.hunks:
        if hunk.id in ids:
            done.append(hunk)
            shift += len(hunk.after) - len(hunk.before)
        else:
            left.append(replace(hunk, start=hunk.start + shift))
    if not (done and left):
        return change if left else None
    rest = replace(change, before=apply_hunks(change.before, done), hunks=tuple(left), version=None)
    if change.kind != "rename" or done[0] is not change.hunks[0]:
        return rest
    assert change.new_uri is not None
    return replace(
        rest, kind="edit", uri=change.new_uri, path=change.new_path or "", new_uri=None, new_path=None
    )


def inverse(change: FileChange) -> FileChange:
    """The change that takes `change` back."""
    shift = 0
    hunks = []
    for hunk in change.hunks:
        hunks.append(Hunk(hunk.id, hunk.start + shift, hunk.after, hunk.before))
        shift += len(hunk.after) - len(hunk.before)
    turned = replace(change, before=change.after, after=change.before, hunks=tuple(hunks), version=None)
    match change.kind:
        case "create":
            return replace(turned, kind="delete")
        case "delete":
            return replace(turned, kind="create")
        case "rename":
            assert change.new_uri is not None
            return replace(
                turned,
                uri=change.new_uri,
                path=change.new_path or "",
                new_uri=change.uri,
                new_path=change.path,
            )
        case "edit":
            return turned


def text_hunks(change: FileChange) -> tuple[Hunk, ...]:
    """The hunks that are edits of an existing text."""
    match change.kind:
        case "edit":
            return change.hunks
        case "rename":
            return change.hunks[1:]
        case "create" | "delete":
            return ()


def operation(change: FileChange) -> FileOperation | None:
    """What `change` does to the file itself; None for an edit."""
    match change.kind:
        case "create":
            return CreateFile(change.uri, change.mark + "".join(change.after), change.mode)
        case "delete":
            return DeleteFile(change.uri, change.mark + "".join(change.before))
        case "rename":
            assert change.new_uri is not None
            return RenameFile(change.uri, change.new_uri, change.mode)
        case "edit":
            return None


def apply_hunks(lines: Sequence[str], hunks: Iterable[Hunk]) -> tuple[str, ...]:
    """`lines` with `hunks` (in order, counted in `lines`, not overlapping) put in."""
    result: list[str] = []
    at = 0
    for hunk in hunks:
        result += lines[at : hunk.start]
        result += hunk.after
        at = hunk.end
    return (*result, *lines[at:])


def text_edits(lines: Sequence[str], hunks: Iterable[Hunk]) -> tuple[TextEdit, ...]:
    """`hunks` as edits with positions that exist in `lines`."""
    return tuple(TextEdit(line_span(lines, h.start, h.end), "".join(h.after)) for h in hunks)


def spliced(lines: Sequence[str], edits: Iterable[TextEdit]) -> list[str]:
    """Text with `edits` (in order, counted in `lines`, not overlapping) put in, in pieces to be joined."""
    result: list[str] = []
    at = Position(0, 0)
    for edit in edits:
        result += _between(lines, at, edit.span.start)
        result.append(edit.text)
        at = edit.span.end
    return result + _between(lines, at, Position(len(lines), 0))


def _between(lines: Sequence[str], start: Position, end: Position) -> list[str]:
    """The pieces of `lines` from `start` to `end`."""
    if start.line == end.line:
        return [lines[start.line][start.character : end.character]] if start.line < len(lines) else []
    pieces = [lines[start.line][start.character :], *lines[start.line + 1 : end.line]]
    return [*pieces, lines[end.line][: end.character]] if end.line < len(lines) else pieces


def unified_diff(change: FileChange) -> str:
    """The change in the format of git, byte for byte: whatever ends a line but `\\n` is part of it."""
    old = "/dev/null" if change.kind == "create" else _named("a/", change.path)
    new = "/dev/null" if change.kind == "delete" else _named("b/", change.new_path or change.path)
    exact = _by_newlines(change)
    hunks = [hunk for hunk in exact.hunks if hunk.before or hunk.after]
    body = "".join(_group_text(exact.before, group) for group in _groups(hunks))
    sides = f"--- {_ended(old)}\n+++ {_ended(new)}\n" if body else ""
    return f"{_heading(change)}{sides}{body}"


def _heading(change: FileChange) -> str:
    """What git says of the file itself in front of its hunks."""
    place = change.new_path or change.path
    heading = f"diff --git {_named('a/', change.path)} {_named('b/', place)}\n"
    mode = "100755" if (change.mode or 0) & 0o111 else "100644"
    match change.kind:
        case "create":
            return f"{heading}new file mode {mode}\n"
        case "delete":
            return f"{heading}deleted file mode {mode}\n"
        case "rename":
            return f"{heading}rename from {_named('', change.path)}\nrename to {_named('', place)}\n"
        case "edit":
            return heading


def _named(prefix: str, path: str) -> str:
    """A path as git writes it."""
    if '"' not in path and "\\" not in path:
        return prefix + path
    escaped = path.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{prefix}{escaped}"'


def _ended(name: str) -> str:
    """A name with blanks ends with a tab, as what follows could be a date."""
    return f"{name}\t" if " " in name else name


def _by_newlines(change: FileChange) -> FileChange:
    """`change` with lines that end with `\\n` only, and with the byte order mark in its text."""
    if not change.mark and not any(line.endswith("\r") for line in (*change.before, *change.after)):
        return change
    before, after = (_cut(change.mark + "".join(lines)) for lines in (change.before, change.after))
    if change.kind == "create":
        before = []
    elif change.kind == "delete":
        after = []
    hunks = tuple(Hunk("", *piece) for piece in _pieces(before, after))
    return replace(change, before=tuple(before), after=tuple(after), hunks=hunks)


def _cut(text: str) -> list[str]:
    *lines, last = text.split("\n")
    return [*(f"{line}\n" for line in lines), *([last] if last else [])]


def _groups(hunks: Sequence[Hunk]) -> list[list[tuple[Hunk, int]]]:
    """Hunks whose context lines touch, together; each with its number of lines gained before it."""
    groups: list[list[tuple[Hunk, int]]] = []
    shift = end = 0
    for hunk in hunks:
        if groups and hunk.start - end <= 2 * _CONTEXT_LINES:
            groups[-1].append((hunk, shift))
        else:
            groups.append([(hunk, shift)])
        end = hunk.end
        shift += len(hunk.after) - len(hunk.before)
    return groups


def _group_text(lines: Sequence[str], group: list[tuple[Hunk, int]]) -> str:
    first, shift = group[0]
    last = group[-1][0]
    start, end = max(0, first.start - _CONTEXT_LINES), min(len(lines), last.end + _CONTEXT_LINES)
    rows: list[str] = []
    at = start
    for hunk, _ in group:
        rows += _rows(" ", lines[at : hunk.start])
        rows += _rows("-", hunk.before) + _rows("+", hunk.after)
        at = hunk.end
    rows += _rows(" ", lines[at:end])
    count = end - start
    new_count = count + sum(len(hunk.after) - len(hunk.before) for hunk, _ in group)
    return f"@@ -{_range(start, count)} +{_range(start + shift, new_count)} @@\n" + "".join(rows)


def _range(start: int, count: int) -> str:
    return f"{start + 1 if count else start},{count}"


def _rows(mark: str, lines: Sequence[str]) -> list[str]:
    return [
        f"{mark}{line}" if line.endswith("\n") else f"{mark}{line}\n\\ No newline at end of file\n"
        for line in lines
    ]
