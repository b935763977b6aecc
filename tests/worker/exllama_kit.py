"""exllamav2's real generator on a CPU: a stand-in for its compiled extension, and a model whose cache holds token ids.

The model sees only what is in the places of the cache that it is told to read, so any wrong reuse shows up.
"""

import array
import hashlib
import importlib.machinery
import importlib.util
import itertools
import json
import os
import struct
import sys
import types
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

FIM = ("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>", "<|repo_name|>", "<|file_sep|>")
CHAT = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
CORPUS = [
    "def total(self):\n    return sum(count for price, count in self.items)\n",
    "    return round(amount * TAX)\nclass Cart:\n    def __init__(self, items):\n        self.items = items\n",
    "for value in range(10):\n    print(value)\n",
] * 3


def require_torch() -> None:
    """Skip what needs torch and exllamav2 where they are not installed; in CI that is a failure."""
    import pytest  # here alone, as the benchmark's dry run does without

    missing = [
        name for name in ("torch", "exllamav2", "tokenizers") if importlib.util.find_spec(name) is None
    ]
    if missing and os.environ.get("CI"):
        pytest.fail(f"CI has to run these tests and lacks {missing}: tools/setup_torch.sh installs them")
    if missing:
        pytest.skip(f"{missing} not installed: tools/setup_torch.sh", allow_module_level=True)
    stand_in()


def stand_in() -> None:
    """Put a Python extension in place of the compiled one, so that importing exllamav2 compiles nothing."""
    if "exllamav2_ext" not in sys.modules:
        extension = types.ModuleType("exllamav2_ext")
        extension.__spec__ = importlib.machinery.ModuleSpec("exllamav2_ext", None)
        for function in (
            count_match,
            fast_fill_cpu_ones_bool,
            logit_filter_exclusive,
            partial_strings_match,
            sample_basic,
        ):
            setattr(extension, function.__name__, function)
        sys.modules["exllamav2_ext"] = extension
    from exllamav2 import attn
    from exllamav2.generator import dynamic

    attn.has_flash_attn_with_paged = True
    dynamic.cuda_sync_active = lambda: None


def count_match(a: Any, b: Any, most: int) -> int:
    """How many tokens agree from the left."""
    n = min(most, a.shape[-1], b.shape[-1])
    differing = (a[0, :n] != b[0, :n]).nonzero()
    return int(differing[0]) if len(differing) else n


def fast_fill_cpu_ones_bool(tensor: Any) -> None:
    tensor.fill_(True)


def logit_filter_exclusive(allowed: Any, tokens: Sequence[Sequence[int]]) -> None:
    for row, keep in zip(allowed, tokens, strict=True):
        import torch

        mask = torch.zeros_like(row)
        mask[list(keep)] = True
        row &= mask


def sample_basic(
    logits: Any, temperature: float, top_k: int, *rest: Any
) -> None:  # greedy whatever the settings say: tests want one answer
    _random, tokens, probabilities, _kprobs, _ktokens, allowed = rest[5:11]
    scores = logits[:, 0, :].clone()
    if allowed.device.type != "meta":
        scores[:, : allowed.shape[-1]][~allowed] = float("-inf")
    tokens.copy_(scores.argmax(-1, keepdim=True))
    probabilities.fill_(1.0)


def partial_strings_match(text: Any, offsets: Any, strings: Any) -> int:
    """Where one of the strings stands in the text; -2 where one may begin at its end, -1 otherwise."""
    held = bytes(text).decode("utf-32-le")
    bounds = struct.unpack(f"<{len(offsets) // 4}i", bytes(offsets))
    stops = [bytes(strings)[a:b].decode("utf-32-le") for a, b in itertools.pairwise(bounds)]
    found = [held.find(stop) for stop in stops if stop in held]
    if found:
        return min(found)
    beginnings = (stop[:n] for stop in stops for n in range(1, len(stop)))
    return -2 if any(held.endswith(beginning) for beginning in beginnings) else -1


def model_folder(path: Path, *, special: Sequence[str] = (*CHAT, *FIM), **config: Any) -> Path:
    """A whole model directory: a small tokenizer with Qwen's special tokens, and weights of two numbers."""
    import tokenizers
    from tokenizers import decoders, models, pre_tokenizers, trainers

    path.mkdir(parents=True, exist_ok=True)
    tokenizer = tokenizers.Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=480, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(CORPUS, trainer)
    for name in special:
        tokenizer.add_tokens([tokenizers.AddedToken(name, special=name in CHAT, normalized=False)])
    tokenizer.save(str(path / "tokenizer.json"))
    facts: dict[str, Any] = {
        "architectures": ["Qwen2ForCausalLM"],
        "hidden_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 4096,
        **config,
    }
    (path / "config.json").write_text(json.dumps(facts))
    (path / "tokenizer_config.json").write_text(json.dumps({"chat_template": TEMPLATE, "eos_token": CHAT[2]}))
    (path / "model.safetensors").write_bytes(safetensors_file())
    return path


