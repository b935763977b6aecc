"""4-bit GPTQ directories: a real model rounded to the nearest, and random ones in the shapes of larger models.

The layout is AutoGPTQ's first version, which exllamav2 reads: `qweight` holds 8 consecutive inputs of an output in
a word, `qzeros` 8 outputs of a group less one, `scales` a 16-bit number for each group and output.
"""

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

GROUP = 128
_LINEAR = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj", "lm_head")
_SPREAD = 4.6  # standard deviation of uniform 4-bit numbers


@dataclass(frozen=True, slots=True)
class Shape:
    """What decides how fast a model is."""

    layers: int
    hidden: int
    inner: int
    heads: int
    kv_heads: int
    head_dim: int
    vocabulary: int


SHAPES = {
    "1.5b": Shape(28, 1536, 8960, 12, 2, 128, 151_936),
    "7b": Shape(28, 3584, 18_944, 28, 4, 128, 152_064),
    "32b": Shape(64, 5120, 27_648, 40, 8, 128, 152_064),
}


def quantize(source: Path, target: Path, device: str) -> None:
    """A copy of the directory `source` with its matrices in 4 bits."""
    from safetensors import safe_open
    from safetensors.torch import save_file

    target.mkdir(parents=True, exist_ok=True)
    out: dict[str, Any] = {}
    with safe_open(str(source / "model.safetensors"), "pt") as file:
        for name in file.keys():  # noqa: SIM118 (it is no dictionary)
            tensor = file.get_tensor(name)
            if name.endswith(".weight") and name.split(".")[-2] in _LINEAR:
                packed, _ = pack(tensor, device)
                out.update({f"{name.removesuffix('weight')}{part}": value for part, value in packed.items()})
            else:
                out[name] = tensor.half().contiguous()
    save_file(out, str(target / "model.safetensors"), metadata={"format": "pt"})
    _copy_rest(source, target, json.loads((source / "config.json").read_text("utf-8")))


def pack(weight: Any, device: str = "cpu") -> tuple[dict[str, Any], Any]:
    """A matrix [outputs, inputs] in 4 bits, and what it stands for afterwards in the same shape."""
    import torch

    matrix = weight.to(device).float().t().contiguous()
    inputs, outputs = matrix.shape
    group = GROUP if inputs % GROUP == 0 else next(g for g in (64, 32) if inputs % g == 0)
    groups = matrix.view(inputs // group, group, outputs)
    low, high = groups.amin(1).clamp(max=0), groups.amax(1).clamp(min=0)
    scales = ((high - low) / 15).clamp(min=1e-6).half().float()
    zeros = (-low / scales).round().clamp(1, 15)  # stored less one, so at least one
    quants = (groups / scales[:, None] + zeros[:, None]).round().clamp(0, 15).to(torch.int32)
    back = ((quants - zeros[:, None]) * scales[:, None]).view(inputs, outputs).t()
    parts = {
        "qweight": _words(quants.view(inputs // 8, 8, outputs), 1),
        "qzeros": _words((zeros - 1).to(torch.int32).view(inputs // group, outputs // 8, 8), 2),
        "scales": scales.half(),
        "g_idx": (torch.arange(inputs) // group).to(torch.int32),
    }
    return {name: part.cpu().contiguous() for name, part in parts.items()}, back


def _words(quants: Any, axis: int) -> Any:
    """Eight numbers of 4 bits along `axis` in each 32-bit word, the first in the lowest bits."""
    import torch

    word = torch.zeros_like(quants.select(axis, 0))
    for place in range(8):
        word |= quants.select(axis, place) << (4 * place)
    return word


def random_model(shape: Shape, target: Path, tokenizer: Path, device: str) -> None:
    """A directory of that shape with random weights, for its speed only; `tokenizer` is the directory of a real one."""
    from safetensors.torch import save_file

    target.mkdir(parents=True, exist_ok=True)
    files: dict[str, str] = {}
    for name, content in _random_files(shape, device):
        save_file(content, str(target / name), metadata={"format": "pt"})
        files.update(dict.fromkeys(content, name))
    _write(target / "model.safetensors.index.json", {"metadata": {}, "weight_map": files})
    config = json.loads((tokenizer / "config.json").read_text("utf-8"))
    config |= {
        "hidden_size": shape.hidden,
        "intermediate_size": shape.inner,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.kv_heads,
        "vocab_size": shape.vocabulary,
        "tie_word_embeddings": False,
    }
    _copy_rest(tokenizer, target, config)


def _random_files(shape: Shape, device: str) -> Iterator[tuple[str, dict[str, Any]]]:
    import torch

    made = torch.Generator(device=device).manual_seed(0)
    width = shape.heads * shape.head_dim
    kv_width = shape.kv_heads * shape.head_dim
    matrices = (
        ("self_attn.q_proj", shape.hidden, width, True),
        ("self_attn.k_proj", shape.hidden, kv_width, True),
        ("self_attn.v_proj", shape.hidden, kv_width, True),
        ("self_attn.o_proj", width, shape.hidden, False),
        ("mlp.gate_proj", shape.hidden, shape.inner, False),
        ("mlp.up_proj", shape.hidden, shape.inner, False),
        ("mlp.down_proj", shape.inner, shape.hidden, False),
    )
    for layer in range(shape.layers):
        content: dict[str, Any] = {}
        for name, inputs, outputs, bias in matrices:
            content |= _random_matrix(f"model.layers.{layer}.{name}", inputs, outputs, made, bias=bias)
        for norm in ("input_layernorm", "post_attention_layernorm"):
            content[f"model.layers.{layer}.{norm}.weight"] = torch.ones(shape.hidden, dtype=torch.half)
        yield f"model-{layer:03}.safetensors", content
    top = _random_matrix("lm_head", shape.hidden, shape.vocabulary, made, bias=False)
    top["model.embed_tokens.weight"] = (torch.randn(shape.vocabulary, shape.hidden) * 0.02).half()
    top["model.norm.weight"] = torch.ones(shape.hidden, dtype=torch.half)
    yield "model-top.safetensors", top


def _random_matrix(name: str, inputs: int, outputs: int, made: Any, *, bias: bool) -> dict[str, Any]:
    import torch

    group = GROUP if inputs % GROUP == 0 else 32
    size, bounds = (inputs // 8, outputs), (-(2**31), 2**31 - 1)
    words = torch.randint(*bounds, size, dtype=torch.int64, generator=made, device=made.device)
    parts = {
        "qweight": words.to(torch.int32).cpu(),
        "qzeros": torch.full((inputs // group, outputs // 8), 0x77777777, dtype=torch.int32),
        "scales": torch.full((inputs // group, outputs), 0.2 / (_SPREAD * inputs**0.5), dtype=torch.half),
        "g_idx": (torch.arange(inputs) // group).to(torch.int32),
    }
    if bias:
        parts["bias"] = (torch.randn(outputs) * 0.01).half()
    return {f"{name}.{part}": value for part, value in parts.items()}


def _copy_rest(source: Path, target: Path, config: dict[str, Any]) -> None:
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copyfile(source / name, target / name)
    quantization = {
        "quant_method": "gptq",
        "bits": 4,
        "group_size": GROUP,
        "desc_act": False,
        "sym": False,
        "checkpoint_format": "gptq",
    }
    _write(target / "config.json", {**config, "quantization_config": quantization})


def _write(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content), "utf-8")
