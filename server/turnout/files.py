"""A workspace folder on disk: paths and URIs, the files that may be looked at, and their text.

Invariants: nothing outside the folder is named or read, also not through a link; what ignore files name and what
is hidden is not listed; what is kept from AI tools, or is not text of sensible size, is refused with a reason.
"""

import os
import stat
import sys
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote, urlsplit

from turnout.core.documents import Snapshot, split_lines
from turnout.core.edits.paths import normalise, same_place
from turnout.core.edits.readable import MAX_FILE_BYTES
from turnout.core.languages import language_of
from turnout.errors import FileUnusable, FileWithheld, PathRefused

if TYPE_CHECKING:  # a server has answered an editor before it looks into a folder
    from turnout.ignores import Ignores

MAX_LISTED = 20_000
_BOM = "\ufeff"
_PERMISSIONS = 0o777


def path_to_uri(path: Path) -> str:
    """The `file:` URI of an absolute path, escaped as editors commonly do."""
    text = path.as_posix()
    if sys.platform == "win32":
        text = "/" + text
    return "file://" + quote(text, safe="/:@!$&'()*+,;=~-._", errors="surrogateescape")


def uri_to_path(uri: str) -> Path:
    """The path of a `file:` URI. Raises PathRefused for any other."""
    try:
        parts = urlsplit(uri)
    except ValueError as error:
        raise PathRefused(f"{uri} is not a URI: {error}.") from error
    text = unquote(parts.path, errors="surrogateescape")
    if parts.scheme != "file" or parts.netloc not in ("", "localhost") or "\0" in text:
        raise PathRefused(f"{uri} is not a file on this machine.")
    if sys.platform == "win32" and text[2:3] == ":":
        text = text[1:]
    return Path(text)


