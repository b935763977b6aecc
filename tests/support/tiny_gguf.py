"""A model file made by hand: the smallest that llama.cpp loads, and what goes wrong with such files.

Its weights are zeros, so it writes nothing of worth; its tokens are single bytes and a few words.
"""

import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_ALIGNMENT = 32
_U32, _F32, _BOOL, _TEXT, _ARRAY = 4, 6, 7, 8, 9
_NORMAL, _UNKNOWN, _CONTROL, _BYTE = 1, 2, 3, 6
_WIDTH, _HEADS, _FORWARD = 32, 2, 64

FIM = ("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>", "<|repo_name|>", "<|file_sep|>")
"""Tokens that describe a hole to models of the Qwen family."""


def write(path: Path, *, architecture: str = "llama", extra: tuple[str, ...] = (), layers: int = 1) -> Path:
    """Write a model; `extra` are further tokens, such as those that describe a hole."""
    tokens = ["<unk>", "<s>", "</s>", *extra, *(f"<0x{byte:02X}>" for byte in range(256)), "a", "▁"]
    kinds = [_UNKNOWN, _CONTROL, _CONTROL, *[_CONTROL] * len(extra), *[_BYTE] * 256, _NORMAL, _NORMAL]
    values = {
        "general.architecture": architecture,
        f"{architecture}.context_length": 4096,
        f"{architecture}.embedding_length": _WIDTH,
        f"{architecture}.block_count": layers,
        f"{architecture}.feed_forward_length": _FORWARD,
        f"{architecture}.attention.head_count": _HEADS,
        f"{architecture}.attention.head_count_kv": _HEADS,
        f"{architecture}.attention.layer_norm_rms_epsilon": 1e-5,
        f"{architecture}.rope.dimension_count": _WIDTH // _HEADS,
        "tokenizer.ggml.model": "llama",
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.scores": [0.0] * len(tokens),
        "tokenizer.ggml.token_type": kinds,
        "tokenizer.ggml.bos_token_id": 1,
        "tokenizer.ggml.eos_token_id": 2,
    }
    path.write_bytes(_file(values, _tensors(len(tokens), layers)))
    return path


def _tensors(tokens: int, layers: int) -> dict[str, tuple[int, ...]]:
    """Shapes by name, the fastest-changing dimension first."""
    found: dict[str, tuple[int, ...]] = {
        "token_embd.weight": (_WIDTH, tokens),
        "output_norm.weight": (_WIDTH,),
    }
    for layer in range(layers):
        for name in ("attn_norm", "ffn_norm"):
            found[f"blk.{layer}.{name}.weight"] = (_WIDTH,)
        for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
            found[f"blk.{layer}.{name}.weight"] = (_WIDTH, _WIDTH)
        for name, shape in (
            ("gate", (_WIDTH, _FORWARD)),
            ("up", (_WIDTH, _FORWARD)),
            ("down", (_FORWARD, _WIDTH)),
        ):
            found[f"blk.{layer}.ffn_{name}.weight"] = shape
    return found


def _file(values: Mapping[str, Any], tensors: Mapping[str, tuple[int, ...]]) -> bytes:
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(values))
    head += b"".join(_string(key) + _typed(value) for key, value in values.items())
    offset = 0
    for name, shape in tensors.items():
        head += _string(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, 0, offset)
        offset += _padded(4 * _product(shape))
    return head + b"\0" * (_padded(len(head)) - len(head)) + b"\0" * offset


def _typed(value: Any) -> bytes:
    if isinstance(value, str):
        return struct.pack("<I", _TEXT) + _string(value)
    if isinstance(value, list):
        kind = _TEXT if isinstance(value[0], str) else _F32 if isinstance(value[0], float) else _U32 + 1
        return struct.pack("<IIQ", _ARRAY, kind, len(value)) + b"".join(map(_plain, value))
    return struct.pack("<I", _F32 if isinstance(value, float) else _U32) + _plain(value)


def _plain(value: Any) -> bytes:
    if isinstance(value, str):
        return _string(value)
    return struct.pack("<f" if isinstance(value, float) else "<i", value)


def _string(value: str) -> bytes:
    data = value.encode()
    return struct.pack("<Q", len(data)) + data


def _product(shape: tuple[int, ...]) -> int:
    product = 1
    for size in shape:
        product *= size
    return product


def _padded(size: int) -> int:
    return -(-size // _ALIGNMENT) * _ALIGNMENT
