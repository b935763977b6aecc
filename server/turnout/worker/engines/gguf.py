"""What a GGUF file says of itself, read from its header in a fraction of a second and without loading the model.

Invariant: a file that is not what it should be raises EngineError with a sentence that says what to do; nothing
else escapes, whatever the bytes are.
"""

import mmap
import re
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from turnout.worker.engines.base import EngineError

_MAGIC = b"GGUF"
_VERSIONS = (2, 3)
_STRING, _ARRAY = 8, 9
_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_NAMED_KINDS = frozenset({2, 3, 4})  # unknown, control, user defined: what llama.cpp looks for in a text
_NAMED_ALWAYS = re.compile(rb"<\|.*\|>|<\xef\xbd\x9c.*\xef\xbd\x9c>|</?s>|<fim.*>|<(PRE|SUF|MID|EOT|EOS)>")
"""Tokens that llama.cpp treats as special by their names, although some files call them ordinary."""

_SIZES = (
    ".context_length",
    ".block_count",
    ".embedding_length",
    ".attention.head_count",
    ".attention.head_count_kv",
    ".attention.key_length",
)
_TOKENS, _KINDS = "tokenizer.ggml.tokens", "tokenizer.ggml.token_type"


@dataclass(frozen=True, slots=True)
class Header:
    """Facts of a model; `special` are the ids of the tokens that a tokenizer finds by their names in a text.

    `context_tokens` is what the model was trained with; None where the file does not say.
    `cache_bytes` is what one token of the context takes in a cache of 16-bit keys and values; 0 where it does not.
    """

    architecture: str
    context_tokens: int | None
    special: Mapping[str, int]
    cache_bytes: int = 0


def read(path: Path) -> Header:
    """The header of the file at `path`; raises EngineError."""
    try:
        with path.open("rb") as file:
            if file.read(4) != _MAGIC:
                raise EngineError(
                    f"{path} is not a GGUF file. `turnout models verify` checks the models on this machine."
                )
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                return _header(_Reader(data))
    except OSError as exc:
        raise EngineError(f"The model file {path} cannot be read: {exc.strerror}.") from exc
    except (struct.error, IndexError, KeyError, ValueError, OverflowError, MemoryError) as exc:
        raise EngineError(
            f"The header of the model file {path} is damaged. "
            "`turnout models verify` checks the models on this machine."
        ) from exc


def _header(reader: "_Reader") -> Header:
    version, _tensors, count = reader.unpack("<IQQ")
    if version not in _VERSIONS:
        raise ValueError(f"GGUF version {version}")
    values: dict[str, Any] = {}
    for _ in range(count):
        key = reader.text().decode()
        values[key] = reader.value(keep=_kept(key))
        if _KINDS in values and _TOKENS in values:
            break  # what follows, among it all merges of the tokenizer, is nothing for us
    architecture = str(values.get("general.architecture", b"").decode())
    context = values.get(f"{architecture}.context_length")
    special = _special(values.get(_TOKENS, []), values.get(_KINDS, ()))
    return Header(architecture, context, special, _cache_bytes(architecture, values))


def _kept(key: str) -> bool:
    return key in (_TOKENS, _KINDS, "general.architecture") or key.endswith(_SIZES)


def _cache_bytes(architecture: str, values: Mapping[str, Any]) -> int:
    def number(name: str) -> int:
        value = values.get(architecture + name, 0)
        # Some models give each layer its own number; the largest is the careful answer.
        return int(max(value, default=0)) if isinstance(value, tuple | list) else int(value)

    heads = number(".attention.head_count")
    if heads <= 0:
        return 0
    pairs = number(".attention.head_count_kv") or heads
    length = number(".attention.key_length") or number(".embedding_length") // heads
    return 2 * 2 * number(".block_count") * pairs * length


def _special(tokens: list[bytes], kinds: tuple[int, ...]) -> dict[str, int]:
    found: dict[str, int] = {}
    for number, token in enumerate(tokens):
        kind = kinds[number] if number < len(kinds) else 1
        if kind in _NAMED_KINDS or (token[:1] == b"<" and _NAMED_ALWAYS.fullmatch(token)):
            found[token.decode("utf-8", "replace")] = number
    return found


class _Reader:
    """Walks over the values of a header."""

    def __init__(self, data: mmap.mmap) -> None:
        self._data = data
        self._at = len(_MAGIC)
        self._length: Callable[..., tuple[int]] = struct.Struct("<Q").unpack_from

    def unpack(self, layout: str) -> tuple[Any, ...]:
        """The next values, as `struct` names them."""
        found = struct.unpack_from(layout, self._data, self._at)
        self._at += struct.calcsize(layout)
        return found

    def text(self) -> bytes:
        """The next string."""
        (length,) = self._length(self._data, self._at)
        start = self._at + 8
        self._at = self._checked(start + length)
        return self._data[start : self._at]

    def value(self, *, keep: bool) -> Any:
        """The next value; None where it is not worth keeping."""
        (kind,) = self.unpack("<I")
        if kind == _STRING:
            found: Any = self.text()
        elif kind == _ARRAY:
            found = self._array(keep=keep)
        else:
            (found,) = self.unpack("<" + _SCALARS[kind])
        return found if keep else None

    def _array(self, *, keep: bool) -> Any:
        kind, count = self.unpack("<IQ")
        if kind == _STRING:
            self._checked(self._at + 8 * count)
            texts = [self.text() for _ in range(count)]
            return texts if keep else None
        size = struct.calcsize(_SCALARS[kind]) * count
        self._checked(self._at + size)
        if keep:
            return self.unpack(f"<{count}{_SCALARS[kind]}")
        self._at += size
        return None

    def _checked(self, end: int) -> int:
        if end > len(self._data):
            raise ValueError("the file ends within a value")
        return end