class Folder:
    """One workspace folder; `root` is resolved once, so that links to it are no escape."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._real = root.resolve()
        self._ignores = _ignores(self._real)

    def uri(self, path: str) -> str:
        """The URI of a workspace-relative path. Raises PathRefused where it leads out of the folder or into git's."""
        target = self.root / normalise(path)
        self._inside(target, path)
        return path_to_uri(target)

    def path(self, uri: str) -> str:
        """The workspace-relative path of a URI. Raises PathRefused where it leads out of the folder or into git's."""
        target = Path(os.path.normpath(uri_to_path(uri)))
        self._inside(target, str(target))
        base = next((base for base in (self.root, self._real) if target.is_relative_to(base)), None)
        inside = target.relative_to(base) if base else target.resolve().relative_to(self._real)
        path = inside.as_posix()
        if normalise(path) != path:
            raise PathRefused(f"{path!r} cannot be named: it reads as another place.")
        return path

    def _inside(self, target: Path, name: str) -> None:
        """Raises PathRefused for a place that is not; `name` is what its asker calls it, and all that they hear."""
        try:
            real = target.resolve()
        except (OSError, RuntimeError, ValueError) as error:
            raise PathRefused(f"{name} cannot be resolved: {_why(error)}.") from error
        if not real.is_relative_to(self._real) or real == self._real:
            raise PathRefused(f"{name} is outside of the workspace.")
        normalise(real.relative_to(self._real).as_posix())  # a link may lead into git's folder

    def names(self, folder: str) -> tuple[str, ...]:
        """Names of the files right in `folder`, hidden ones too, in order; none where it is no folder in here."""
        try:
            self._inside(self.root / normalise(folder), folder)
            with os.scandir(self.root / folder) as entries:
                found = [entry.name for entry in entries if entry.is_file()]
        except (OSError, PathRefused):
            return ()
        return tuple(sorted(filter(_is_unicode, found)))

    def exists(self, uri: str) -> bool:
        """Whether there is anything at a URI, readable or not."""
        return os.path.lexists(uri_to_path(uri))

    def link(self, path: str) -> str | None:
        """The first link on the way to `path`, itself included, as a path; None where all of it is its own place.

        What is not there yet is no link. Raises PathRefused where nobody can tell.
        """
        there = self._real
        try:
            for name in PurePosixPath(path).parts:
                try:
                    is_link = stat.S_ISLNK((there / name).lstat().st_mode)
                except (FileNotFoundError, NotADirectoryError):
                    break
                there /= name
                if is_link:
                    return there.relative_to(self._real).as_posix()
            # A junction and a short name of Windows lead elsewhere, too; letter case alone does not.
            is_straight = same_place(str(there.resolve())) == same_place(str(there))
        except (OSError, RuntimeError, ValueError) as error:
            raise PathRefused(f"{path} cannot be looked at: {_why(error)}.") from error
        return None if is_straight else path

    def missing(self, path: str) -> tuple[str, ...]:
        """The folders on the way to `path` that are not there, the outermost first."""
        parents = [parent.as_posix() for parent in PurePosixPath(path).parents if parent.name]
        return tuple(name for name in reversed(parents) if not os.path.lexists(self.root / name))

    def remove_empty(self, path: str) -> None:
        """Remove a folder with nothing in it; anything else, and what is behind a link, is left alone."""
        with suppress(OSError, PathRefused):
            self._inside(self.root / normalise(path), path)
            if not self.link(path):
                (self.root / path).rmdir()

    def identity(self, uri: str) -> tuple[int, int] | None:
        """What all names of one file have in common; None where there is none, and for a path through a link."""
        try:
            path = self.path(uri)
            if self.link(path):
                return None
            found = (self.root / path).lstat()
        except (OSError, PathRefused):
            return None
        return (found.st_dev, found.st_ino) if found.st_ino else None

    def mode(self, uri: str) -> int | None:
        """The permissions of a regular file in the folder; None for anything else."""
        try:
            found = (self.root / self.path(uri)).lstat()
        except (OSError, PathRefused):
            return None
        return stat.S_IMODE(found.st_mode) & _PERMISSIONS if stat.S_ISREG(found.st_mode) else None

    def set_mode(self, uri: str, mode: int | None) -> None:
        """Give a file these permissions, where they are known and others than it has; links are left alone."""
        if mode is not None and self.mode(uri) not in (None, mode & _PERMISSIONS):
            with suppress(OSError):  # somebody else's file: it is as its editor left it
                (self.root / self.path(uri)).chmod(mode & _PERMISSIONS)

    def snapshot(self, uri: str) -> Snapshot | None:
        """The file of a URI as it is on disk; None where nothing is. Raises as `read` does."""
        path = self.path(uri)
        text = self._read(path)
        if text is None:
            return None
        mark = _BOM if text.startswith(_BOM) else ""
        return Snapshot(uri, language_of(path), None, tuple(split_lines(text.removeprefix(_BOM))), mark)

    def read(self, path: str) -> str | None:
        """The text of a file without its byte order mark; None where nothing is.

        Raises FileUnusable for what is not UTF-8 text under MAX_FILE_BYTES and for what is kept from AI tools,
        PathRefused outside of the folder.
        """
        text = self._read(path)
        return None if text is None else text.removeprefix(_BOM)

    def _read(self, path: str) -> str | None:
        target = self.root / path
        self._inside(target, path)
        if keeper := self.withheld(path):
            raise FileWithheld(f"{path} is left out: {keeper} keeps it from every model.")
        try:
            if not target.exists():
                return None
            if not target.is_file():
                raise _unusable(path, "it is not a regular file")
            size = target.stat().st_size
            if size > MAX_FILE_BYTES:
                raise _unusable(path, f"it has {size:,} bytes, more than {MAX_FILE_BYTES:,}")
            data = target.read_bytes()
        except OSError as error:
            raise FileUnusable(f"{path} cannot be read: {error.strerror or error}.") from error
        if data.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
            raise _unusable(path, "it is UTF-16 text, and not UTF-8")
        if b"\0" in data:
            raise _unusable(path, "it is binary")
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError as error:
            raise _unusable(path, "it is not UTF-8 text") from error

    def withheld(self, path: str) -> str | None:
        """The line of an ignore file that keeps a file from every model, under any name that leads to it."""
        names = {PurePosixPath(path), PurePosixPath(self._resolved(path))}
        return next((keeper for name in names if (keeper := self._ignores.withheld(name.as_posix()))), None)

    def own_place(self, uri: str) -> Path | None:
        """Where a file lies; None outside of the folder, for a link and behind one, and for one that is ignored."""
        target = Path(os.path.normpath(uri_to_path(uri)))
        base = next((base for base in (self.root, self._real) if target.is_relative_to(base)), None)
        if base is None:
            return None
        inside = target.relative_to(base)
        is_straight = same_place(os.path.realpath(target)) == same_place(str(self._real / inside))
        return target if is_straight and not self._ignores.leaves_out(inside.as_posix()) else None

    def _resolved(self, path: str) -> str:
        real = (self._real / path).resolve()
        return real.relative_to(self._real).as_posix() if real.is_relative_to(self._real) else path

    def paths(self, *, hidden: bool = False) -> Iterator[str]:
        """Files nearest the top first, without ignored ones and, unless wanted, hidden ones; at most MAX_LISTED.

        What git keeps is the project's, whatever its ignore files say, so git may be asked: call it in a thread.
        Links are not followed, so a loop of them ends nowhere; git's own folder is never looked into.
        """
        ignores = _listed(self._real)
        queue = [PurePosixPath()]
        listed = 0
        while queue:
            folder = queue.pop(0)
            for name, is_folder in self._entries(folder, hidden=hidden):
                path = folder / name
                if ignores.left_out(path, is_folder=is_folder):
                    continue
                if is_folder:
                    queue.append(path)
                else:
                    yield path.as_posix()
                    listed += 1
                    if listed >= MAX_LISTED:
                        return

    def _entries(self, folder: PurePosixPath, *, hidden: bool) -> list[tuple[str, bool]]:
        try:
            with os.scandir(self._real / folder) as entries:
                found = [
                    (entry.name, entry.is_dir(follow_symlinks=False))
                    for entry in entries
                    if (hidden or not entry.name.startswith("."))
                    and entry.name != ".git"
                    and not entry.is_symlink()
                    and (entry.is_dir(follow_symlinks=False) or entry.is_file(follow_symlinks=False))
                ]
        except OSError:
            return []
        return sorted(name_and_kind for name_and_kind in found if _is_unicode(name_and_kind[0]))


def _why(error: OSError | RuntimeError | ValueError) -> str:
    """What is wrong with a path, without the place on this machine that the error names."""
    if isinstance(error, RuntimeError):
        return "links lead in a circle"
    return (error.strerror or "it cannot be reached") if isinstance(error, OSError) else str(error)


def _unusable(path: str, reason: str) -> FileUnusable:
    return FileUnusable(f"{path} is left out: {reason}.")


def _is_unicode(name: str) -> bool:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _ignores(folder: Path) -> "Ignores":
    from turnout.ignores import Ignores

    return Ignores(folder)


def _listed(folder: Path) -> "Ignores":
    """What one listing goes by."""
    from turnout.git import kept_though_ignored
    from turnout.ignores import Ignores

    return Ignores(folder, kept=True, tracked=lambda: kept_though_ignored(folder))
