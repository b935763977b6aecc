"""A copy of a folder for checks to run in, with or without a change.

Invariants: no file of the copy is a file of the work tree under another name, so nothing that a check writes gets into
it; links of the work tree are neither followed nor copied. Installed dependencies (`node_modules`, `.venv`, `venv`),
which are too large to copy and belong to no change, are the exception: they are links to the folder's own.
"""

import asyncio
import os
import re
import shutil
import stat
import sys
import tempfile
import threading
from codecs import BOM_UTF8
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from turnout.checks import python
from turnout.checks.above import above, settings
from turnout.checks.leftovers import claim, sweep
from turnout.checks.lending import lend
from turnout.checks.restoring import Original
from turnout.checks.startup import Places
from turnout.core.edits.changes import FileChange
from turnout.files import MAX_LISTED, Folder, path_to_uri

MAX_BYTES = 2 * 1024**3

_PREFIX = "turnout-check-"
_DEPENDENCIES = ("node_modules", ".venv", "venv")
_SEARCHED = ("PATH", "PYTHONPATH", "MYPYPATH", "NODE_PATH", "INIT_CWD")
_REPOSITORY = re.compile(
    r"GIT_(?:DIR|WORK_TREE|COMMON_DIR|INDEX_FILE|PREFIX|\w*OBJECT_DIRECTOR(?:Y|IES)|GRAFT_FILE|SHALLOW_FILE)"
)
"""What git sets for a hook, and what would have the git of a check write into the folder's own repository."""

_BEHIND = ("PATH", "NODE_PATH")
"""Where a folder of the work tree is still searched behind that of the copy: what is built is not copied."""


class TooLarge(Exception):  # says what is the matter, and is shown as that
    """A folder that is not copied; the message says why."""


@dataclass(frozen=True, slots=True)
class Shadow:
    """Where a copy is, how its files were made, and what Python does first for its sake."""

    root: Path
    original: Original
    python: python.Start


@asynccontextmanager
async def shadow(
    folder: Folder,
    changes: Sequence[FileChange],
    *,
    changed: bool,
    may_read: Callable[[str], bool] = lambda _uri: True,
    lender: Path | None = None,
) -> AsyncIterator[Shadow]:
    """A copy of `folder` with `changes` made in it if `changed`; removed at the end, also where it was never finished.

    Without them, the files that they are about have the text that they were made for, saved or not.
    Files of whose URI `may_read` says no are left out. Dependencies are those of `lender`, mostly `folder` itself.
    Raises TooLarge.
    """
    copy = _Copy(folder, changes, may_read, lender or folder.root, changed=changed)
    try:
        yield await asyncio.to_thread(copy.make)
    finally:
        copy.stop.set()
        await asyncio.to_thread(copy.remove)


def environment(root: Path, copy: Shadow, hidden: Collection[str]) -> dict[str, str]:
    """The environment of a check: ours without `hidden`, where programs and modules of `root` are found in the copy.

    Python is told by more than its environment where modules are, so it is also given something to do first.
    """
    variables = {
        name: value
        for name, value in os.environ.items()
        if name not in hidden and not _REPOSITORY.fullmatch(name)
    }
    places = Places(str(root), str(copy.root))
    for name in _SEARCHED:
        if value := variables.get(name):
            entries = value.split(os.pathsep)
            moved = [places.moved(entry) for entry in entries]
            left = [entry for entry in entries if name in _BEHIND and entry not in moved]
            variables[name] = os.pathsep.join(moved + left)
    if "PWD" in variables:
        variables["PWD"] = str(copy.root)
    own = [str(copy.python.folder), variables.get("PYTHONPATH", "")]
    return variables | {"PYTHONPATH": os.pathsep.join(filter(None, own))} | _install_nothing(copy, variables)


def _install_nothing(copy: Shadow, variables: Mapping[str, str]) -> dict[str, str]:
    """What keeps `uv run` and `pnpm run` from leading the folder's own dependencies to the copy, for good.

    An environment that uv would make in the copy is none of those.
    """
    lent = any((place / ".venv").is_symlink() for place in (copy.root, *copy.root.parents))
    named = Path(variables.get("UV_PROJECT_ENVIRONMENT", "")).is_absolute()
    return {"pnpm_config_verify_deps_before_run": "false"} | ({"UV_NO_SYNC": "1"} if lent or named else {})


