"""What a GGUF file says of itself, read from its header in a fraction of a second and without loading the model.

Invariant: a file that is not what it should be raises EngineError with a sentence that says what to do; nothing
else escapes, whatever the bytes are.
"""

import math
import mmap
import re
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from turnout.worker.engines.base import EngineError

_T = TypeVar("_T")

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
_ARCHITECTURE = "general.architecture"
_TOKENS, _KINDS = "tokenizer.ggml.tokens", "tokenizer.ggml.token_type"

_STORED = {
    0: (1, 4),
    1: (1, 2),
    2: (32, 18),
    3: (32, 20),
    6: (32, 22),
    7: (32, 24),
    8: (32, 34),
    10: (256, 84),
    11: (256, 110),
    12: (256, 144),
    13: (256, 176),
    14: (256, 210),
    30: (1, 2),
}
"""Weights in a block and its bytes, by the number of a tensor's type; types that are not here count as nothing."""

AGAIN = (
    "Download the file again, or correct models.NAME.path; "
    "`turnout models verify` checks the files that Turnout fetched itself."
)

_MOST_VALUES = 4_000_000
"""Several times what the largest vocabularies need with all their merges: a second or two to walk over."""

_MOST_TEXT_BYTES = 1 << 20
"""Of what is kept: keys, and the names of tokens."""


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
                raise EngineError(f"{path} is not a GGUF file. {AGAIN}")
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                return _header(_Reader(data))
    except OSError as exc:
        raise EngineError(f"The model file {path} cannot be read: {exc.strerror}.") from exc
    except (struct.error, IndexError, KeyError, ValueError, OverflowError, MemoryError) as exc:
        raise EngineError(f"The header of the model file {path} is damaged or cut short. {AGAIN}") from exc


def missing_bytes(path: Path) -> int:
    """What the file lacks at least of the tensors that its header lists; 0 where that cannot be told."""
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return max(0, _least_bytes(_Reader(data)) - len(data))
    except (OSError, struct.error, IndexError, KeyError, ValueError, OverflowError, MemoryError):
        return 0


def _least_bytes(reader: "_Reader") -> int:
    _version, tensors, count = reader.unpack("<IQQ")
    for _ in range(count):
        reader.text()
        reader.skip()
    end = 0
    for _ in range(tensors):
        reader.text()
        (dimensions,) = reader.unpack("<I")
        *shape, kind, offset = reader.unpack(f"<{dimensions}QIQ")
        weights, size = _STORED.get(kind, (1, 0))
        end = max(end, offset + math.prod(shape) // weights * size)
    return reader.at + end


def _header(reader: "_Reader") -> Header:
    version, _tensors, count = reader.unpack("<IQQ")
    if version not in _VERSIONS:
        raise ValueError(f"GGUF version {version}")
    values: dict[str, Any] = {}
    for _ in range(count):
        key = reader.text().decode()
        if _kept(key):
            values[key] = reader.value()
        else:
            reader.skip()
        if _KINDS in values and _TOKENS in values:
            break  # what follows, among it all merges of the tokenizer, is nothing for us
    architecture = _typed(values.get(_ARCHITECTURE, b""), bytes).decode()
    context = values.get(f"{architecture}.context_length")
    tokens, kinds = _all(values.get(_TOKENS, ()), bytes), _all(values.get(_KINDS, ()), int)
    return Header(
        architecture,
        None if context is None else _typed(context, int),
        _special(tokens, kinds),
        _cache_bytes(architecture, values),
    )


def _kept(key: str) -> bool:
    return key in (_TOKENS, _KINDS, _ARCHITECTURE) or key.endswith(_SIZES)


def _typed(value: Any, kind: type[_T]) -> _T:
    if type(value) is not kind:
        raise ValueError(f"a {type(value).__name__} in place of {kind.__name__}")
    return value


def _all(values: Any, kind: type[_T]) -> tuple[_T, ...]:
    return tuple(_typed(value, kind) for value in _typed(values, tuple))


def _cache_bytes(architecture: str, values: Mapping[str, Any]) -> int:
    def number(name: str) -> int:
        value = values.get(architecture + name, 0)
        # Some models give each layer its own number; the largest is the careful answer.
        return max(_all(value, int), default=0) if isinstance(value, tuple) else _typed(value, int)

    heads = number(".attention.head_count")
    if heads <= 0:
        return 0
    pairs = number(".attention.head_count_kv") or heads
    length = number(".attention.key_length") or number(".embedding_length") // heads
    return max(0, 2 * 2 * number(".block_count") * pairs * length)


def _special(tokens: tuple[bytes, ...], kinds: tuple[int, ...]) -> dict[str, int]:
    found: dict[str, int] = {}
    for number, token in enumerate(tokens):
        kind = kinds[number] if number < len(kinds) else 1
        named = kind in _NAMED_KINDS or (token[:1] == b"<" and _NAMED_ALWAYS.fullmatch(token))
        if named and token:
            found[token.decode("utf-8", "replace")] = number
    return found


class _Reader:
    """Walks over the values of a header."""

    def __init__(self, data: mmap.mmap) -> None:
        self._data = data
        self._at = len(_MAGIC)
        self._values = 0
        self._length: Callable[..., tuple[int]] = struct.Struct("<Q").unpack_from

    @property
    def at(self) -> int:
        """Bytes from the beginning of the file."""
        return self._at

    def unpack(self, layout: str) -> tuple[Any, ...]:
        """The next values, as `struct` names them."""
        found = struct.unpack_from(layout, self._data, self._at)
        self._at += struct.calcsize(layout)
        return found

    def text(self) -> bytes:
        """The next string."""
        start = self._at + 8
        self._pass_text()
        if self._at - start > _MOST_TEXT_BYTES:
            raise ValueError("a name of megabytes")
        return self._data[start : self._at]

    def value(self) -> Any:
        """The next value: a number, bytes, or a tuple of either."""
        (kind,) = self.unpack("<I")
        if kind == _STRING:
            return self.text()
        if kind != _ARRAY:
            return self.unpack("<" + _SCALARS[kind])[0]
        kind, count = self._array()
        if kind == _STRING:
            return tuple(self.text() for _ in range(count))
        self._count(count)
        return self.unpack(f"<{count}{_SCALARS[kind]}")

    def skip(self) -> None:
        """Pass over the next value, and build nothing of it."""
        (kind,) = self.unpack("<I")
        if kind == _ARRAY:
            kind, count = self._array()
        else:
            count = 1
        if kind == _STRING:
            for _ in range(count):
                self._pass_text()
        else:
            self._pass(struct.calcsize(_SCALARS[kind]) * count)
            self._count(1)

    def _array(self) -> tuple[int, int]:
        """The kind and the number of what follows; each takes a byte at the least."""
        kind, count = self.unpack("<IQ")
        if count > len(self._data):
            raise ValueError("the file ends within a value")
        return kind, count

    def _pass_text(self) -> None:
        (length,) = self._length(self._data, self._at)
        self._pass(8 + length)
        self._count(1)

    def _pass(self, size: int) -> None:
        self._at += size
        if self._at > len(self._data):
            raise ValueError("the file ends within a value")

    def _count(self, values: int) -> None:
        self._values += values
        if self._values > _MOST_VALUES:
            raise ValueError("more values than any model has")
