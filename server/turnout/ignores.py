"""Ignore files: what git leaves out is not collected, and what is kept from AI tools is read by no model at all.

Invariants: every file is understood as git understands `.gitignore`, in its own folder and below, a deeper one first;
a file whose parent folder is ignored cannot be taken back in; and a file for AI tools that is there and cannot be read,
or says more than there is a limit to, keeps its whole folder from every model. Outside of a git repository, where
nothing says what is the user's own, folders that a program filled are not collected either.
"""

import errno
import os
import sys
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath

from turnout.core import gitignore

AI_FILES = (".turnoutignore", ".aiexclude", ".cursorignore", ".continueignore")
"""Files that name what AI tools must not see: ours, and those of tools whose users expect the same of us."""

_PACKAGES = frozenset({"__pycache__", "bower_components", "node_modules", "site-packages"})
_MARKS = ("CACHEDIR.TAG", "pyvenv.cfg")
"""In a cache or a build, as many programs mark theirs, and in a virtual environment."""

_GIT = ".gitignore"
_GIT_HERE = ".git/info/exclude"
"""What git leaves out in this clone alone; every `.gitignore` may take it back in."""

_MAX_BYTES = 1_000_000
_HERE = PurePosixPath()
_FOLDS_CASE = sys.platform in ("win32", "darwin")
"""Where `.ENV` is the same file as `.env`."""

_Look = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class _Rules:
    """One ignore file as it was when it was read."""

    path: str
    look: _Look | None = None
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

    Each is read when it is first asked about, and unless they are `kept`, again when it changed. `tracked` is asked
    once at most, for the files of the repository that git keeps although its ignore files name them: paths from its
    top, which `left_out` then takes for what they are.
    """

    def __init__(
        self, folder: Path, *, kept: bool = False, tracked: Callable[[], Collection[str]] = frozenset
    ) -> None:
        self._kept = kept
        self._ask_tracked = tracked
        self._entered: set[PurePosixPath] = set()
        self._top = top_of(folder)
        self._is_tracked = os.path.exists(self._top / ".git")  # noqa: PTH110  # a path may be too long to be one
        self._inside = PurePosixPath(folder.relative_to(self._top).as_posix())
        self._read: dict[str, _Rules] = {}

    def left_out(self, path: PurePosixPath, *, is_folder: bool) -> bool:
        """Whether `path` is not to be collected, given that the folders around it are, and were asked about before."""
        whole = self._inside / path
        around = _around(whole)
        if any(
            _decided(self._having(around, name), whole.as_posix(), is_folder=is_folder) for name in AI_FILES
        ):
            return True
        is_ignored = whole.parent in self._entered or bool(
            _decided(self._having(around, _GIT), whole.as_posix(), is_folder=is_folder)
        )
        if is_ignored and self._is_tracked and whole in self._kept_by_git:
            self._entered.add(whole)
            return False
        return is_ignored or (is_folder and self._is_filled(whole))

    @cached_property
    def _kept_by_git(self) -> frozenset[PurePosixPath]:
        """The files that git keeps although it would ignore them, and the folders around them."""
        files = frozenset(map(PurePosixPath, self._ask_tracked()))
        return files.union(*(file.parents for file in files))

    def of_folder(self, folder: PurePosixPath) -> "Callable[[str, bool], bool]":
        """`left_out` for the names in one folder, much faster: (name, whether it is a folder) -> whether it is."""
        around = _around(self._inside / folder / "name")
        chains = [chain for name in (_GIT, *AI_FILES) if (chain := self._having(around, name))]

        def left_out(name: str, is_folder: bool) -> bool:
            path = around[0] + name
            return any(bool(_decided(chain, path, is_folder=is_folder)) for chain in chains) or (
                is_folder and self._is_filled(PurePosixPath(path))
            )

        return left_out

    def _is_filled(self, folder: PurePosixPath) -> bool:
        """Whether a program filled `folder` with packages, or with what it can make anew, and nobody else can tell."""
        if self._is_tracked:
            return False
        return folder.name in _PACKAGES or any(os.path.lexists(self._top / folder / mark) for mark in _MARKS)

    def withheld(self, path: str) -> str | None:
        """What keeps the file from every model, as `.cursorignore:3`; None where nothing does."""
        return self._line_against(path, AI_FILES) or None

    def leaves_out(self, path: str) -> bool:
        """Whether a file is not to be collected, by itself or because a folder around it is not."""
        folders = list(PurePosixPath(path).parents)[:-1]
        return bool(self._line_against(path, (_GIT, *AI_FILES))) or any(
            self._is_filled(self._inside / folder) for folder in folders
        )

    def _line_against(self, path: str, names: Iterable[str]) -> str:
        whole = self._inside / path
        around = _around(whole)
        parts = [*(folder[:-1] for folder in reversed(around[:-1])), whole.as_posix()]
        for name in names:
            chain = self._having(around, name)
            for part in parts if chain else ():
                if decided := _decided(chain, part, is_folder=part != parts[-1]):
                    return decided
        return ""

    def _having(self, around: Sequence[str], name: str) -> list[tuple[str, _Rules]]:
        """Those of the folders `around` in which a file is called `name`, in the same order, each with its rules."""
        read = [(folder, self._rules(folder, name)) for folder in around]
        if name == _GIT:
            read.append(("", self._rules("", _GIT_HERE)))
        return [(folder, rules) for folder, rules in read if rules.look is not None]

    def _rules(self, folder: str, name: str) -> _Rules:
        path = folder + name
        known = self._read.get(path)
        if known is not None and self._kept:
            return known
        file = os.path.join(self._top, path)  # noqa: PTH118  # asked on every letter
        look = _look_at(file, follow=name in AI_FILES)
        if known is None or known.look != look:
            known = self._read[path] = _Rules(path) if look is None else _parsed(path, Path(file), look)
        return known


def _around(path: PurePosixPath) -> list[str]:
    """The folders around `path`, the innermost first, each as what a path in it begins with; the last is empty."""
    return ["" if folder == _HERE else f"{folder}/" for folder in path.parents]


def _decided(chain: Iterable[tuple[str, _Rules]], path: str, *, is_folder: bool) -> str:
    """The line that ignores `path`, empty where none does; of the files in `chain`, the deepest one decides."""
    for folder, rules in chain:
        if len(folder) >= len(path):
            continue  # it is in `path`, or `path` itself
        if not rules.readable:
            return f"{rules.path} (it cannot be read, so nothing next to it is)"
        if line := rules.lines.deciding(_fold(path[len(folder) :]), is_folder=is_folder):
            return "" if line.negated else f"{rules.path}:{line.number}"
    return ""


def _look_at(file: str, *, follow: bool) -> _Look | None:
    """What tells one version of a file from the next; None where nothing is. git follows no link to its own files."""
    try:
        stat = os.stat(file, follow_symlinks=follow)  # noqa: PTH116  # asked on every letter
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        return None if error.errno == errno.ENAMETOOLONG else (0, -1, 0)
    return (stat.st_mtime_ns, stat.st_size, stat.st_ino)


def _parsed(path: str, file: Path, look: _Look) -> _Rules:
    ours = file.name in AI_FILES
    try:
        if (file.is_symlink() and not ours) or not file.is_file() or not 0 <= look[1] <= _MAX_BYTES:
            raise OSError
        text = file.read_bytes().decode("utf-8", "surrogateescape")
    except OSError:
        return _Rules(path, look, readable=not ours)
    lines = gitignore.parse(_fold(text))
    return _Rules(path, look, lines, readable=lines.complete or not ours)


def _fold(text: str) -> str:
    return text.casefold() if _FOLDS_CASE else text
