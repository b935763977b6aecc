"""Models that are a directory of files: `NAME-FORM` in the models directory.

Invariant: the directory exists only with all files of its pins, each found right; while it is fetched, and after a
file was found wrong, it is called `NAME-FORM.partial`. Nothing but the files that a pull writes is ever deleted in
either of them, and neither is a link: what is behind one is the user's.
"""

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from turnout.errors import ModelError
from turnout.models import hub, pins, storage
from turnout.models.download import fetch
from turnout.models.manifest import Entry, Form, HuggingFace
from turnout.models.pins import Pins
from turnout.models.progress import Reporter
from turnout.models.sources import Item, Source

_IGNORED = frozenset({".DS_Store", "Thumbs.db", "desktop.ini"})


@dataclass(frozen=True, slots=True)
class Folder:
    """A model's directory; `item` stands for it in messages and locks."""

    entry: Entry
    form: Form

    @property
    def item(self) -> Item:
        """The directory as one thing."""
        known = pins.read(self.entry, self.form)
        item = pins.unknown_item(self.entry, self.form)
        return item if known is None else replace(item, bytes=known.bytes)

    @property
    def path(self) -> Path:
        """Where it lies once it is whole."""
        return storage.directory() / f"{self.entry.name}-{self.form.name}"

    @property
    def partial(self) -> Path:
        """Where it lies before."""
        return self.path.with_name(f"{self.path.name}.partial")

    @property
    def record(self) -> Path:
        """What its files looked like when they were found right."""
        return self.path.with_name(f"{self.path.name}.json")


def recorded(folder: Folder) -> bool:
    """True when every file is there and unchanged since it was found right, and no other; reads no model data."""
    known = pins.read(folder.entry, folder.form)
    try:
        record = json.loads(folder.record.read_bytes())
        return (
            known is not None
            and not folder.path.is_symlink()
            and bool(record == _facts(folder.path, known))
            and not _strangers(folder.path, known)
        )
    except (OSError, ValueError):
        return False


def check(folder: Folder, on_bytes: Callable[[int], None] | None = None) -> Path:
    """The directory, after hashing every file; call it under `storage.locked`.

    Raises ModelMissing, also where a file is missing; ModelError for a link and for a file that is none of the
    model's; or HashMismatch after deleting the wrong file: a pull then fetches that one alone.
    """
    known = pins.read(folder.entry, folder.form)
    _require_no_link(folder)
    if known is None or not folder.path.is_dir():
        raise storage.missing(folder.item)
    if strangers := _strangers(folder.path, known):
        raise _stranger(folder, folder.path, strangers[0])
    if not all(os.path.lexists(folder.path / file.name) for file in known.files):
        raise storage.missing(folder.item)
    facts, done = _facts(folder.path, known), 0
    for file in known.files:
        actual = _digest(folder.path / file.name, _after(done, on_bytes))
        if actual != file.sha256:
            _take_out(folder, known, file.name)
            raise storage.mismatch(
                _member(folder, known, file.name), f"{file.name} has SHA-256 {actual or 'none'}"
            )
        done += file.bytes
    _write_record(folder, facts)
    return folder.path


def acquire(folder: Folder, known: Pins, reporter: Reporter) -> Path:
    """Fetch what is missing of the directory and return it; call it under `storage.locked`.

    Raises ModelError, before anything was changed, where a link or a file of the user's is in the way.
    """
    _require_no_link(folder)
    _require_ours(folder, known)
    if folder.path.is_dir():  # here, but not known to be right: every file is hashed on the way
        _set_aside(folder)
    folder.partial.mkdir(exist_ok=True, mode=0o700)
    done = 0
    for file in known.files:
        _fetch_member(_member(folder, known, file.name), reporter.after(done))
        done += file.bytes
    # The record comes first: whoever sees the directory then also sees that it was checked.
    _write_record(folder, _facts(folder.partial, known))
    folder.partial.replace(folder.path)
    return folder.path


def put(folder: Folder, contents: Mapping[str, bytes]) -> None:
    """Lay small files into the directory that is being fetched; call it under `storage.locked`."""
    _require_no_link(folder)
    folder.partial.mkdir(exist_ok=True, mode=0o700)
    for name, data in contents.items():
        path = folder.partial / name
        path.unlink(missing_ok=True)  # a link would lead the bytes elsewhere
        path.write_bytes(data)


def remove(folder: Folder) -> bool:
    """Delete what pulls wrote; False where there was nothing. Call it under `storage.locked`.

    Raises ModelError, before anything was deleted, where a file of the user's lies among it; of a link only the
    link goes.
    """
    known = pins.read(folder.entry, folder.form)
    there = [path for path in (folder.path, folder.partial) if os.path.lexists(path)]
    _require_ours(folder, known)
    for path in there:
        _clear(path)
    folder.record.unlink(missing_ok=True)
    return bool(there)


