"""A GGUF file of the Qwen2 layout as a directory in 16 bits: what a machine without a model hub can make of it.

Invariant: a converted tensor is the GGUF's own, dequantized, and nothing else; the vocabulary keeps its ids.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ARCHITECTURES = {"qwen2": "Qwen2ForCausalLM"}

_PRE_TOKENIZERS = {
    "qwen2": r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+",
}
_CONTROL, _USER_DEFINED, _UNUSED = 3, 4, 5

_TOP = {
    "token_embd.weight": "model.embed_tokens.weight",
    "output_norm.weight": "model.norm.weight",
    "output.weight": "lm_head.weight",
}
_IN_BLOCK = {
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
    "attn_norm": "input_layernorm",
    "ffn_norm": "post_attention_layernorm",
}


def gguf_to_directory(source: Path, target: Path) -> None:
    """Write `target`/{config.json, tokenizer.json, tokenizer_config.json, model.safetensors}."""
    import gguf
    from safetensors.numpy import save_file

    reader = gguf.GGUFReader(str(source))
    target.mkdir(parents=True, exist_ok=True)
    names = {tensor.name for tensor in reader.tensors}
    _write(target / "config.json", _config(reader, tied="output.weight" not in names))
    _write(target / "tokenizer.json", _tokenizer(reader))
    _write(target / "tokenizer_config.json", _tokenizer_config(reader))
    save_file(dict(tensors(reader)), str(target / "model.safetensors"), metadata={"format": "pt"})


def tensors(reader: Any) -> Iterator[tuple[str, Any]]:
    """Each tensor under its name in a directory, in 16 bits."""
    import numpy
    from gguf.quants import dequantize

    for tensor in reader.tensors:
        shape = tuple(int(size) for size in reversed(tensor.shape))
        values = dequantize(tensor.data, tensor.tensor_type).reshape(shape)
        yield _name(tensor.name), numpy.ascontiguousarray(values.astype(numpy.float16))


def _name(name: str) -> str:
    if name in _TOP:
        return _TOP[name]
    _, block, rest = name.split(".", 2)
    part, kind = rest.rsplit(".", 1)
    return f"model.layers.{block}.{_IN_BLOCK[part]}.{kind}"


def _field(reader: Any, key: str, default: Any = None) -> Any:
    found = reader.fields.get(key)
    return default if found is None else found.contents()


def _config(reader: Any, *, tied: bool) -> dict[str, Any]:
    architecture = _field(reader, "general.architecture")

    def fact(key: str) -> Any:
        return _field(reader, f"{architecture}.{key}")

    heads = fact("attention.head_count")
    return {
        "architectures": [ARCHITECTURES[architecture]],
        "model_type": architecture,
        "hidden_size": fact("embedding_length"),
        "intermediate_size": fact("feed_forward_length"),
        "num_hidden_layers": fact("block_count"),
        "num_attention_heads": heads,
        "num_key_value_heads": fact("attention.head_count_kv") or heads,
        "rms_norm_eps": float(fact("attention.layer_norm_rms_epsilon")),
        "rope_theta": float(fact("rope.freq_base") or 10_000),
        "max_position_embeddings": fact("context_length"),
        "vocab_size": len(_field(reader, "tokenizer.ggml.tokens")),
        "hidden_act": "silu",
        "tie_word_embeddings": tied,
        "torch_dtype": "float16",
        "bos_token_id": _field(reader, "tokenizer.ggml.bos_token_id"),
        "eos_token_id": _field(reader, "tokenizer.ggml.eos_token_id"),
    }


def _tokenizer(reader: Any) -> dict[str, Any]:
    vocabulary, added = _vocabulary(reader)
    split = {"Regex": _PRE_TOKENIZERS[_field(reader, "tokenizer.ggml.pre")]}
    bytes_as_characters = {
        "type": "ByteLevel",
        "add_prefix_space": False,
        "trim_offsets": False,
        "use_regex": False,
    }
    steps = [
        {"type": "Split", "pattern": split, "behavior": "Isolated", "invert": False},
        bytes_as_characters,
    ]
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": added,
        "normalizer": {"type": "NFC"},
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": steps},
        "post_processor": None,
        "decoder": bytes_as_characters,
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": "",
            "end_of_word_suffix": "",
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": False,
            "vocab": vocabulary,
            "merges": [merge.split(" ") for merge in _field(reader, "tokenizer.ggml.merges")],
        },
    }


def _vocabulary(reader: Any) -> tuple[dict[str, int], list[dict[str, Any]]]:
    """The byte-pair vocabulary by piece, and the added tokens; rows that only pad the embedding are in neither."""
    kinds = _field(reader, "tokenizer.ggml.token_type")
    vocabulary: dict[str, int] = {}
    added: list[dict[str, Any]] = []
    for token_id, (text, kind) in enumerate(zip(_field(reader, "tokenizer.ggml.tokens"), kinds, strict=True)):
        if kind in (_CONTROL, _USER_DEFINED):
            flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
            added.append({"id": token_id, "content": text, **flags, "special": kind == _CONTROL})
        elif kind != _UNUSED:
            vocabulary[text] = token_id
    return vocabulary, added


def _tokenizer_config(reader: Any) -> dict[str, Any]:
    texts = _field(reader, "tokenizer.ggml.tokens")
    facts: dict[str, Any] = {"tokenizer_class": "PreTrainedTokenizerFast"}
    for role, key in (("bos_token", "bos"), ("eos_token", "eos"), ("pad_token", "padding")):
        token_id = _field(reader, f"tokenizer.ggml.{key}_token_id")
        if token_id is not None:
            facts[role] = texts[token_id]
    if template := _field(reader, "tokenizer.chat_template"):
        facts["chat_template"] = template
    return facts


def _write(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, ensure_ascii=False), "utf-8")
