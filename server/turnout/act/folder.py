"""A workspace folder on disk: which of its files may be looked at, and their text.

Invariants: no path leads out of the folder, also not through links; `.git` is never touched;
a file is either sound UTF-8 text of at most 1 MiB or refused with the reason.
"""

import os
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import url2pathname

from turnout.core.documents import Snapshot, split_lines
from turnout.core.edits.paths import is_hidden, normalise
from turnout.core.languages import language_of
from turnout.errors import FileUnusable, PathRefused

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

MAX_FILE_BYTES = 1024 * 1024


class Folder:
    """The files below `root`; the part of a `Workspace` that needs no editor."""

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()
        self._resolved = self.root.resolve()

    def uri(self, path: str) -> str:
        """The URI of a workspace-relative path. Raises PathRefused for a path that leaves the folder."""
        return self._inside(self.root / normalise(path)).as_uri()

    def path(self, uri: str) -> str:
        """The workspace-relative path of a URI. Raises PathRefused for one outside of the folder."""
        parts = urlsplit(uri)
        if parts.scheme != "file":
            raise PathRefused(f"{uri} is not a file.")
        file = Path(url2pathname(parts.path))
        for root in (self.root, self._resolved):
            if file.is_relative_to(root):
                path = normalise(file.relative_to(root).as_posix())
                self._inside(self.root / path)
                return path
        raise PathRefused(f"{file} is not in {self.root}.")

    def exists(self, uri: str) -> bool:
        """Whether a file, readable or not, is in that place."""
        return os.path.lexists(self.root / self.path(uri))

    def snapshot(self, uri: str) -> Snapshot | None:
        """The text on disk; None where no file is. Raises FileUnusable or PathRefused."""
        path = self.path(uri)
        file = self.root / path
        try:
            if file.stat().st_size > MAX_FILE_BYTES:
                raise FileUnusable(f"{path} is larger than 1 MiB.")
            data = file.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as exc:
            raise FileUnusable(f"{path} cannot be read: {exc.strerror}.") from exc
        return Snapshot(uri, language_of(path), None, tuple(split_lines(_decoded(path, data))))

    def paths(self) -> Iterator[str]:
        """Files nearest the top first, without hidden ones, links, and what git ignores."""
        pending: deque[tuple[str, tuple[tuple[str, GitIgnoreSpec], ...]]] = deque([("", ())])
        while pending:
            directory, rules = pending.popleft()
            rules = self._with_rules_of(directory, rules)
            for entry in self._entries(directory):
                path = f"{directory}{entry.name}"
                if is_hidden(entry.name) or entry.is_symlink() or _ignored(path, entry.is_dir(), rules):
                    continue
                if entry.is_dir():
                    pending.append((f"{path}/", rules))
                elif entry.is_file():
                    yield path

    def _entries(self, directory: str) -> list[os.DirEntry[str]]:
        try:
            with os.scandir(self.root / directory) as entries:
                return sorted(entries, key=lambda entry: entry.name)
        except OSError:
            return []

    def _with_rules_of(
        self, directory: str, rules: "tuple[tuple[str, GitIgnoreSpec], ...]"
    ) -> "tuple[tuple[str, GitIgnoreSpec], ...]":
        """`rules` and those of the directory's own `.gitignore`, which count from there."""
        try:
            text = (self.root / directory / ".gitignore").read_text("utf-8", errors="replace")
        except OSError:
            return rules
        from pathspec import GitIgnoreSpec

        return (*rules, (directory, GitIgnoreSpec.from_lines(text.splitlines())))

    def _inside(self, file: Path) -> Path:
        resolved = file.resolve()
        if not resolved.is_relative_to(self._resolved):
            raise PathRefused(f"{file.name} leads out of {self.root} through a link.")
        normalise(resolved.relative_to(self._resolved).as_posix())
        return file


def _ignored(path: str, is_directory: bool, rules: "tuple[tuple[str, GitIgnoreSpec], ...]") -> bool:
    """What git says: the rules nearest to the file decide."""
    name = f"{path}/" if is_directory else path
    for directory, spec in reversed(rules):
        verdict = spec.check_file(name.removeprefix(directory)).include
        if verdict is not None:
            return verdict
    return False


def _decoded(path: str, data: bytes) -> str:
    if b"\0" in data:
        raise FileUnusable(f"{path} is binary.")
    try:
        return data.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as exc:
        raise FileUnusable(f"{path} is not UTF-8: byte {exc.start} is {data[exc.start]:#04x}.") from exc
