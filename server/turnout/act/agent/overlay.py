"""The files of a refactor as they are with what was accepted of it so far.

Invariants: there is one change of each file, from the text that its user has to the text that it has now, and no two
are about one place; a change that is refused leaves all others, and what was accepted of its own file, as they were.
"""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from turnout.act.seams import Workspace
from turnout.core.documents import Snapshot
from turnout.core.edits.assemble import Parser, Shown
from turnout.core.edits.changes import FileChange, file_change
from turnout.core.edits.locating import Region, bodies_of
from turnout.core.edits.matching import replace_regions
from turnout.core.edits.paths import same_file, same_place
from turnout.core.languages import language_of
from turnout.errors import PathRefused, PlaceTaken

Objection = Callable[[FileChange], str | None]
"""Why a change may not be made; None where it may."""


@dataclass
class Overlay:
    """What was accepted of one refactor; `changes` go by the path that a file had before."""

    workspace: Workspace
    changes: dict[str, FileChange] = field(default_factory=dict)

    def at(self, path: str) -> FileChange | None:
        """The change whose text is at `path` now."""
        found = (change for change in self.changes.values() if change.kind != "delete")
        return next((change for change in found if (change.new_path or change.path) == path), None)

    def is_gone(self, path: str) -> bool:
        """Whether there was a file at `path` and is none any more."""
        change = self.changes.get(path)
        return change is not None and change.kind in ("delete", "rename") and self.at(path) is None

    def present(self, path: str) -> str:
        """Where the file is now that was at `path` before; `path` itself for one that was not moved."""
        change = self.changes.get(path)
        return _place(change) if change is not None and self.is_gone(path) else path

    def origin(self, path: str) -> str | None:
        """The path that the file at `path` had before; None for one that is new."""
        change = self.at(path)
        if change is None:
            return path
        return None if change.kind == "create" else change.path

    def listed(self, paths: Iterable[str]) -> list[str]:
        """`paths` as they are now: with new ones, and without those that are gone."""
        kept = [path for path in paths if not self.is_gone(path)]
        there = set(kept)
        return kept + [
            path for path in map(_place, self.changes.values()) if self.at(path) and path not in there
        ]

    def file(self, change: FileChange) -> Snapshot:
        """The file that one of `changes` makes."""
        return Snapshot(
            change.new_uri or change.uri, language_of(_place(change)), change.version, change.after
        )

    def files(self, originals: Mapping[str, Snapshot]) -> dict[str, Snapshot]:
        """`originals`, by path, and files that are new, as they are now."""
        now = {path: file for path, file in originals.items() if path not in self.changes}
        for path, change in self.changes.items():
            if change.kind != "delete" and (change.kind == "create" or path in originals):
                now[_place(change)] = self.file(change)
        return now

    def shown(self, files: Mapping[str, Snapshot], parser: Parser | None) -> Shown:
        """`files`, which are as they are now, for the next edits."""
        uris = {change.new_uri or change.uri: change for change in self.changes.values()}

        def exists(uri: str) -> bool:
            change = uris.get(uri)
            if change is not None:
                return change.kind != "delete"
            gone = any(uri == change.uri and change.kind == "rename" for change in self.changes.values())
            return not gone and self.workspace.exists(uri)

        def identity(uri: str) -> Hashable:
            return self.workspace.folder.identity(uris[uri].uri if uri in uris else uri)

        return Shown(files, self.workspace.uri, exists, parser, identity)

    def take(self, change: FileChange, objection: Objection) -> None:
        """Accept a change of a file as it is now. Raises PathRefused where there is something against it."""
        first = self._deleted(change.path) if change.kind == "create" else self.at(change.path)
        whole = change if first is None else composed(first, change)
        if whole is not None:
            self._must_be_possible(whole, first)
            if barred := objection(whole):
                raise PathRefused(barred)
        if first is not None and (whole is None or whole.path != first.path):
            del self.changes[first.path]
        if whole is not None:
            self.changes[whole.path] = whole

    def reset(self, path: str) -> FileChange | None:
        """Let go of what was accepted for the file that is, or was, at `path`."""
        change = self.at(path) or self.changes.get(path)
        return self.changes.pop(change.path) if change else None

    def _deleted(self, path: str) -> FileChange | None:
        change = self.changes.get(path)
        return change if change is not None and change.kind == "delete" else None

    def _must_be_possible(self, change: FileChange, first: FileChange | None) -> None:
        """Raises PlaceTaken where another change is about the same place, or the same file by another name."""
        places = {same_place(change.path), same_place(_place(change))}
        identity = None if change.kind == "create" else self.workspace.folder.identity(change.uri)
        for other in self.changes.values():
            if other is first:
                continue
            if not places.isdisjoint((same_place(other.path), same_place(_place(other)))):
                raise PlaceTaken(f"{_place(change)} is the place of two files.{_instead(change, other)}")
            if identity is not None and identity == self.workspace.folder.identity(other.uri):
                raise PlaceTaken(same_file(change.path, other.path))


def composed(first: FileChange, then: FileChange) -> FileChange | None:
    """One change for `first` and for `then`, which is made to what it left; None where all is as it was."""
    if then.kind == "delete":
        if first.kind == "create":
            return None
        return file_change(
            "delete", first.uri, first.path, first.before, (), version=first.version, mark=first.mark
        )
    uri, path = then.new_uri or then.uri, _place(then)
    if first.kind == "create":
        return file_change("create", uri, path, (), then.after)
    if path != first.path:
        return file_change(
            "rename",
            first.uri,
            first.path,
            first.before,
            then.after,
            version=first.version,
            new_uri=uri,
            new_path=path,
            mark=first.mark,
        )
    after = _in_style_of(first.before, then.after) if then.kind == "create" else then.after
    if after == first.before:
        return None
    return file_change("edit", first.uri, path, first.before, after, version=first.version, mark=first.mark)


def _instead(change: FileChange, other: FileChange) -> str:
    """What does the same as `change`, which takes a place of `other`, for the model; empty where nothing does."""
    if (
        change.kind == "create"
        and other.kind == "rename"
        and same_place(change.path) == same_place(other.path)
    ):
        return f" Use reset_files for {other.path}, then create {other.new_path} and rewrite {other.path}."
    if change.kind == "rename" and other.kind == "delete":
        return f" Create {change.new_path} with its new text and delete {change.path}."
    return ""


def _in_style_of(before: Sequence[str], lines: Sequence[str]) -> tuple[str, ...]:
    """`lines` with the ends of lines that the text `before` them had in their place."""
    return replace_regions(before, [Region(0, len(before), tuple(bodies_of(lines)))])


def _place(change: FileChange) -> str:
    return change.new_path or change.path
