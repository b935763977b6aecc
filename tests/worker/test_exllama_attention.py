"""Attention without flash-attn: exllamav2's own has no causal mask, and ours is held to a reference in float64."""

import importlib
import types
from typing import Any

import pytest

from worker import exllama_kit as kit

kit.require_torch()

HEADS, KV_HEADS, SIZE = 6, 2, 32


def states(past: int, queries: int) -> tuple[Any, Any, Any]:
    import torch

    made = torch.Generator().manual_seed(past * 1000 + queries)
    shape = {"generator": made, "dtype": torch.float32}
    return (
        torch.randn(1, queries, HEADS, SIZE, **shape),
        torch.randn(1, past + queries, KV_HEADS, SIZE, **shape),
        torch.randn(1, past + queries, KV_HEADS, SIZE, **shape),
    )


def reference(q: Any, k: Any, v: Any, *, window: int = 0, softcap: float = 0.0, causal: bool = True) -> Any:
    """One query after the other, in float64."""
    import torch

    q, k, v = q.double(), k.double(), v.double()
    past = k.shape[1] - q.shape[1]
    out = torch.zeros(1, q.shape[1], HEADS, SIZE, dtype=torch.float64)
    for query in range(q.shape[1]):
        last = past + query + 1 if causal else k.shape[1]
        first = max(0, last - window) if window else 0
        for head in range(HEADS):
            kv = head // (HEADS // KV_HEADS)
            scores = k[0, first:last, kv] @ q[0, query, head] * SIZE**-0.5
            if softcap:
                scores = softcap * torch.tanh(scores / softcap)
            out[0, query, head] = scores.softmax(0) @ v[0, first:last, kv]
    return out.reshape(1, q.shape[1], -1)


@pytest.fixture
def attend() -> Any:
    """exllamav2's method as the engine leaves it, on a layer that has only what it reads."""
    from turnout.worker.engines import exllama_attention

    exllama_attention.install()
    return call


def call(q: Any, k: Any, v: Any, window: int = 0, softcap: float | None = None, **config: Any) -> Any:
    from exllamav2.attn import ExLlamaV2Attention

    groups = HEADS // KV_HEADS
    layer = types.SimpleNamespace(
        num_key_value_groups=groups, sliding_window=window, layer_idx=0, scaling=SIZE**-0.5
    )
    layer.repeat_kv = types.MethodType(ExLlamaV2Attention.repeat_kv, layer)
    config = {"no_sdpa": False, "attn_logit_softcapping": softcap, **config}
    parameters = ExLlamaV2Attention.Params(1, q.shape[1], k.shape[1] - q.shape[1])
    return ExLlamaV2Attention._attn_torch(
        layer, 1, q.shape[1], q, k, v, parameters, types.SimpleNamespace(**config)
    )


@pytest.mark.parametrize(("past", "queries"), [(0, 1), (0, 24), (40, 1), (40, 4), (40, 24)])
@pytest.mark.parametrize("softcap", [None, 20.0])
@pytest.mark.parametrize("window", [0, 7, 1000])
def test_each_token_sees_those_before_it_and_no_other(
    attend: Any, past: int, queries: int, softcap: float | None, window: int
) -> None:
    """In a prompt, in an answer and in several guessed tokens at once; with windows and soft caps too."""
    q, k, v = states(past, queries)
    wanted = reference(q, k, v, window=window, softcap=softcap or 0.0)
    assert (attend(q, k, v, window, softcap).double() - wanted).abs().max() < 1e-5


def test_without_it_a_prompt_sees_its_own_future() -> None:
    """The fault is still in the library: when it goes, so may the patch."""
    from exllamav2 import attn

    original = attn.ExLlamaV2Attention._attn_torch
    try:
        fresh = importlib.util.module_from_spec(attn.__spec__)
        attn.__spec__.loader.exec_module(fresh)
        attn.ExLlamaV2Attention._attn_torch = fresh.ExLlamaV2Attention._attn_torch
        q, k, v = states(40, 24)
        answered = call(q, k, v).double()
    finally:
        attn.ExLlamaV2Attention._attn_torch = original
    assert (answered - reference(q, k, v)).abs().max() > 0.1
    assert (answered - reference(q, k, v, causal=False)).abs().max() < 1e-5


def test_the_patch_is_put_in_place_once(attend: Any) -> None:
    """However often models are loaded in a process."""
    from exllamav2.attn import ExLlamaV2Attention

    from turnout.worker.engines import exllama_attention

    patched = ExLlamaV2Attention._attn_torch
    exllama_attention.install()
    assert ExLlamaV2Attention._attn_torch is patched
