"""What the hub says of a repository: its commit, and the size and hash of each file that an engine reads.

Invariant: asked over HTTPS (or on loopback), and nothing of its answer becomes a file name before it was found plain.
"""

import hashlib
import json
import re
import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from turnout.errors import DownloadFailed
from turnout.models import hub, pins
from turnout.models.manifest import Form, HuggingFace
from turnout.models.pins import PinnedFile, Pins

Read = Callable[[str, int], bytes]
"""`hub.read`: a path of the hub, and the most bytes to take."""

_LISTING_BYTES = 16 << 20
_SMALL_BYTES = 64 << 20
"""Files that the hub keeps outside of large-file storage are configuration and tokenizers."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """The pins of a form, and the contents of those files whose hash the hub does not list (they are small)."""

    pins: Pins
    contents: dict[str, bytes]


@dataclass(frozen=True, slots=True)
class _Listed:
    name: str
    bytes: int
    sha256: str
    git_oid: str


def resolve(form: Form, where: HuggingFace, read: Read = hub.read) -> Resolved:
    """Ask the hub which bytes a form consists of now; raises DownloadFailed with the reason."""
    _require_safe_transport(hub.endpoint())
    revision, listed = _parse(
        read(f"api/models/{where.repo}/revision/{where.revision}?blobs=true", _LISTING_BYTES)
    )
    files, contents = [], {}
    for file in _wanted(form, where, listed):
        sha256 = file.sha256
        if not sha256:
            contents[file.name] = _small(where.repo, revision, file, read)
            sha256 = hashlib.sha256(contents[file.name]).hexdigest()
        files.append(PinnedFile(file.name, file.bytes, sha256))
    return Resolved(Pins(where.repo, revision, tuple(files)), contents)


def _require_safe_transport(endpoint: str) -> None:
    address = urllib.parse.urlsplit(endpoint)
    if address.scheme != "https" and address.hostname not in hub.LOOPBACK:
        raise DownloadFailed(
            "Turnout does not pin this model, and takes its hashes over HTTPS only; HF_ENDPOINT is plain http."
        )


def _parse(answer: bytes) -> tuple[str, list[_Listed]]:
    try:
        data = json.loads(answer)
        revision, siblings = data["sha"], data["siblings"]
        if not re.fullmatch(r"[0-9a-f]{40}", revision):
            raise ValueError("its commit is not one")
        return revision, [_listed(sibling) for sibling in siblings]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as exc:
        raise DownloadFailed(f"its listing of the repository is not usable ({exc}).") from exc


def _listed(sibling: dict[str, Any]) -> _Listed:
    large = sibling.get("lfs") or {}
    size, sha256 = large.get("size", sibling.get("size", -1)), str(large.get("sha256", ""))
    if type(size) is not int or (large and not re.fullmatch(r"[0-9a-f]{64}", sha256)):
        raise ValueError("a file has no size and hash")
    return _Listed(str(sibling["rfilename"]), size, sha256, str(sibling.get("blobId", "")))


def _wanted(form: Form, where: HuggingFace, listed: list[_Listed]) -> list[_Listed]:
    """The files of the form: the one that is named, or all in the top directory that an engine reads."""
    for file in listed:
        _refuse_hostile(file.name)
    if where.file:
        found = [file for file in listed if file.name == where.file and file.sha256]
        if not found:
            raise DownloadFailed(f"{where.repo} has no file {where.file}.")
        if len(found) > 1:
            raise DownloadFailed(f"{where.repo} lists {where.file} twice.")
        return found
    # Mistral's own weights in a second copy of other names; an engine would load both.
    found = [f for f in listed if pins.is_plain(f.name) and not f.name.startswith("consolidated")]
    found = [file for file in found if not file.name.endswith(".gguf")]
    names = [file.name for file in found]
    if pins.has_duplicates(names):
        raise DownloadFailed(f"{where.repo} has two files whose names are the same or differ only in case.")
    if not _is_model(set(names)):
        raise DownloadFailed(f"{where.repo} does not hold a configuration, a tokenizer and safetensors.")
    if any(file.bytes < 0 for file in found):
        raise DownloadFailed(f"{where.repo} lists a file without its size.")
    return found


def _is_model(names: set[str]) -> bool:
    tokenizer = names & {"tokenizer.json", "tokenizer.model", "vocab.json"}
    return "config.json" in names and bool(tokenizer) and any(n.endswith(".safetensors") for n in names)


def _refuse_hostile(name: str) -> None:
    """A name that leads out of its directory is no accident: then nothing of the repository is taken."""
    parts = PurePosixPath(name).parts
    if (
        not parts
        or ".." in parts
        or name.startswith("/")
        or "\\" in name
        or ":" in name
        or not name.isprintable()
    ):
        raise DownloadFailed(f"the repository holds a file with the name {name!r}, so nothing of it is used.")


def _small(repo: str, revision: str, file: _Listed, read: Read) -> bytes:
    """The contents of a file that the hub lists under its git object id only."""
    if file.bytes > _SMALL_BYTES:
        raise DownloadFailed(f"{file.name} has {file.bytes} bytes and no SHA-256 in the listing.")
    data = read(f"{repo}/resolve/{revision}/{file.name}", file.bytes)
    # Git's own object id; the transport vouches for it, and from here on the SHA-256 that is recorded does.
    oid = hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
    if len(data) != file.bytes or oid != file.git_oid:
        raise DownloadFailed(f"{file.name} is not the file that its listing names.")
    return data