class _Copy:
    """One copy; a thread that makes it goes on after its task was cancelled, so `remove` waits for that thread.

    `stop` ends the copying after the file that it is at; a copy that was stopped is removed by whoever comes last.
    """

    def __init__(
        self,
        folder: Folder,
        changes: Sequence[FileChange],
        may_read: Callable[[str], bool],
        lender: Path,
        *,
        changed: bool,
    ) -> None:
        self._folder = folder
        self._lender = lender
        self._may_read = may_read
        self._changes = changes
        self._changed = changed
        self._made: list[Path] = []
        self._claims: list[IO[bytes]] = []
        self._copied: list[str] = []
        self._busy = threading.Lock()
        self._clones = sys.platform == "linux"
        self.stop = threading.Event()

    def make(self) -> Shadow:
        """Copy the files into a new folder that only this user can look into."""
        with self._busy:
            sweep(Path(tempfile.gettempdir()), _PREFIX)
            made = Path(tempfile.mkdtemp(prefix=_PREFIX))
            self._made.append(made)
            self._claims.append(claim(made))
            real = self._lender.resolve()
            top = [real, *above(real)][-1]
            target = made / "tree" / real.relative_to(top)
            target.mkdir(parents=True)
            start = python.prepare(made, self._lender, target)
            self._fill(target)
            written = {path for change in self._changes for path in (change.path, change.new_path) if path}
            original = Original(target, self._folder.root, self._copied, written)
        if self.stop.is_set():
            self.remove()
        return Shadow(target, original, start)

    def _fill(self, target: Path) -> None:
        size = 0
        roots = {PurePosixPath()}
        for count, path in enumerate(self._folder.paths(hidden=True), start=1):
            if self.stop.is_set():
                return
            copy = target / path
            copy.parent.mkdir(parents=True, exist_ok=True)
            if not self._may_read(path_to_uri(self._folder.root / path)):
                continue  # its folder is there, so that Python does not take it from the work tree
            self._copied.append(path)
            size += self._copy(self._folder.root / path, copy)
            if size > MAX_BYTES or count >= MAX_LISTED:
                raise TooLarge(f"the folder has more than {MAX_LISTED:,} files or {MAX_BYTES:,} bytes.")
            if PurePosixPath(path).name == "package.json":
                roots.add(PurePosixPath(path).parent)
        # What stands in an editor may not be on disk yet, and is what the change was made for.
        for change in self._changes:
            if change.hunks or (target / change.path).is_file():
                _write_before(self._folder.root, target, change)
        if self._changed:
            for change in (change for change in self._changes if change.hunks):
                _change(self._folder.root, target, change)
        self._surround(target, roots)

    def _surround(self, target: Path, roots: Collection[PurePosixPath]) -> None:
        """Lend dependencies to the folders `roots` of the copy, and put around it what stands around the folder."""
        places = Places(str(self._lender), str(target))
        for root in roots:
            _lend(self._lender / root, target / root, places)
        for folder, copy in zip(above(self._lender.resolve()), target.parents, strict=False):
            for file in settings(folder):
                if self._may_read(path_to_uri(file)):
                    with suppress(OSError):
                        shutil.copyfile(file, copy / file.name)
            _lend(folder, copy, places)

    def _copy(self, source: Path, target: Path) -> int:
        """Copy one file, sharing its blocks until one of the two is written where the file system can; its size."""
        if self._clones:
            try:
                _clone(source, target)
            except OSError:
                self._clones = False
                target.unlink(missing_ok=True)
        if not self._clones:
            shutil.copyfile(source, target, follow_symlinks=False)
        shutil.copystat(source, target, follow_symlinks=False)
        return target.lstat().st_size

    def remove(self) -> None:
        """Remove what was copied, once nothing more is; links go, and what they lead to stays."""
        with self._busy:
            while self._claims:  # Windows removes no file that is open
                self._claims.pop().close()
            while self._made:
                shutil.rmtree(self._made.pop(), ignore_errors=True)


def _lend(folder: Path, copy: Path, places: Places) -> None:
    """Lend the dependencies that stand in `folder`, unless something of the same name is in the copy."""
    for name in _DEPENDENCIES:
        source, link = folder / name, copy / name
        if source.is_dir() and not source.is_symlink() and not os.path.lexists(link):
            with suppress(OSError):
                lend(source.resolve(), link, places)


def _write_before(root: Path, target: Path, change: FileChange) -> None:
    if change.kind != "create":
        _write(target / change.path, _mark(root / change.path), change.before)


def _change(root: Path, target: Path, change: FileChange) -> None:
    old, new = target / change.path, target / (change.new_path or change.path)
    mode = old.stat().st_mode if change.kind == "rename" else None
    if change.kind in ("delete", "rename"):
        old.unlink(missing_ok=True)
    if change.kind != "delete":
        _write(new, _mark(root / change.path), change.after)
        if mode is not None:
            new.chmod(stat.S_IMODE(mode))


def _write(path: Path, mark: bytes, lines: Sequence[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileNotFoundError):  # it may have been copied from one that nobody may write
        path.chmod(stat.S_IMODE(path.stat().st_mode) | stat.S_IWUSR)
    path.write_bytes(mark + "".join(lines).encode("utf-8", "surrogatepass"))


def _mark(path: Path) -> bytes:
    """The byte order mark of a file, which its text is without."""
    with suppress(OSError), path.open("rb") as file:
        return BOM_UTF8 if file.read(len(BOM_UTF8)) == BOM_UTF8 else b""
    return b""


if sys.platform == "linux":
    import fcntl

    _FICLONE = 0x40049409

    def _clone(source: Path, target: Path) -> None:
        with source.open("rb") as read, target.open("wb") as written:
            fcntl.ioctl(written.fileno(), _FICLONE, read.fileno())
else:

    def _clone(source: Path, target: Path) -> None:
        raise OSError
