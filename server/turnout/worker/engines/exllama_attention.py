"""Attention for exllamav2 where neither flash-attn nor xformers is installed.

exllamav2 0.3.2 (attn.py, `_attn_torch`) calls PyTorch's attention without a causal mask, so that every token of a
prompt sees those behind it, and cuts a sliding window by the last query instead of by each one. Nothing fails: the
answers are merely bad. `install` puts `causal_attention` in its place.
"""

import types
from typing import Any


def install() -> None:
    """Have exllamav2 use `causal_attention`; harmless when repeated, and unused where flash-attn is there."""
    from exllamav2.attn import ExLlamaV2Attention

    original = ExLlamaV2Attention._attn_torch
    if getattr(original, "is_turnouts", False):
        return

    def attend(
        self: Any,
        batch_size: int,
        q_len: int,
        q: Any,
        k: Any,
        v: Any,
        attn_params: Any,
        cfg: Any,
        causal: bool = True,
    ) -> Any:
        if not causal or not attn_params.is_causal() or self.layer_idx in attn_params.block_diag_layers:
            # Vision towers and padded batches: theirs, by way of its branch that does apply masks.
            masked = types.SimpleNamespace(**{**vars(cfg), "no_sdpa": True})
            return original(self, batch_size, q_len, q, k, v, attn_params, masked, causal)
        return causal_attention(
            q, k, v, scale=self.scaling, window=self.sliding_window, softcap=cfg.attn_logit_softcapping or 0.0
        )

    attend.is_turnouts = True  # type: ignore[attr-defined]
    ExLlamaV2Attention._attn_torch = attend


def causal_attention(q: Any, k: Any, v: Any, *, scale: float, window: int = 0, softcap: float = 0.0) -> Any:
    """Attention of the last queries over all keys, each over those up to its own place: [batch, queries, width].

    `q` is [batch, queries, heads, size], `k` and `v` are [batch, keys, kv_heads, size]. A `window` other than 0 is
    how many keys back a query sees, its own included; a `softcap` other than 0 bounds the scores as in Gemma.
    """
    import torch
    from torch.nn.attention.bias import causal_lower_right

    batch, queries, keys = q.shape[0], q.shape[1], k.shape[1]
    q, k, v = (tensor.transpose(1, 2) for tensor in (q, k, v))
    seen: Any = None
    if 0 < window < keys:
        place = torch.arange(keys - queries, keys, device=q.device)[:, None]
        behind = place - torch.arange(keys, device=q.device)[None, :]
        seen = (behind >= 0) & (behind < window)
    elif queries > 1:
        seen = causal_lower_right(queries, keys)
    if softcap:
        out = _softcapped(q, k, v, seen, scale, softcap)
    else:
        out = torch.nn.functional.scaled_dot_product_attention(q, k, v, seen, scale=scale, enable_gqa=True)
    return out.transpose(1, 2).reshape(batch, queries, -1)


def _softcapped(q: Any, k: Any, v: Any, seen: Any, scale: float, softcap: float) -> Any:
    import torch

    groups, queries, keys = q.shape[1] // k.shape[1], q.shape[2], k.shape[2]
    scores = q.float() @ k.float().repeat_interleave(groups, 1).transpose(-1, -2) * scale
    scores = softcap * torch.tanh(scores / softcap)
    if not isinstance(seen, torch.Tensor) or seen.dtype != torch.bool:
        seen = torch.ones(queries, keys, dtype=torch.bool, device=q.device).tril(keys - queries)
    weights = scores.masked_fill(~seen, float("-inf")).softmax(-1)
    return (weights @ v.float().repeat_interleave(groups, 1)).to(q.dtype)
