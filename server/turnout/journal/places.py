"""Files that are changed in a folder that is held open, whatever its path comes to lead to meanwhile.

Invariants: a file is the old one or the new one at any moment, and only a regular file that nobody changed since it was
looked at is replaced or removed; where no file was, none is ever overwritten; no link is followed on the way or at the
end. Windows has no folders to hold open: there the caller has looked at the way right before.
"""

import errno
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from turnout.core.edits.paths import aside_of, draft_of
from turnout.errors import DocumentStale, FileUnusable

_NO_HARD_LINKS = {errno.EPERM, errno.EACCES, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK}
"""Some file systems have none, and some systems let nobody link another user's file."""


@dataclass(frozen=True, slots=True)
class Place:
    """The name of a file in a folder; `folder` is its descriptor, or None where `name` is a whole path."""

    name: str
    folder: int | None

    def read(self) -> bytes:
        """The content of a regular file. Raises OSError for anything else."""
        flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
        with os.fdopen(os.open(self.name, flags, dir_fd=self.folder), "rb") as file:
            _must_be_regular(self.name, os.fstat(file.fileno()))
            return file.read()

    def replace(self, before: bytes, data: bytes) -> None:
        """`data` for the content `before`, permissions as they are. Raises DocumentStale for another content."""
        mode = stat.S_IMODE(self._stat().st_mode)
        with self._drafted(data, mode) as draft:
            self._must_hold(before)
            os.replace(draft.name, self.name, src_dir_fd=self.folder, dst_dir_fd=self.folder)
        self._sync()

    def create(self, data: bytes, mode: int | None) -> None:
        """A new file, there with all of its content or not at all. Raises FileExistsError where one is."""
        with self._drafted(data, mode) as draft:
            draft._take(self)

    def move(self, target: "Place") -> None:
        """Move the file to where none is. Raises FileExistsError where one is, DocumentStale where it was replaced."""
        _must_be_regular(self.name, self._stat())
        self._take(target)
        self._sync()

    def remove(self, before: bytes | None) -> None:
        """Remove the file, or keep what its user saved: raises DocumentStale for another content than `before`.

        It loses its name first, and is looked at again where nobody can save to it any more. Who made another one in
        its place by then has both; that, and one that is aside from before, is a FileUnusable that names it.
        """
        _must_be_regular(self.name, self._stat())
        if before is None:
            os.unlink(self.name, dir_fd=self.folder)
        else:
            self._must_hold(before)
            aside = Place(aside_of(self.name), self.folder)
            try:
                self._remove_by(aside, before)
            except FileExistsError as error:
                kept, name = PurePosixPath(aside.name).name, PurePosixPath(self.name).name
                raise FileUnusable(
                    f"{kept} lies beside {name}: it is what that was when it was to be removed.",
                    advice="Look at it, and move or remove it.",
                ) from error
        self._sync()

    def _remove_by(self, aside: "Place", before: bytes) -> None:
        """Remove the file under the name `aside`. Raises FileExistsError where one keeps that name."""
        aside._must_be_free()
        os.rename(self.name, aside.name, src_dir_fd=self.folder, dst_dir_fd=self.folder)
        try:
            aside._must_hold(before)
        except (OSError, DocumentStale):
            aside._take(self)
            raise
        os.unlink(aside.name, dir_fd=self.folder)

    def _must_hold(self, content: bytes) -> None:
        if self.read() != content:
            raise DocumentStale(f"{PurePosixPath(self.name).name} changed since it was read.")

    def _take(self, target: "Place") -> None:
        """Give the file the name of `target`, which nobody has, in the place of its own."""
        before = self._stat()
        if sys.platform == "win32":
            Path(self.name).rename(target.name)  # refuses to overwrite there
            return
        here, there = self.folder, target.folder
        try:
            os.link(self.name, target.name, src_dir_fd=here, dst_dir_fd=there, follow_symlinks=False)
        except OSError as error:
            if error.errno not in _NO_HARD_LINKS:
                raise
            target._must_be_free()
            os.rename(self.name, target.name, src_dir_fd=here, dst_dir_fd=there)
            target._sync()
            return
        target._sync()  # the new name is on the disk before the old one is gone
        if not os.path.samestat(before, self._stat()):
            os.unlink(target.name, dir_fd=there)
            raise DocumentStale(f"{self.name} was replaced while it was moved.")
        os.unlink(self.name, dir_fd=here)

    @contextmanager
    def _drafted(self, data: bytes, mode: int | None) -> Iterator["Place"]:
        """A file beside this one with its new content, on the disk; gone where nobody moves it."""
        draft = Place(draft_of(self.name), self.folder)
        draft._forget()  # of a process that was killed
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        descriptor = os.open(draft.name, flags, 0o666 if mode is None else 0o600, dir_fd=self.folder)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                if mode is not None:
                    draft._permit(file.fileno(), mode)
                os.fsync(file.fileno())
            yield draft
        finally:
            draft._forget()

    def _permit(self, descriptor: int, mode: int) -> None:
        if sys.platform == "win32":
            Path(self.name).chmod(mode)
        else:
            os.fchmod(descriptor, mode)

    def _stat(self) -> os.stat_result:
        return os.stat(self.name, dir_fd=self.folder, follow_symlinks=False)

    def _must_be_free(self) -> None:
        with suppress(FileNotFoundError):
            self._stat()
            raise FileExistsError(errno.EEXIST, "there is a file already", self.name)

    def _forget(self) -> None:
        with suppress(FileNotFoundError):
            os.unlink(self.name, dir_fd=self.folder)

    def _sync(self) -> None:
        if self.folder is not None:
            os.fsync(self.folder)


@contextmanager
def held(root: Path, path: str, *, may_make: bool = False) -> Iterator[Place]:
    """The place of `path` below `root`, with `may_make` in folders that are made where they are missing.

    Raises OSError where a link is on the way, or anything else that is no folder.
    """
    *folders, name = PurePosixPath(path).parts
    if sys.platform == "win32":
        target = root / path
        if may_make:
            target.parent.mkdir(parents=True, exist_ok=True)
        yield Place(target.as_posix(), None)
        return
    here = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for folder in folders:
            if may_make:
                with suppress(FileExistsError):
                    os.mkdir(folder, dir_fd=here)
            inside = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=here)
            os.close(here)
            here = inside
        yield Place(name, here)
    finally:
        os.close(here)


def _must_be_regular(name: str, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, "not a regular file", name)
