"""Puts a copy back after a check that writes: each check looks at what is offered, not at what another made of it.

Invariant: what is told to have been changed has other bytes than it had, and may have been mended: it is of the
proposal, or of a kind with its files. Reports, caches and locks are put back unsaid; files that a check has added stay.
"""

import stat
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

_Stamp = tuple[int, int, int, int]


class Original:
    """The files of a copy as they were made: those `copied` from the folder `source`, and those `written` to be so."""

    def __init__(self, copy: Path, source: Path, copied: Iterable[str], written: Iterable[str]) -> None:
        self._copy = copy
        self._source = source
        self._written = {path: _bytes(copy / path) for path in written}
        self._stamps = {path: _stamp(copy / path) for path in {*copied, *self._written}}
        self._kinds = {Path(path).suffix for path in self._written}

    def restore(self) -> tuple[str, ...]:
        """Put back what is not as it was; the paths of what may have been mended. It blocks: call it in a thread."""
        touched = [path for path, stamp in self._stamps.items() if _stamp(self._copy / path) != stamp]
        others = [path for path in touched if self._put_back(path)]
        return tuple(sorted(path for path in others if Path(path).suffix in self._kinds))

    def _put_back(self, path: str) -> bool:
        """Make one file as it was; whether it had come to be another."""
        file, stamp = self._copy / path, self._stamps[path]
        content = self._written[path] if path in self._written else _bytes(self._source / path)
        is_other = _bytes(file) != content
        with suppress(OSError):
            if is_other:
                file.unlink(missing_ok=True)
            if is_other and content is not None:
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(content)
            if stamp is not None:
                file.chmod(stat.S_IMODE(stamp[0]))
        self._stamps[path] = _stamp(file)
        return is_other


def _bytes(file: Path) -> bytes | None:
    with suppress(OSError):
        return file.read_bytes()
    return None


def _stamp(file: Path) -> _Stamp | None:
    """What differs once a file was written; None where there is none."""
    with suppress(OSError):
        found = file.lstat()
        return found.st_mode, found.st_ino, found.st_size, found.st_mtime_ns
    return None
