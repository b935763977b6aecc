"""How much of a card a model takes, and how its key/value cache is made to fit: pure arithmetic.

Invariant: a plan never takes more than the free memory it was made for.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

KvFormat = Literal["fp16", "q8", "q6", "q4"]

PAGE_TOKENS = 256
"""The cache is allotted in pages; exllamav2 demands a whole number of them."""

MOST_LANES = 8
_RESERVED_BYTES = 700 << 20
"""What the engine needs beside weights and cache: activations, dequantized matrices, CUDA's own buffers."""

_BITS: dict[KvFormat, tuple[float, float]] = {
    # Bits of a key and of a value; quantized ones share a 16-bit scale among 32.
    "fp16": (16, 16),
    "q8": (8.5, 8.5),
    "q6": (8.5, 4.5),
    "q4": (4.5, 4.5),
}


@dataclass(frozen=True, slots=True)
class Shape:
    """What decides how large a token is in the cache."""

    layers: int
    kv_heads: int
    head_dim: int


@dataclass(frozen=True, slots=True)
class Plan:
    """A cache of `cache_tokens` in `kv` format, in which `lanes` prompts of a whole context find room at once."""

    kv: KvFormat
    cache_tokens: int
    lanes: int


def plan(
    free_bytes: int, weights_bytes: int, shape: Shape, context_tokens: int, most_lanes: int
) -> Plan | None:
    """The best cache for the memory left beside the weights; None where not even one context fits.

    Precision goes before lanes, as long as there are two of these where two are wanted.
    """
    left = free_bytes - weights_bytes - _RESERVED_BYTES
    context = pages(context_tokens)
    for enough in (min(2, most_lanes), 1):
        for kv in _BITS:
            lanes = min(most_lanes, left // (context * kv_bytes_per_token(shape, kv)))
            if lanes >= enough:
                return Plan(kv, lanes * context, lanes)
    return None


def least_bytes(weights_bytes: int, shape: Shape, context_tokens: int) -> int:
    """The least memory with which `plan` finds a way."""
    return weights_bytes + _RESERVED_BYTES + pages(context_tokens) * kv_bytes_per_token(shape, "q4")


def kv_bytes_per_token(shape: Shape, kv: KvFormat) -> int:
    """Bytes that a token takes in the cache, and in the 16-bit copy of one layer that a quantized cache works on."""
    width = shape.kv_heads * shape.head_dim
    bits = sum(_BITS[kv]) * width * shape.layers
    return int(bits / 8) + (0 if kv == "fp16" else 2 * 2 * width)


def pages(tokens: int) -> int:
    """`tokens`, rounded up to whole pages."""
    return -(-tokens // PAGE_TOKENS) * PAGE_TOKENS


def largest_that_fits(models: Iterable[tuple[str, int]], free_bytes: int) -> str | None:
    """The name of the largest of `models` (with the bytes that each needs) that `free_bytes` are enough for."""
    fitting = [(needed, name) for name, needed in models if needed <= free_bytes]
    return max(fitting)[1] if fitting else None
