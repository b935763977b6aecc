"""The benchmark for GPUs, as far as a CPU goes: its converters, its pieces, and a dry run of all of it."""

import json
from pathlib import Path

import pytest

from bench.gpu import pieces
from worker import exllama_kit

exllama_kit.require_torch()

VOCABULARY = ["a", "b", "c", "ab", "Ġa", "<|endoftext|>", "<|im_end|>", *exllama_kit.FIM, "[PAD12]"]
KINDS = [1, 1, 1, 1, 1, 3, 3, 4, 4, 4, 4, 4, 5]
HIDDEN, INNER, HEADS, KV_HEADS = 256, 512, 4, 2


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A GGUF file of one layer, in several quantizations."""
    import gguf
    import numpy
    from gguf.quants import quantize

    path = tmp_path_factory.mktemp("gguf") / "small.gguf"
    writer = gguf.GGUFWriter(str(path), "qwen2")
    for key, value in {
        "embedding_length": HIDDEN,
        "feed_forward_length": INNER,
        "block_count": 1,
        "context_length": 4096,
        "attention.head_count": HEADS,
        "attention.head_count_kv": KV_HEADS,
    }.items():
        writer.add_uint32(f"qwen2.{key}", value)
    writer.add_float32("qwen2.attention.layer_norm_rms_epsilon", 1e-6)
    writer.add_float32("qwen2.rope.freq_base", 1e6)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(_alphabet() + VOCABULARY)
    writer.add_token_types([1] * len(_alphabet()) + KINDS)
    writer.add_token_merges(["a b"])
    writer.add_bos_token_id(len(_alphabet()) + 5)
    writer.add_eos_token_id(len(_alphabet()) + 6)
    writer.add_chat_template(exllama_kit.TEMPLATE)
    made = numpy.random.default_rng(0)
    kinds = (gguf.GGMLQuantizationType.Q8_0, gguf.GGMLQuantizationType.Q4_0, gguf.GGMLQuantizationType.F16)
    for number, (name, shape) in enumerate(_shapes().items()):
        values = made.standard_normal(shape).astype(numpy.float32)
        kind = gguf.GGMLQuantizationType.F32 if len(shape) == 1 else kinds[number % 3]
        writer.add_tensor(name, quantize(values, kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _alphabet() -> list[str]:
    """Every byte as byte-pair vocabularies write it, but for the letters that the vocabulary has."""
    from tokenizers import pre_tokenizers

    return sorted(set(pre_tokenizers.ByteLevel.alphabet()) - set(VOCABULARY))


def _shapes() -> dict[str, tuple[int, ...]]:
    kv = HIDDEN // HEADS * KV_HEADS
    block = {
        "attn_q.weight": (HIDDEN, HIDDEN),
        "attn_q.bias": (HIDDEN,),
        "attn_k.weight": (kv, HIDDEN),
        "attn_k.bias": (kv,),
        "attn_v.weight": (kv, HIDDEN),
        "attn_v.bias": (kv,),
        "attn_output.weight": (HIDDEN, HIDDEN),
        "ffn_gate.weight": (INNER, HIDDEN),
        "ffn_up.weight": (INNER, HIDDEN),
        "ffn_down.weight": (HIDDEN, INNER),
        "attn_norm.weight": (HIDDEN,),
        "ffn_norm.weight": (HIDDEN,),
    }
    vocabulary = len(_alphabet()) + len(VOCABULARY)
    top = {"token_embd.weight": (vocabulary, HIDDEN), "output_norm.weight": (HIDDEN,)}
    return top | {f"blk.0.{name}": shape for name, shape in block.items()}


def test_a_directory_has_the_tensors_of_its_gguf_file(small: Path, tmp_path: Path) -> None:
    """Each under its new name, in its own shape, dequantized as the library for GGUF does it."""
    import gguf
    import numpy
    from gguf.quants import dequantize
    from safetensors.numpy import load_file

    from bench.gpu import convert
    from turnout.worker.engines import folder

    convert.gguf_to_directory(small, tmp_path)
    converted = load_file(str(tmp_path / "model.safetensors"))
    reader = gguf.GGUFReader(str(small))
    assert len(converted) == len(reader.tensors)
    for tensor in reader.tensors:
        wanted = dequantize(tensor.data, tensor.tensor_type).reshape(_shapes()[tensor.name])
        numpy.testing.assert_array_equal(converted[convert._name(tensor.name)], wanted.astype(numpy.float16))
    found = folder.read(tmp_path)
    assert found.architecture == "Qwen2ForCausalLM"
    assert (found.shape.layers, found.shape.kv_heads, found.shape.head_dim) == (1, KV_HEADS, HIDDEN // HEADS)
    assert set(found.special) == {"<|endoftext|>", "<|im_end|>", *exllama_kit.FIM}
    assert json.loads((tmp_path / "config.json").read_text())["tie_word_embeddings"] is True


@pytest.mark.parametrize("shape", [(64, 256), (256, 384), (32, 96)])
def test_four_bits_stand_for_what_they_were_rounded_from(shape: tuple[int, int]) -> None:
    """Unpacked word by word they are what packing says that they are, close to the original."""
    import torch

    from bench.gpu import gptq

    weight = torch.randn(shape, generator=torch.Generator().manual_seed(3)) * 0.05
    parts, back = gptq.pack(weight)
    outputs, inputs = shape
    words, zeros, scales = parts["qweight"], parts["qzeros"], parts["scales"].float()
    for row, column in ((0, 0), (inputs - 1, outputs - 1), (17, 5), (inputs // 2, outputs // 3)):
        group = int(parts["g_idx"][row])
        quant = (int(words[row // 8, column]) >> (4 * (row % 8))) & 15
        zero = ((int(zeros[group, column // 8]) >> (4 * (column % 8))) & 15) + 1
        assert (quant - zero) * float(scales[group, column]) == pytest.approx(
            float(back[column, row]), abs=1e-6
        )
    assert float((back - weight).norm() / weight.norm()) < 0.15


@pytest.fixture
def packed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two files, one of them in three pieces."""
    monkeypatch.setattr(pieces, "PIECE_BYTES", 10)
    (tmp_path / "large.gguf").write_bytes(bytes(range(25)))
    (tmp_path / "small.whl").write_bytes(b"wheel")
    expected = {"holes": [{"prefix": "a", "suffix": "b", "text": "c"}]}
    pieces.pack([tmp_path / "large.gguf", tmp_path / "small.whl"], tmp_path / "packed", expected)
    return tmp_path / "packed"


