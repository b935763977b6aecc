"""What fits a card, and which model's directory is whole: neither needs a GPU, or torch."""

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.worker.engines import folder, vram
from turnout.worker.engines.base import EngineError
from turnout.worker.engines.exllama_v2 import fitting
from turnout.worker.engines.healing import Vocabulary
from turnout.worker.engines.vram import Plan, Shape

GB = 10**9
QWEN_7B = Shape(layers=28, kv_heads=4, head_dim=128)
QWEN_32B = Shape(layers=64, kv_heads=8, head_dim=128)


@pytest.mark.parametrize(
    ("free", "weights", "shape", "context", "lanes", "plan"),
    [
        (24 * GB, 5 * GB, QWEN_7B, 8192, 8, Plan("fp16", 65536, 8)),
        (24 * GB, 5 * GB, QWEN_7B, 8192, 1, Plan("fp16", 8192, 1)),
        (8 * GB, 5 * GB, QWEN_7B, 8192, 8, Plan("fp16", 32768, 4)),
        (24 * GB, 18 * GB, QWEN_32B, 8192, 8, Plan("fp16", 16384, 2)),
        (24 * GB, 20 * GB, QWEN_32B, 8192, 8, Plan("q8", 16384, 2)),
        (24 * GB, 20 * GB, QWEN_32B, 8192, 1, Plan("fp16", 8192, 1)),
        (23 * GB, 20 * GB, QWEN_32B, 8192, 8, Plan("q6", 16384, 2)),
        (22_300_000_000, 20 * GB, QWEN_32B, 8192, 8, Plan("q4", 16384, 2)),
        (22 * GB, 20 * GB, QWEN_32B, 8192, 8, Plan("q8", 8192, 1)),
        (21_500_000_000, 20 * GB, QWEN_32B, 8192, 8, Plan("q4", 8192, 1)),
        (21 * GB, 20 * GB, QWEN_32B, 8192, 8, None),
        (10 * GB, 20 * GB, QWEN_32B, 8192, 8, None),
        (24 * GB, 5 * GB, QWEN_7B, 8000, 1, Plan("fp16", 8192, 1)),
    ],
)
def test_the_cache_is_as_precise_as_room_allows(
    free: int, weights: int, shape: Shape, context: int, lanes: int, plan: Plan | None
) -> None:
    """Precision goes first, down to two prompts at a time where several are wanted, then to one."""
    assert vram.plan(free, weights, shape, context, lanes) == plan


@given(
    st.integers(0, 100 * GB),
    st.integers(0, 50 * GB),
    st.builds(Shape, st.integers(1, 100), st.integers(1, 64), st.sampled_from([64, 96, 128, 256])),
    st.integers(1, 200_000),
    st.integers(1, 8),
)
def test_no_plan_takes_more_than_there_is(
    free: int, weights: int, shape: Shape, context: int, lanes: int
) -> None:
    """Weights, cache and reserve stay within the free memory, and each lane has a whole context."""
    found = vram.plan(free, weights, shape, context, lanes)
    if found is None:
        assert free < vram.least_bytes(weights, shape, context)
        return
    taken = weights + found.cache_tokens * vram.kv_bytes_per_token(shape, found.kv)
    assert taken <= free
    assert found.cache_tokens >= found.lanes * context
    assert found.cache_tokens % vram.PAGE_TOKENS == 0
    assert 1 <= found.lanes <= lanes


@pytest.mark.parametrize(
    ("smaller", "words"),
    [
        ((("7b", 6 * GB), ("3b", 3 * GB), ("14b", 11 * GB)), r"7b fits"),
        ((("14b", 11 * GB),), r"llama\.cpp"),
        ((), r"Close other programs"),
    ],
)
def test_a_model_that_does_not_fit_names_one_that_does(
    smaller: tuple[tuple[str, int], ...], words: str
) -> None:
    """The largest of the catalogue that the free memory is enough for."""
    found = folder.Folder(Path("qwen-32b"), "", "exl2", QWEN_32B, 20 * GB, 0, {}, frozenset())
    with pytest.raises(EngineError, match=rf"needs 21\.4 GB.*8192 tokens.*8\.0 GB are free\. .*{words}"):
        fitting(found, 8 * GB, 8192, 8, smaller)
    assert fitting(found, 80 * GB, 8192, 8, smaller).kv == "fp16"


