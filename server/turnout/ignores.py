"""Ignore files: what git leaves out is not collected, and what is kept from AI tools is read by no model at all.

Invariants: every file is understood as git understands `.gitignore`, in its own folder and below, a deeper one first;
a file whose parent folder is ignored cannot be taken back in; and a file for AI tools that is there and cannot be read,
or says more than there is a limit to, keeps its whole folder from every model.
"""

import errno
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from turnout.core import gitignore

AI_FILES = (".turnoutignore", ".aiexclude", ".cursorignore", ".continueignore")
"""Files that name what AI tools must not see: ours, and those of tools whose users expect the same of us."""

_GIT = ".gitignore"
_MAX_BYTES = 1_000_000
_FOLDS_CASE = sys.platform in ("win32", "darwin")
"""Where `.ENV` is the same file as `.env`."""

_Look = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class _Rules:
    """One ignore file as it was when it was read."""

    look: _Look | None
    lines: gitignore.Lines = field(default_factory=gitignore.Lines)
    readable: bool = True


def top_of(folder: Path) -> Path:
    """The folder from which ignore files hold for `folder`: that of its git repository, or itself."""
    for around in (folder, *folder.parents):
        if os.path.exists(around / ".git"):  # noqa: PTH110  # a path may be too long to be one
            return around
    return folder


class Ignores:
    """The ignore files of a folder, those below it, and those above it in its git repository.

    Each is read when it is first asked about, and unless they are `kept`, again when it changed.
    """

    def __init__(self, folder: Path, *, kept: bool = False) -> None:
        self._kept = kept
        self._top = top_of(folder)
        self._inside = PurePosixPath(folder.relative_to(self._top).as_posix())
        self._read: dict[PurePosixPath, _Rules] = {}

    def left_out(self, path: PurePosixPath, *, is_folder: bool) -> bool:
        """Whether `path` is not to be collected, given that the folders around it are."""
        whole = self._inside / path
        return any(self._decides(whole, name, is_folder=is_folder) for name in (_GIT, *AI_FILES))

    def of_folder(self, folder: PurePosixPath) -> "Callable[[str, bool], bool]":
        """`left_out` for the names in one folder, much faster: (name, whether it is a folder) -> whether it is."""
        whole = self._inside / folder
        chains = [chain for name in (_GIT, *AI_FILES) if (chain := self._chain(whole, name))]

        def left_out(name: str, is_folder: bool) -> bool:
            return any(_chain_leaves_out(chain, name, is_folder=is_folder) for chain in chains)

        return left_out

    def _chain(self, whole: PurePosixPath, name: str) -> "list[tuple[str, _Rules]]":
        """The files called `name` that have a say in a folder, the deepest first, each with the way from it."""
        found = []
        for around in (whole, *whole.parents):
            rules = self._rules(around / name)
            if rules.look is not None:
                way = whole.relative_to(around).as_posix()
                found.append(("" if way == "." else way + "/", rules))
        return found

    def withheld(self, path: str) -> str | None:
        """What keeps the file from every model, as `.cursorignore:3`; None where nothing does."""
        whole = self._inside / path
        for name in AI_FILES:
            for part in (*reversed(whole.parents[:-1]), whole):
                if decided := self._decides(part, name, is_folder=part != whole):
                    return decided
        return None

    def _decides(self, path: PurePosixPath, name: str, *, is_folder: bool) -> str:
        """The line of the files called `name` that ignores `path`, empty where none does; the deepest one decides."""
        for folder in path.parents:
            rules = self._rules(folder / name)
            where = (folder / name).as_posix()
            if not rules.readable:
                return f"{where} (it cannot be read, so nothing next to it is)"
            relative = _fold(path.relative_to(folder).as_posix())
            if line := rules.lines.deciding(relative, is_folder=is_folder):
                return "" if line.negated else f"{where}:{line.number}"
        return ""

    def _rules(self, path: PurePosixPath) -> _Rules:
        known = self._read.get(path)
        if known is not None and self._kept:
            return known
        look = _look_at(self._top / path, follow=path.name != _GIT)
        if known is None or known.look != look:
            known = self._read[path] = _Rules(None) if look is None else _parsed(self._top / path, look)
        return known


def _chain_leaves_out(chain: list[tuple[str, _Rules]], name: str, *, is_folder: bool) -> bool:
    for way, rules in chain:
        if not rules.readable:
            return True
        if line := rules.lines.deciding(_fold(way + name), is_folder=is_folder):
            return not line.negated
    return False


def _look_at(file: Path, *, follow: bool) -> _Look | None:
    """What tells one version of a file from the next; None where nothing is. git follows no link to its own files."""
    try:
        stat = os.stat(file, follow_symlinks=follow)  # noqa: PTH116  # asked on every letter
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        return None if error.errno == errno.ENAMETOOLONG else (0, -1, 0)
    return (stat.st_mtime_ns, stat.st_size, stat.st_ino)


def _parsed(file: Path, look: _Look) -> _Rules:
    ours = file.name != _GIT
    try:
        if (file.is_symlink() and not ours) or not file.is_file() or not 0 <= look[1] <= _MAX_BYTES:
            raise OSError
        text = file.read_bytes().decode("utf-8", "surrogateescape")
    except OSError:
        return _Rules(look, readable=not ours)
    lines = gitignore.parse(_fold(text))
    return _Rules(look, lines, readable=lines.complete or not ours)


def _fold(text: str) -> str:
    return text.casefold() if _FOLDS_CASE else text
