"""The weights of local models: which exist, where they are on this machine, and how they get there.

No path leaves this package before the files behind it were found to be the ones that they are held to: the hashes
of the manifest or, for a model that it does not pin, those that the hub listed at the first pull.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from turnout.errors import ModelError
from turnout.models import pins, storage
from turnout.models.manifest import DEFAULT_MODEL, FORM_NAMES, Entry, Form, FormName, entry, known
from turnout.models.progress import Phase, Progress, Reporter, in_megabytes
from turnout.models.sources import Item

__all__ = [
    "DEFAULT_MODEL",
    "FORM_NAMES",
    "Entry",
    "Form",
    "FormName",
    "Listed",
    "Phase",
    "Progress",
    "State",
    "entry",
    "form_of",
    "in_megabytes",
    "known",
    "listed",
    "listing",
    "locate",
    "pull",
    "remove",
    "verify",
]

State = Literal["ready", "unchecked", "partial", "missing"]

_GGUF_MAGIC = b"GGUF"


@dataclass(frozen=True, slots=True)
class Listed:
    """A form of a known model and what of it is here; `unchecked` files are hashed before they are used."""

    entry: Entry
    form: Form
    path: Path
    state: State
    have_bytes: int


def locate(name_or_path: str, form: FormName = "gguf") -> Path:
    """The file of a model (a directory for other forms), checked; quick unless it changed since it was found right.

    A path (with a separator, or ending in .gguf) is the user's own file and only has to be GGUF.
    Raises ModelMissing, ModelUnknown, HashMismatch (the wrong file is deleted then) or ModelError.
    """
    if name_or_path not in known() and _is_path(name_or_path):
        return _own_file(name_or_path)
    return _checked(entry(name_or_path), form_of(name_or_path, form), None, recheck=False)


def form_of(name: str, form: FormName) -> Form:
    """A form of a model; raises ModelUnknown or, where the model has no such form, ModelError."""
    model = entry(name)
    found = model.form(form)
    if found is None:
        forms = ", ".join(each.name for each in model.forms)
        raise ModelError(f"{name} is not known as {form}.", advice=f"It is known as: {forms}.")
    return found


def pull(
    name: str,
    form: FormName = "gguf",
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

    return acquire.pull(entry(name), form_of(name, form), file, progress, cancelled)


def verify(
    name: str,
    form: FormName = "gguf",
    *,
    progress: Callable[[Progress], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Path:
    """Hash a model's files, whatever is known of them, and return the path.

    Raises ModelUnknown, ModelMissing, or HashMismatch after deleting the wrong file.
    """
    model, wanted = entry(name), form_of(name, form)
    reporter = Reporter(model.name, wanted.bytes, progress, cancelled)
    return _checked(model, wanted, reporter, recheck=True)


def remove(name: str, form: FormName = "gguf") -> bool:
    """Delete a model's files and what was recorded of them; False where nothing was here."""
    from turnout.models import folders

    model, wanted = entry(name), form_of(name, form)
    item = pins.file_item(model, wanted) if wanted.file else None
    item = item or pins.unknown_item(model, wanted)
    with storage.disk_errors(item), storage.locked(item):
        if not wanted.file:
            there = folders.remove(folders.Folder(model, wanted))
            pins.path(model, wanted).unlink(missing_ok=True)
            return there
        pins.path(model, wanted).unlink(missing_ok=True)
        there = storage.file_path(item).exists() or storage.partial_path(item).exists()
        storage.forget(item)
        storage.partial_path(item).unlink(missing_ok=True)
        return there


def listing() -> list[Listed]:
    """Every form of every known model and what of it is on this machine; hashes nothing."""
    return [listed(each, form) for each in known().values() for form in each.forms]


def listed(model: Entry, form: Form) -> Listed:
    """What of one form is on this machine; hashes nothing."""
    if not form.file:
        return _listed_folder(model, form)
    item = pins.file_item(model, form)
    path = storage.directory() / form.file
    if item is not None and storage.recorded(item):
        return Listed(model, form, path, "ready", item.bytes)
    if (size := _size(path)) is not None:
        # Without its pins nothing can vouch for a file: a pull has to ask for them first.
        return Listed(model, form, path, "unchecked" if item is not None else "partial", size)
    if (size := _size(storage.partial_path(pins.unknown_item(model, form)))) is not None:
        return Listed(model, form, path, "partial", size)
    return Listed(model, form, path, "missing", 0)


def _listed_folder(model: Entry, form: Form) -> Listed:
    from turnout.models import folders

    folder = folders.Folder(model, form)
    if folder.path.is_dir():
        state: State = "ready" if folders.recorded(folder) else "unchecked"
        return Listed(model, form, folder.path, state, folders.have_bytes(folder.path))
    if folder.partial.is_dir():
        return Listed(model, form, folder.path, "partial", folders.have_bytes(folder.partial))
    return Listed(model, form, folder.path, "missing", 0)


def _checked(model: Entry, form: Form, reporter: Reporter | None, *, recheck: bool) -> Path:
    """The weights, hashed where that was never done, where they changed, or where `recheck` asks for it."""
    if not form.file:
        return _checked_folder(model, form, reporter, recheck=recheck)
    item = pins.file_item(model, form)
    if item is None:
        raise storage.missing(pins.unknown_item(model, form))
    with storage.disk_errors(item):
        if not recheck and storage.recorded(item):
            return storage.file_path(item)
        if not storage.file_path(item).exists():
            raise storage.missing(item)
        with storage.locked(item, _waiting(reporter)):
            # Another request may have hashed it while this one waited.
            if not recheck and storage.recorded(item):
                return storage.file_path(item)
            return storage.check(item, _checking(reporter))


def _checked_folder(model: Entry, form: Form, reporter: Reporter | None, *, recheck: bool) -> Path:
    from turnout.models import folders

    folder = folders.Folder(model, form)
    item: Item = folder.item
    with storage.disk_errors(item):
        if not recheck and folders.recorded(folder):
            return folder.path
        if not folder.path.is_dir():
            raise storage.missing(item)
        with storage.locked(item, _waiting(reporter)):
            if not recheck and folders.recorded(folder):
                return folder.path
            return folders.check(folder, _checking(reporter))


def _waiting(reporter: Reporter | None) -> Callable[[], None] | None:
    return None if reporter is None else lambda: reporter.report("waiting", 0)


def _checking(reporter: Reporter | None) -> Callable[[int], None] | None:
    return None if reporter is None else lambda done: reporter.report("checking", done)


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return None


def _is_path(text: str) -> bool:
    return text.endswith(".gguf") or "/" in text or "\\" in text or text.startswith("~")


def _own_file(text: str) -> Path:
    try:
        path = Path(text).expanduser()
        with path.open("rb") as file:
            magic = file.read(len(_GGUF_MAGIC))
    except (OSError, RuntimeError, ValueError) as exc:  # also "~nobody", and a name that no system can have
        raise ModelError(
            f"The model file {text} cannot be read: {getattr(exc, 'strerror', None) or exc}.",
            advice="Correct the path, or use a model that `turnout models list` names.",
        ) from exc
    if magic != _GGUF_MAGIC:
        raise ModelError(
            f"The model file {path} is not a GGUF file.", advice="Give a file in llama.cpp's GGUF format."
        )
    return path