def have_bytes(path: Path) -> int:
    """Bytes of the files directly in a directory; 0 where it is not there."""
    try:
        return sum(file.stat().st_size for file in path.iterdir() if file.is_file())
    except OSError:
        return 0


def _member(folder: Folder, known: Pins, name: str) -> Item:
    """One file of the directory, in the place where it is fetched to."""
    (file,) = (file for file in known.files if file.name == name)
    where = HuggingFace(known.repo, name, known.revision)
    return Item(
        folder.entry.name,
        folder.form.name,
        f"{folder.partial.name}/{name}",
        file.bytes,
        file.sha256,
        (where,),
    )


def _fetch_member(item: Item, reporter: Reporter) -> None:
    path = storage.file_path(item)
    actual = _digest(path, lambda done: reporter.report("checking", done))
    if actual == item.sha256:
        storage.partial_path(item).unlink(missing_ok=True)
        return
    if actual:
        path.unlink()
    (where,) = (source for source in item.sources if isinstance(source, HuggingFace))
    sources: list[Source] = [hub.source(item, where)]
    fetch(item, sources, reporter).replace(path)


def _after(begun_bytes: int, on_bytes: Callable[[int], None] | None) -> Callable[[int], None]:
    return lambda done: on_bytes(begun_bytes + done) if on_bytes is not None else None


def _digest(path: Path, on_bytes: Callable[[int], None]) -> str:
    """SHA-256 of a file; empty where there is none. A link is none: what it leads to may change unseen."""
    if path.is_symlink() or not path.is_file():
        return ""
    return storage.digest(path, on_bytes)


def _facts(path: Path, known: Pins) -> dict[str, object]:
    stats = {file.name: (path / file.name).lstat() for file in known.files}
    return {
        "revision": known.revision,
        "files": {f.name: [stats[f.name].st_size, stats[f.name].st_mtime_ns, f.sha256] for f in known.files},
    }


def _strangers(path: Path, known: Pins) -> list[str]:
    names = {file.name for file in known.files} | _IGNORED
    return sorted(found.name for found in path.iterdir() if found.name not in names)


def _require_no_link(folder: Folder) -> None:
    for path in (folder.path, folder.partial):
        if path.is_symlink():
            raise ModelError(
                f"{path} is a link, and Turnout neither changes nor vouches for what it leads to.",
                advice="Take the link out; to use your own directory, set models.NAME.path in your config.toml.",
            )


def _require_ours(folder: Folder, known: Pins | None) -> None:
    for path in (folder.path, folder.partial):
        if not path.is_symlink() and path.is_dir() and (foreign := _foreign(path, known)):
            raise _stranger(folder, path, foreign[0])


def _foreign(path: Path, known: Pins | None) -> list[str]:
    """What no pull has written; without pins, whose names no pull gives to files."""
    names = {file.name for file in known.files} | _IGNORED if known is not None else None

    def ours(found: Path) -> bool:
        name = found.name.removesuffix(".partial")
        plain = name in names if names is not None else pins.is_plain(name) or name in _IGNORED
        return plain and (found.is_symlink() or not found.is_dir())

    return sorted(found.name for found in path.iterdir() if not ours(found))


def _stranger(folder: Folder, path: Path, name: str) -> ModelError:
    return ModelError(
        f"{path} holds {name}, which is no file of {folder.entry.name}.",
        advice="Take it out: an engine would read it, and Turnout deletes nothing that it did not write.",
    )


def _set_aside(folder: Folder) -> None:
    """Give the directory the name of one that is being fetched."""
    _clear(folder.partial)
    folder.path.rename(folder.partial)


def _take_out(folder: Folder, known: Pins, name: str) -> None:
    _require_ours(folder, known)
    folder.record.unlink(missing_ok=True)
    _set_aside(folder)
    (folder.partial / name).unlink(missing_ok=True)


def _clear(path: Path) -> None:
    """Delete a directory that `_require_ours` has looked at; of a link only the link."""
    if path.is_symlink() or not path.is_dir():
        path.unlink(missing_ok=True)
        return
    for found in path.iterdir():
        found.unlink()
    path.rmdir()


def _write_record(folder: Folder, facts: dict[str, object]) -> None:
    draft = folder.record.with_name(f"{folder.record.name}.tmp")
    draft.write_text(json.dumps(facts), encoding="utf-8")
    draft.replace(folder.record)
