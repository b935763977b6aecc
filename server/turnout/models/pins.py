"""The lock file of a model that the manifest does not pin: revision, sizes and hashes as the hub listed them once.

Beside the weights as `NAME-FORM.pins.json`. Invariant: once written, every later check and every resumed download
is held to it; only a pull after `turnout models remove` looks at the hub's listing again.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from turnout.models import storage
from turnout.models.manifest import Entry, Form, HuggingFace
from turnout.models.progress import in_megabytes
from turnout.models.sources import Item

SUFFIXES = frozenset({".gguf", ".jinja", ".json", ".model", ".safetensors", ".txt"})
"""What engines read and no program runs: no pickles, no Python."""

_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")
_HASH = re.compile(r"[0-9a-f]{64}")
_REVISION = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, slots=True)
class PinnedFile:
    """One file of a repository, under its plain name."""

    name: str
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Pins:
    """The files of a repository at one commit."""

    repo: str
    revision: str
    files: tuple[PinnedFile, ...]

    @property
    def bytes(self) -> int:
        """Of all files together."""
        return sum(file.bytes for file in self.files)


def is_plain(name: str) -> bool:
    """Whether a file of that name may lie in a model's directory, on any system."""
    return bool(_PLAIN.fullmatch(name)) and Path(name).suffix in SUFFIXES and not _is_device(name)


def _is_device(name: str) -> bool:
    """Windows opens a device for these, whatever follows the first dot."""
    return bool(re.fullmatch(r"(?i)con|prn|aux|nul|com\d|lpt\d", name.partition(".")[0]))


def parse(text: str | bytes) -> Pins:
    """The pins in a lock file; raises ValueError where they are not complete and safe to use."""
    data = json.loads(text)
    if not isinstance(data, dict) or not isinstance(data.get("files"), dict) or not data["files"]:
        raise ValueError("no files are named")
    repo, revision = data.get("repo"), data.get("revision")
    if not isinstance(repo, str) or not isinstance(revision, str) or not _REVISION.fullmatch(revision):
        raise ValueError("repository or revision is missing")
    if has_duplicates(data["files"]):
        raise ValueError("two names are one file on some systems")
    return Pins(repo, revision, tuple(_file(name, facts) for name, facts in data["files"].items()))


def _file(name: str, facts: Any) -> PinnedFile:
    size, sha256 = (facts.get("bytes"), facts.get("sha256")) if isinstance(facts, dict) else (None, None)
    if not is_plain(name):
        raise ValueError(f"{name!r} is not the plain name of a model's file")
    if type(size) is not int or size < 0 or not isinstance(sha256, str) or not _HASH.fullmatch(sha256):
        raise ValueError(f"{name} has no size and SHA-256")
    return PinnedFile(name, size, sha256)


def render(pins: Pins) -> str:
    """The text of a lock file."""
    files = {file.name: {"bytes": file.bytes, "sha256": file.sha256} for file in pins.files}
    return json.dumps({"repo": pins.repo, "revision": pins.revision, "files": files}, indent=1)


def read(entry: Entry, form: Form) -> Pins | None:
    """What an earlier pull recorded; None where there was none, or where its record is damaged.

    A record of a GGUF file that names several files is damaged.
    """
    try:
        found = parse(path(entry, form).read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    return None if form.file and len(found.files) != 1 else found


def write(entry: Entry, form: Form, pins: Pins) -> None:
    """Record the pins of a model, whole or not at all; call it under `storage.locked`."""
    target = path(entry, form)
    draft = target.with_name(f"{target.name}.tmp")
    draft.write_text(render(pins), encoding="utf-8")
    draft.replace(target)


def path(entry: Entry, form: Form) -> Path:
    """Where the lock file lies."""
    return storage.directory() / f"{entry.name}-{form.name}.pins.json"


def file_item(entry: Entry, form: Form) -> Item | None:
    """The GGUF file of a model with the bytes it must have; None before its first pull where nothing pins them."""
    if form.pinned:
        return Item(entry.name, form.name, form.file, form.bytes, form.sha256, form.sources)
    pins = read(entry, form)
    return pinned_file(entry, form, pins) if pins is not None else None


def pinned_file(entry: Entry, form: Form, pins: Pins) -> Item:
    """The same, by its pins."""
    (file,) = pins.files
    sources = (HuggingFace(pins.repo, file.name, pins.revision),)
    return Item(entry.name, form.name, form.file, file.bytes, file.sha256, sources)


def unknown_item(entry: Entry, form: Form) -> Item:
    """What can be said and locked of a form whose exact bytes are not known yet, or which is a directory."""
    return Item(entry.name, form.name, form.file or f"{entry.name}-{form.name}", form.bytes, "")


def notice(entry: Entry, pins: Pins) -> str:
    """What a user is told, once, of a model whose hashes are the hub's word."""
    return (
        f"Turnout does not pin {entry.name} in this form: from now on it is held to what Hugging Face lists "
        f"for {pins.repo} at {pins.revision[:12]} ({in_megabytes(pins.bytes)})."
    )


def has_duplicates(names: Iterable[str]) -> bool:
    """Whether two names are one file on a system that ignores case."""
    folded = [name.casefold() for name in names]
    return len(set(folded)) != len(folded)
