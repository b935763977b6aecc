"""Headers of model files: what they say, and every way in which they can be broken."""

import struct
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from turnout import machine
from turnout.worker.engines import gguf, llamacpp
from turnout.worker.engines.base import EngineError

NORMAL, CONTROL, USER_DEFINED = 1, 3, 4


def text(value: str) -> bytes:
    data = value.encode()
    return struct.pack("<Q", len(data)) + data


def entry(key: str, kind: int, data: bytes) -> bytes:
    return text(key) + struct.pack("<I", kind) + data


def strings(values: list[str]) -> bytes:
    return struct.pack("<IQ", 8, len(values)) + b"".join(map(text, values))


def numbers(values: list[int]) -> bytes:
    return struct.pack(f"<IQ{len(values)}i", 5, len(values), *values)


def header(*entries: bytes, version: int = 3) -> bytes:
    return b"GGUF" + struct.pack("<IQQ", version, 0, len(entries)) + b"".join(entries)


SOUND_TOKENS = entry("tokenizer.ggml.tokens", 9, strings(["a"]))
SOUND = header(
    entry("general.architecture", 8, text("qwen2")),
    entry("general.tags", 9, strings(["a", "b"])),
    entry("qwen2.rope.freq_base", 6, struct.pack("<f", 1e6)),
    entry("qwen2.context_length", 4, struct.pack("<I", 32768)),
    entry("tokenizer.ggml.tokens", 9, strings(["a", "<div>", "<|fim_prefix|>", "<tool>", "<fim_suffix>"])),
    entry("tokenizer.ggml.token_type", 9, numbers([NORMAL, NORMAL, CONTROL, USER_DEFINED, NORMAL])),
    entry("tokenizer.ggml.merges", 9, strings(["a b"])),
)


def test_a_header_tells_what_the_engine_asks_before_loading(tmp_path: Path) -> None:
    """Special tokens are those that llama.cpp finds in a text; markup that is an ordinary token is none."""
    (tmp_path / "m.gguf").write_bytes(SOUND)
    found = gguf.read(tmp_path / "m.gguf")
    assert (found.architecture, found.context_tokens) == ("qwen2", 32768)
    assert found.special == {"<|fim_prefix|>": 2, "<tool>": 3, "<fim_suffix>": 4}


@pytest.mark.parametrize(
    ("sizes", "cache_bytes"),
    [
        ({}, 0),
        ({"block_count": 24, "embedding_length": 896, "attention.head_count": 14}, 2 * 2 * 24 * 896),
        (
            {
                "block_count": 24,
                "embedding_length": 896,
                "attention.head_count": 14,
                "attention.head_count_kv": 2,
            },
            12_288,
        ),
        (
            {"block_count": 2, "embedding_length": 8, "attention.head_count": 2, "attention.key_length": 64},
            2 * 2 * 2 * 2 * 64,
        ),
        ({"block_count": 24, "embedding_length": 896, "attention.head_count": 0}, 0),
    ],
)
def test_a_header_tells_what_a_token_of_the_context_takes(
    tmp_path: Path, sizes: dict[str, int], cache_bytes: int
) -> None:
    """Keys and values of 16 bits in every layer; the default model's are 12 KiB."""
    entries = [entry(f"qwen2.{name}", 4, struct.pack("<I", value)) for name, value in sizes.items()]
    (tmp_path / "m.gguf").write_bytes(header(entry("general.architecture", 8, text("qwen2")), *entries))
    assert gguf.read(tmp_path / "m.gguf").cache_bytes == cache_bytes


