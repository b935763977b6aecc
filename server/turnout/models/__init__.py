"""The weights of local models: which exist, where they are on this machine, and how they get there.

No path leaves this package before the file behind it was found to be the pinned one.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from turnout.errors import ModelError
from turnout.models import storage
from turnout.models.manifest import DEFAULT_MODEL, Entry, entry, known
from turnout.models.progress import Phase, Progress, Reporter, in_megabytes

__all__ = [
    "DEFAULT_MODEL",
    "Entry",
    "Listed",
    "Phase",
    "Progress",
    "State",
    "entry",
    "in_megabytes",
    "listing",
    "locate",
    "pull",
    "verify",
]

State = Literal["ready", "unchecked", "partial", "missing"]

_GGUF_MAGIC = b"GGUF"


@dataclass(frozen=True, slots=True)
class Listed:
    """A known model and what of it is here; `unchecked` files are hashed before they are used."""

    entry: Entry
    path: Path
    state: State
    have_bytes: int


def locate(name_or_path: str) -> Path:
    """The file of a model, checked; quick unless the file changed since its hash was last found right.

    A path (with a separator, or ending in .gguf) is the user's own file and only has to be GGUF.
    Raises ModelMissing, ModelUnknown, HashMismatch (the file is deleted then) or ModelError.
    """
    if name_or_path not in known() and _is_path(name_or_path):
        return _own_file(Path(name_or_path).expanduser())
    model = entry(name_or_path)
    with storage.disk_errors(model):
        if storage.recorded(model):
            return storage.file_path(model)
        if not storage.file_path(model).exists():
            raise storage.missing(model)
        with storage.locked(model):
            # Another request may have hashed it while this one waited.
            return storage.file_path(model) if storage.recorded(model) else storage.check(model)


def pull(
    name: str,
    *,
    file: Path | None = None,
    progress: Callable[[Progress], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Path:
    """Bring a model here, from its sources or from a `file` that the user has, and return its path.

    Blocks until done: call it in a thread. Goes on where an earlier pull stopped; does nothing when the model
    is here. Raises ModelUnknown, DownloadFailed, HashMismatch, DiskFull, PullCancelled or ModelError.
    """
    from turnout.models import acquire  # brings urllib and subprocess, which only a pull needs

    model = entry(name)
    return acquire.acquire(model, file, Reporter(model.name, model.bytes, progress, cancelled))


def verify(
    name: str,
    *,
    progress: Callable[[Progress], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Path:
    """Hash a model's file, whatever is known of it, and return its path.

    Raises ModelUnknown, ModelMissing, or HashMismatch after deleting it.
    """
    model = entry(name)
    reporter = Reporter(model.name, model.bytes, progress, cancelled)
    with storage.disk_errors(model), storage.locked(model, lambda: reporter.report("waiting", 0)):
        return storage.check(model, lambda done: reporter.report("checking", done))


def listing() -> list[Listed]:
    """Every known model and what of it is on this machine; hashes nothing."""
    return [_listed(each) for each in known().values()]


def _listed(model: Entry) -> Listed:
    path = storage.file_path(model)
    if storage.recorded(model):
        return Listed(model, path, "ready", model.bytes)
    if (size := _size(path)) is not None:
        return Listed(model, path, "unchecked", size)
    if (size := _size(storage.partial_path(model))) is not None:
        return Listed(model, path, "partial", size)
    return Listed(model, path, "missing", 0)


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return None


def _is_path(text: str) -> bool:
    return text.endswith(".gguf") or "/" in text or "\\" in text or text.startswith("~")


def _own_file(path: Path) -> Path:
    try:
        with path.open("rb") as file:
            magic = file.read(len(_GGUF_MAGIC))
    except OSError as exc:
        raise ModelError(
            f"The model file {path} cannot be read: {exc.strerror}.",
            advice="Correct the path, or use a model that `turnout models list` names.",
        ) from exc
    if magic != _GGUF_MAGIC:
        raise ModelError(
            f"The model file {path} is not a GGUF file.", advice="Give a file in llama.cpp's GGUF format."
        )
    return path