def test_pieces_come_in_any_number_of_loads(packed: Path, tmp_path: Path) -> None:
    """What is missing is named until all are there; then files are whole, and stay."""
    load, work = tmp_path / "load", tmp_path / "work"
    load.mkdir()
    names = sorted(piece.name for piece in packed.iterdir())
    assert "large.gguf.002" in names
    for name in names[:-1]:
        for old in load.iterdir():
            old.unlink()
        (load / name).write_bytes((packed / name).read_bytes())
        with pytest.raises(pieces.MissingPiecesError):
            pieces.gather(load, work)
    assert pieces.gather(packed, work)["holes"][0]["text"] == "c"
    assert (work / "large.gguf").read_bytes() == bytes(range(25))
    assert pieces.gather(tmp_path / "nothing", work)


def test_a_piece_that_was_damaged_is_refused(packed: Path, tmp_path: Path) -> None:
    """Nothing is built from it."""
    (packed / "large.gguf.001").write_bytes(b"other text")
    with pytest.raises(ValueError, match=r"large\.gguf was damaged"):
        pieces.gather(packed, tmp_path / "work")
    assert not (tmp_path / "work" / "large.gguf").exists()


def test_a_dry_run_goes_all_the_way(small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Converts, checks, times and reports, with made-up answers in place of a GPU's."""
    from bench.gpu.__main__ import main

    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))  # as the Makefile sets it
    report = tmp_path / "gpu.md"
    options = ["--dry-run", "--gguf", str(small), "--work", str(tmp_path / "work"), "--write", str(report)]
    assert main([*options, "--models", "0.5b,7b"]) == 0
    said = report.read_text()
    assert "every figure is made up" in said
    assert "**no**" not in said
    assert "| Figure | 0.5b | 7b |" in said
