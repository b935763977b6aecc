"""Directories that hold anything at all: each is read, or refused with what to do."""

import json
import struct
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from turnout.worker.engines import folder
from turnout.worker.engines.base import EngineError

CONFIG = {
    "architectures": ["Qwen2ForCausalLM"],
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "hidden_size": 64,
    "head_dim": 16,
    "max_position_embeddings": 4096,
    "quantization_config": {"quant_method": "gptq", "bits": 4},
    "text_config": {"num_hidden_layers": 2, "num_attention_heads": 4, "hidden_size": 64},
}
TOKEN = {"id": 7, "content": "<|im_end|>", "special": True}
TOKENIZER = {"model": {}, "added_tokens": [TOKEN, {**TOKEN, "id": 8, "content": "\n"}]}
INDEX = {"weight_map": {"w": "model.safetensors"}}
HEADER = {"w": {"dtype": "F16", "shape": [4], "data_offsets": [0, 8]}, "__metadata__": {}}
FILES: dict[str, Any] = {
    "config.json": CONFIG,
    "tokenizer.json": TOKENIZER,
    "model.safetensors.index.json": INDEX,
    "model.safetensors": HEADER,
}


def lay_out(path: Path, **changed: str) -> Path:
    """A whole directory, but for the texts in `changed`, by the names of their files."""
    path.mkdir(exist_ok=True)
    for name, sound in FILES.items():
        text = changed.get(name, json.dumps(sound)).encode()
        binary = struct.pack("<Q", len(text)) + text + bytes(8)
        (path / name).write_bytes(binary if name.endswith("safetensors") else text)
    return path


def _config(**change: Any) -> dict[str, str]:
    facts = {name: value for name, value in CONFIG.items() if name != "text_config"}
    return {"config.json": json.dumps({**facts, **change})}


def _token(**change: Any) -> dict[str, str]:
    return {"tokenizer.json": json.dumps({"model": {}, "added_tokens": [{**TOKEN, **change}]})}


DEEP = "[" * 100_000


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"config.json": DEEP}, r"config\.json is damaged"),
        ({"tokenizer.json": '{"a":' * 100_000}, r"tokenizer\.json is damaged"),
        ({"model.safetensors": DEEP}, r"no whole safetensors file"),
        (_config(quantization_config="gptq"), r"GPTQ weights"),
        (_config(quantization_config=[1]), r"quantized as \[1\]"),
        (_config(architectures=[5]), r"does not name one architecture"),
        (_config(num_attention_heads=1e400), r"lacks the model's shape"),
        (_config(num_attention_heads=True), r"lacks the model's shape"),
        (_config(head_dim=0, hidden_size=3), r"lacks the model's shape"),
        (_config(text_config=[]), r"lacks the model's shape"),
        (_config(max_position_embeddings="x"), r"no sound model directory"),
        ({"tokenizer.json": '{"model": {}, "added_tokens": null}'}, r"no tokenizer"),
        (_token(id="7"), r"no tokenizer"),
        (_token(id=True), r"no tokenizer"),
        (_token(id=-1), r"no tokenizer"),
        (_token(content=[]), r"no tokenizer"),
        ({"model.safetensors.index.json": '{"weight_map": []}'}, r"weight_map names no files"),
        ({"model.safetensors.index.json": '{"weight_map": {"w": 1}}'}, r"weight_map names no files"),
        ({"model.safetensors": '{"w": {"data_offsets": [0, NaN]}}'}, r"no whole safetensors file"),
        ({"model.safetensors": '{"w": {"data_offsets": [0, -9]}}'}, r"no whole safetensors file"),
    ],
)
def test_values_of_a_wrong_kind_are_said(tmp_path: Path, changed: dict[str, str], words: str) -> None:
    """Each names the directory and what is wrong with it."""
    with pytest.raises(EngineError, match=words) as raised:
        folder.read(lay_out(tmp_path / "model", **changed))
    assert str(tmp_path) in str(raised.value)


def test_a_token_without_a_name_is_none_that_a_text_could_become(tmp_path: Path) -> None:
    """It would be found everywhere; it may end an answer all the same."""
    found = folder.read(lay_out(tmp_path / "model", **_token(content="")))
    assert found.special == {}
    assert found.ends == {7}


anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 2**70)
    | st.floats()
    | st.sampled_from(["", "x", "gptq", "exl3"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["id", "bits"]), inner),
    max_leaves=4,
)


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path] + [place for key, inner in items for place in _places(inner, (*path, key))]


PLACES = [(name, place) for name, value in FILES.items() for place in _places(value)]


def _with(value: Any, place: tuple[Any, ...], new: Any) -> Any:
    if not place:
        return new
    copy = list(value) if isinstance(value, list) else dict(value)
    copy[place[0]] = _with(value[place[0]], place[1:], new)
    return copy


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(PLACES), anything, st.booleans())
def test_anything_in_any_place_is_read_or_refused(
    tmp_path: Path, where: tuple[str, tuple[Any, ...]], new: Any, flat: bool
) -> None:
    """Nothing but an EngineError escapes, and what was read has the types that are promised."""
    name, place = where
    content = _with(FILES[name], place, new)
    if flat and name == "config.json" and isinstance(content, dict):
        content.pop("text_config", None)
    path = lay_out(tmp_path / "model", **{name: json.dumps(content)})
    try:
        found = folder.read(path)
    except EngineError as error:
        assert str(path) in str(error)  # noqa: PT017 (either is right, and nothing else is)
        return
    shape = found.shape
    assert all(type(size) is int and size > 0 for size in (shape.layers, shape.kv_heads, shape.head_dim))
    assert type(found.architecture) is str
    assert type(found.context_tokens) is int
    assert all(type(number) is int for number in (*found.special.values(), *found.ends))
    assert all(found.special)