def safetensors_file() -> bytes:
    header = json.dumps({"weight": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}).encode()
    return struct.pack("<Q", len(header)) + header + bytes(8)


Scores = Callable[[Sequence[int]], Mapping[int, float]]


class HashedModel:
    """Answers each sequence with a token that depends on all of it, or with what `scores` prefers."""

    def __init__(self, vocab: int, context: int = 4096) -> None:
        self.width = -(-vocab // 32) * 32
        self.scores: Scores = lambda sequence: {hashed(sequence): 100.0}
        self.prefilled = 0
        self.decoded: list[int] = []
        self.fault: Exception | None = None
        self.config = types.SimpleNamespace(
            vocab_size=vocab,
            max_seq_len=context,
            max_input_len=512,
            max_batch_size=1,
            no_flash_attn=False,
            num_key_value_heads=1,
            num_hidden_layers=1,
            head_dim=1,
            arch=types.SimpleNamespace(lm=types.SimpleNamespace(mrope=False)),
        )

    def forward_chunk(
        self, input_ids: Any, attn_params: Any, cache: Any, preprocess_only: bool = False, **_: Any
    ) -> dict[str, Any]:
        import torch

        if self.fault is not None:
            raise self.fault
        batch, length = input_ids.shape
        kept, logits = cache.key_states[0].view(-1), torch.zeros(batch, length, self.width)
        for row in range(batch):
            places = _places(attn_params, row, length)
            kept[places[-length:]] = input_ids[row]
            if preprocess_only:
                self.prefilled += length
                continue
            self._answer(logits[row], kept[places].tolist())
        if not preprocess_only:
            self.decoded.append(batch)
        return {} if preprocess_only else {"logits": logits}

    def _answer(self, logits: Any, sequence: list[int]) -> None:
        assert -1 not in sequence, "a place of the cache was read that nothing was written to"
        first = len(sequence) - len(logits) + 1
        for row, end in zip(logits, range(first, len(sequence) + 1), strict=True):
            for token, score in self.scores(sequence[:end]).items():
                row[token] = score


def hashed(sequence: Sequence[int]) -> int:
    """A token of one visible character, never a special one."""
    digest = hashlib.blake2b(array.array("q", sequence).tobytes(), digest_size=4)
    return ord("a") - ord("!") + int.from_bytes(digest.digest(), "big") % 26


def _places(params: Any, row: int, length: int) -> Any:
    """Where each token so far lies in the cache."""
    import torch

    if hasattr(params, "block_index"):
        past, pages = int(params.cache_seqlens[row]), params.block_index[row].long()
        position = torch.arange(past + length)
        return pages[position // 256] * 256 + position % 256
    return torch.arange(params.past_len + length)


def generator(folder: Path, *, paged: bool, lanes: int = 4, context: int = 2048) -> Any:
    """exllamav2's generator around a `HashedModel`, set up as the engine does it."""
    import torch
    from exllamav2 import ExLlamaV2Tokenizer
    from exllamav2.cache import ExLlamaV2CacheBase
    from exllamav2.generator import ExLlamaV2DynamicGenerator

    from turnout.worker.engines import exllama_v2

    class Cache(ExLlamaV2CacheBase):
        def __init__(self, model: Any, tokens: int) -> None:
            super().__init__(model, 1, tokens, torch.int64, 1, 1, False)
            self.key_states = [torch.full((1, tokens, 1, 1), -1)]
            self.value_states = [torch.zeros((1, tokens, 1, 1), dtype=torch.int64)]

        def all_tensors(self) -> Any:
            return self.key_states + self.value_states

    class Generator(ExLlamaV2DynamicGenerator):
        def defrag_cache(self) -> None:
            """Moves pages with a CUDA kernel, and changes nothing that a job can see."""

    config = types.SimpleNamespace(
        model_dir=str(folder), eos_token_id=None, bos_token_id=None, pad_token_id=None, vocab_size=0
    )
    tokenizer = ExLlamaV2Tokenizer(config)
    model = HashedModel(tokenizer.get_vocab_size(), context)
    cache = Cache(model, context * (lanes if paged else 1))
    return exllama_v2.dynamic_generator(Generator, model, cache, tokenizer, paged=paged, lanes=lanes)