def test_a_header_without_a_tokenizer_is_no_fault(tmp_path: Path) -> None:
    """Such a model has no tokens that describe a hole, which is said when one is asked for."""
    (tmp_path / "m.gguf").write_bytes(header(entry("general.architecture", 8, text("clip"))))
    assert gguf.read(tmp_path / "m.gguf") == gguf.Header("clip", None, {})


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is not a GGUF file"),
        (b"PK\x03\x04 something else", "is not a GGUF file"),
        (b"GGUF", "header .* is damaged"),
        (header(version=99), "header .* is damaged"),
        (SOUND[:200], "header .* is damaged"),
        (header(entry("a", 77, b"")), "header .* is damaged"),
        (header(entry("a", 8, struct.pack("<Q", 1 << 62))), "header .* is damaged"),
        (header(entry("a", 9, struct.pack("<IQ", 5, 1 << 62))), "header .* is damaged"),
        (header(entry("a", 9, struct.pack("<IQ", 8, 1 << 62))), "header .* is damaged"),
        (header(entry("a", 9, struct.pack("<IQIQ", 9, 1, 9, 1))), "header .* is damaged"),
        (header(entry("general.architecture", 4, struct.pack("<I", 5))), "header .* is damaged"),
        (header(entry("tokenizer.ggml.tokens", 4, struct.pack("<I", 5))), "header .* is damaged"),
        (header(entry("tokenizer.ggml.tokens", 9, numbers([7]))), "header .* is damaged"),
        (header(SOUND_TOKENS, entry("tokenizer.ggml.token_type", 4, bytes(4))), "header .* is damaged"),
        (header(entry(".context_length", 8, text("12"))), "header .* is damaged"),
        (header(entry("a" * (2 << 20), 0, b"1")), "header .* is damaged"),
    ],
)
def test_a_broken_header_is_said_with_advice(tmp_path: Path, content: bytes, says: str) -> None:
    """Whatever the file is, the message names it and what to do."""
    (tmp_path / "m.gguf").write_bytes(content)
    with pytest.raises(EngineError, match=says) as raised:
        gguf.read(tmp_path / "m.gguf")
    assert "models.NAME.path" in str(raised.value)


@pytest.mark.parametrize(
    ("kind", "shape", "bytes_there", "missing"),
    [
        (0, (4, 8), 16 + 128, 0),
        (0, (4, 8), 16 + 100, 28),
        (12, (256, 2), 16 + 288, 0),
        (12, (256, 2), 0, 304),
        (99, (256, 2), 16, 0),  # a type that nobody knows yet: only its place counts
        (99, (256, 2), 0, 16),
    ],
)
def test_a_file_that_ends_before_its_last_tensor_lacks_bytes(
    tmp_path: Path, kind: int, shape: tuple[int, int], bytes_there: int, missing: int
) -> None:
    """The header lists where each tensor lies, and its type and shape say how long it is."""
    tensor = text("w") + struct.pack("<IQQIQ", 2, *shape, kind, 16)
    head = b"GGUF" + struct.pack("<IQQ", 3, 1, 1) + SOUND_TOKENS + tensor
    (tmp_path / "m.gguf").write_bytes(head + bytes(bytes_there))
    assert gguf.missing_bytes(tmp_path / "m.gguf") == missing


@given(st.binary(max_size=200))
def test_any_bytes_lack_some_number_of_bytes(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    """Nothing escapes, whatever the bytes are."""
    path = tmp_path_factory.mktemp("any") / "m.gguf"
    path.write_bytes(b"GGUF" + data)
    assert gguf.missing_bytes(path) >= 0


@pytest.mark.parametrize(("cache_bytes", "first"), [(12_288, "Lower models.NAME"), (0, "Close other")])
def test_too_large_a_context_is_lowered_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache_bytes: int, first: str
) -> None:
    """Where a lower context alone would fit, that is the first advice, with the number."""
    monkeypatch.setattr(machine, "free_bytes", lambda: 200_000_000 if cache_bytes else 1_000_000)
    (tmp_path / "m.gguf").write_bytes(SOUND)
    with pytest.raises(EngineError, match=rf"are free\. {first}"):
        llamacpp._check_memory(
            tmp_path / "m.gguf", gguf.Header("qwen2", None, {}, cache_bytes), context_tokens=1_000_000
        )