def whole(path: Path, **config: Any) -> Path:
    """A directory that nothing is wrong with."""
    header = json.dumps({"w": {"dtype": "F16", "shape": [4], "data_offsets": [0, 8]}}).encode()
    facts = {"architectures": ["Qwen2ForCausalLM"], "num_hidden_layers": 2, "num_attention_heads": 4}
    (path / "config.json").write_text(json.dumps({**facts, "hidden_size": 64, **config}))
    added = [
        {"id": 7, "content": "<|im_end|>", "special": True},
        {"id": 8, "content": "<|fim_prefix|>", "special": False},
        {"id": 9, "content": "\n\n", "special": False},
    ]
    (path / "tokenizer.json").write_text(json.dumps({"model": {}, "added_tokens": added}))
    (path / "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + bytes(8))
    return path


def test_a_whole_directory_is_read(tmp_path: Path) -> None:
    """Shape, size and the tokens that no text may become."""
    found = folder.read(whole(tmp_path, num_key_value_heads=2))
    assert found.shape == Shape(2, 2, 16)
    assert found.weights_bytes == (tmp_path / "model.safetensors").stat().st_size
    assert found.special == {"<|im_end|>": 7, "<|fim_prefix|>": 8}
    assert found.ends == {7}


def _cut(path: Path) -> None:
    weights = path / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-3])


def _index(path: Path) -> None:
    files = {"a": "model.safetensors", "b": "model-2.safetensors"}
    (path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": files}))


def _config(**change: Any) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        (path / "config.json").write_text(json.dumps({**_read(path), **change}))

    return write


def _read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((path / "config.json").read_text())
    return found


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda path: (path / "config.json").unlink(), r"no config\.json .* no model directory"),
        (lambda path: (path / "config.json").write_text("{"), r"config\.json is damaged"),
        (lambda path: (path / "config.json").write_text("[]"), r"no JSON object"),
        (lambda path: (path / "tokenizer.json").unlink(), r"no tokenizer\.json .* Copy tokenizer\.json"),
        (lambda path: (path / "tokenizer.json").write_text("{}"), r"no tokenizer of the `tokenizers`"),
        (lambda path: (path / "model.safetensors").unlink(), r"no \.safetensors file"),
        (_cut, r"is cut short: it has \d+ of \d+ bytes.*turnout models pull"),
        (lambda path: (path / "model.safetensors").write_bytes(b""), r"no whole safetensors file"),
        (lambda path: (path / "model.safetensors").write_bytes(b"\xff" * 64), r"header is longer"),
        (lambda path: (path / "model.safetensors").write_bytes(struct.pack("<Q", 2) + b"[]"), r"no whole"),
        (_index, r"lacks 1 of its files, model-2\.safetensors"),
        (_config(architectures=None), r"does not name one architecture"),
        (_config(num_attention_heads=None), r"lacks the model's shape"),
        (_config(quantization_config={"quant_method": "awq"}), r"quantized as 'awq'"),
        (_config(quantization_config={"quant_method": "gptq", "bits": 8}), r"8-bit GPTQ"),
    ],
)
def test_what_is_wrong_with_a_directory_is_said(
    tmp_path: Path, damage: Callable[[Path], None], words: str
) -> None:
    """Each with what to do, before anything is loaded."""
    damage(whole(tmp_path))
    with pytest.raises(EngineError, match=words):
        folder.read(tmp_path)


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("retu", {"r", "re", "return", "returns"}),
        ("return", {"r", "re", "return", "returns"}),
        ("t", {"t", "tu"}),
        (" x", {" ", " x", " xs"}),
    ],
)
def test_an_answer_may_begin_with_parts_and_with_longer_tokens(text: str, tokens: set[str]) -> None:
    """All that lie on the way to the text, and all that go beyond it."""
    pieces = ["", "r", "re", "return", "returns", "t", "tu", "u", " ", " x", " xs", "x", "return"]
    vocabulary = Vocabulary(pieces)
    assert {pieces[token] for token in vocabulary.beginning(text)} == tokens
    assert vocabulary.spells("rtu x")
    assert not vocabulary.spells("é")