def test_a_file_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    """A directory and a missing file are no models."""
    for path in (tmp_path, tmp_path / "none.gguf"):
        with pytest.raises(EngineError, match="cannot be read"):
            gguf.read(path)


def _sparse(path: Path, count: int) -> None:
    """A header with `count` empty strings that nobody asks for, which takes no room on the disk."""
    with path.open("wb") as file:
        file.write(b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + text("a") + struct.pack("<IIQ", 9, 8, count))
        file.truncate(file.tell() + 8 * count)


def test_what_is_not_kept_takes_no_memory(tmp_path: Path) -> None:
    """The merges of a tokenizer are passed over."""
    _sparse(tmp_path / "m.gguf", 100_000)
    tracemalloc.start()
    try:
        assert gguf.read(tmp_path / "m.gguf") == gguf.Header("", None, {})
        assert tracemalloc.get_traced_memory()[1] < 500_000
    finally:
        tracemalloc.stop()


def test_a_header_without_end_is_not_walked_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More values than any vocabulary has are damage."""
    monkeypatch.setattr(gguf, "_MOST_VALUES", 1000)
    _sparse(tmp_path / "few.gguf", 990)
    assert gguf.read(tmp_path / "few.gguf").special == {}
    _sparse(tmp_path / "many.gguf", 1001)
    with pytest.raises(EngineError, match="is damaged"):
        gguf.read(tmp_path / "many.gguf")


def _scalar(kind: int) -> st.SearchStrategy[bytes]:
    if kind == 8:
        return st.sampled_from(["", "x", "12", "<|a|>", "qwen2"]).map(text)
    size = struct.calcsize(gguf._SCALARS[kind])
    return st.sampled_from([bytes(size), b"\x01" + bytes(size - 1), b"\xff" * size]) | st.binary(
        min_size=size, max_size=size
    )


KINDS = st.sampled_from([*gguf._SCALARS, 8])
scalars = KINDS.flatmap(lambda kind: st.tuples(st.just(kind), _scalar(kind)))
arrays = KINDS.flatmap(
    lambda kind: st.lists(_scalar(kind), max_size=3).map(
        lambda items: (9, struct.pack("<IQ", kind, len(items)) + b"".join(items))
    )
)
SIZES = [f"{architecture}{size}" for architecture in ("", "x", "qwen2") for size in gguf._SIZES]
TOKENIZER = ["tokenizer.ggml.tokens", "tokenizer.ggml.token_type"]
KEYS = st.sampled_from(["general.architecture", *SIZES, *TOKENIZER, "other"])
entries = st.lists(st.tuples(KEYS, scalars | arrays), max_size=8)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(entries)
def test_values_of_any_type_are_read_or_refused(tmp_path: Path, values: Any) -> None:
    """What comes out has the types that are promised, whatever stands where."""
    (tmp_path / "m.gguf").write_bytes(header(*(entry(key, kind, data) for key, (kind, data) in values)))
    try:
        found = gguf.read(tmp_path / "m.gguf")
    except EngineError as error:
        assert "is damaged" in str(error)  # noqa: PT017 (either is right, and nothing else is)
        return
    assert type(found.architecture) is str
    assert found.context_tokens is None or type(found.context_tokens) is int
    assert type(found.cache_bytes) is int
    assert found.cache_bytes >= 0
    assert all(name and type(number) is int for name, number in found.special.items())


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    change=st.lists(st.tuples(st.integers(4, len(SOUND) - 1), st.integers(0, 255)), max_size=4),
    end=st.integers(0, len(SOUND)),
)
def test_no_bytes_break_the_reader(tmp_path: Path, change: Any, end: int) -> None:
    """A damaged header is an EngineError or is read; nothing else escapes."""
    data = bytearray(SOUND)
    for at, byte in change:
        data[at] = byte
    (tmp_path / "m.gguf").write_bytes(bytes(data[:end]))
    try:
        gguf.read(tmp_path / "m.gguf")
    except EngineError as error:
        assert str(error)  # noqa: PT017 (either is right, and nothing else is)
