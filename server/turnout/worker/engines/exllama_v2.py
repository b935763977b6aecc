"""exllamav2 0.3.2: a directory of EXL2, GPTQ or 16-bit weights becomes a generator on the GPU.

With flash-attn 2.5.7 or newer, on cards of the Ampere generation or newer, attention is paged: several editors
share each step and the cache. Otherwise one prompt runs at a time, with the attention of `exllama_attention`.
Invariant: nothing is compiled here; the extension was built ahead (`exllama_build`), or loading says so.
"""

import importlib.machinery
import importlib.util
import os
import sys
from collections.abc import Callable
from typing import Any

from turnout.worker.engines import exllama_attention, prepared, vram
from turnout.worker.engines.base import EngineError, OnProgress
from turnout.worker.engines.exllama import CHUNK_TOKENS, DRAFT_TOKENS, Model, Open, Order
from turnout.worker.engines.folder import Folder
from turnout.worker.engines.healing import Vocabulary

ARCHITECTURES = frozenset(
    {
        "CohereForCausalLM",
        "Cohere2ForCausalLM",
        "GPTBigCodeForCausalLM",
        "GemmaForCausalLM",
        "Gemma2ForCausalLM",
        "Gemma3ForConditionalGeneration",
        "Glm4ForCausalLM",
        "GraniteForCausalLM",
        "InternLM2ForCausalLM",
        "LlamaForCausalLM",
        "MiniCPMForCausalLM",
        "MistralForCausalLM",
        "MixtralForCausalLM",
        "Phi3ForCausalLM",
        "Qwen2ForCausalLM",
        "Qwen3ForCausalLM",
        "Qwen3MoeForCausalLM",
        "Starcoder2ForCausalLM",
        "YiForCausalLM",
    }
)
"""Those that exllamav2 0.3.2 knows; it takes any other for a Llama, and answers nonsense."""

_LEAST_FLASH_ATTN = (2, 5, 7)
_MOST_Q = 8


def opener(context_tokens: int, smaller: tuple[tuple[str, int], ...] = ()) -> Open:
    """Opens models with this context; `smaller` are models to name where memory is short, with the bytes they need."""

    def open_model(found: Folder, on_progress: OnProgress) -> Model:
        _check(found)
        torch = gpu_torch()
        _take_extension()
        paged = _choose_attention(torch)
        free_bytes = torch.cuda.mem_get_info()[0]
        plan = fitting(found, free_bytes, context_tokens, vram.MOST_LANES if paged else 1, smaller)
        generator = _generator(found, plan, context_tokens, paged, on_progress)
        return model_of(generator, plan, context_tokens)

    return open_model


def fitting(
    found: Folder, free_bytes: int, context_tokens: int, lanes: int, smaller: tuple[tuple[str, int], ...]
) -> vram.Plan:
    """The plan for this model, or an EngineError that names another one."""
    plan = vram.plan(free_bytes, found.weights_bytes, found.shape, context_tokens, lanes)
    if plan is not None:
        return plan
    least = vram.least_bytes(found.weights_bytes, found.shape, context_tokens)
    other = vram.largest_that_fits(smaller, free_bytes)
    advice = (
        f"{other} fits." if other else "Close other programs that use it, or let llama.cpp run the model."
    )
    raise EngineError(
        f"{found.path.name} needs {least / 1e9:.1f} GB of the GPU's memory with {context_tokens} tokens of context, "
        f"and {free_bytes / 1e9:.1f} GB are free. {advice}"
    )


def model_of(generator: Any, plan: vram.Plan, context_tokens: int) -> Model:
    """The engine's view of a generator of exllamav2."""
    import torch
    from exllamav2.generator import ExLlamaV2DynamicJob, ExLlamaV2Sampler

    tokenizer, drafted = generator.tokenizer, int(generator.num_draft_tokens)
    vocabulary = Vocabulary(tokenizer.get_id_to_piece_list())

    def make_job(prompt: list[int], order: Order) -> Any:
        settings = ExLlamaV2Sampler.Settings.greedy()
        if order.temperature > 0:
            settings = ExLlamaV2Sampler.Settings(temperature=order.temperature, token_repetition_penalty=1.0)
        return ExLlamaV2DynamicJob(
            input_ids=torch.tensor([prompt], dtype=torch.long),
            max_new_tokens=order.max_tokens + drafted,  # with guesses it ends that many tokens early
            gen_settings=settings,
            stop_conditions=[*order.ends, *order.stop],
            filters=[_Forcing(vocabulary, order.forced)] if order.forced else [],
        )

    return Model(
        generator,
        make_job,
        encode=lambda text: [int(token) for token in tokenizer.encode(text)[0].tolist()],
        vocabulary=vocabulary,
        lanes=plan.lanes,
        context_tokens=min(context_tokens, int(generator.max_seq_len)),
        spare_tokens=drafted,
    )


class _Forcing:
    """Makes an answer begin with given text; has the shape of exllamav2's filters."""

    def __init__(self, vocabulary: Vocabulary, forced: str) -> None:
        self._vocabulary = vocabulary
        self._forced = forced
        self._left = forced

    def begin(self, _prefix: str) -> None:
        self._left = self._forced

    def feed(self, token: Any) -> None:
        self._left = self._left[len(self._vocabulary.pieces[int(token)]) :]

    def get_next(self, mask: bool = False) -> tuple[set[int] | None, set[int]]:
        """The tokens that may come now (None: all), and those that end the answer."""
        return (self._vocabulary.beginning(self._left) if self._left else None), set()

    def can_mask_logits(self) -> bool:
        return False

    def use_background_worker(self) -> bool:
        return False

    def background_drop(self) -> None:
        """Nothing runs in the background."""


def _check(found: Folder) -> None:
    if found.architecture not in ARCHITECTURES:
        raise EngineError(
            f"exllamav2 does not know the architecture {found.architecture} of {found.path}. "
            'Use the model as GGUF with engine = "llamacpp", or as EXL3 with engine = "exllamav3".'
        )
    if found.quantization == "exl3":
        raise EngineError(
            f'{found.path} holds EXL3 weights. Set engine = "exllamav3", or take an EXL2 model.'
        )


def gpu_torch() -> Any:
    """torch, where it sees a GPU; raises EngineError where it does not."""
    try:
        import torch
    except ImportError as exc:
        raise EngineError(f"torch cannot be imported: {exc}. {prepared.INSTALL}") from exc
    if not torch.cuda.is_available():
        raise EngineError(
            f"torch {torch.__version__} sees no NVIDIA GPU. `turnout doctor` says why; "
            'engine = "llamacpp" needs none.'
        )
    return torch


def _take_extension(find: Callable[[], prepared.BuildState] = prepared.state) -> None:
    """Import the extension that was built ahead, so that exllamav2 finds it and compiles nothing."""
    if prepared.EXTENSION in sys.modules:
        return
    built = find()
    if not built.ready:
        raise EngineError(f"exllamav2 is not ready: {built.problem}. {prepared.ADVICE}")
    path = prepared.library(built.directory)
    if path is None:
        return  # an installed wheel brings it
    spec = importlib.util.spec_from_file_location(prepared.EXTENSION, path)
    assert spec is not None
    assert spec.loader is not None
    try:
        module = importlib.util.module_from_spec(spec)
        sys.modules[prepared.EXTENSION] = module
        spec.loader.exec_module(module)
    except ImportError as exc:
        del sys.modules[prepared.EXTENSION]
        raise EngineError(f"exllamav2's extension cannot be loaded: {exc}. {prepared.ADVICE}") from exc


def _choose_attention(torch: Any) -> bool:
    """Whether attention is paged; exllamav2 is imported here, as it decides by what it finds while it is."""
    if not _flash_attn_works(torch):
        os.environ["EXLLAMA_NO_FLASH_ATTN"] = "1"
    from exllamav2 import attn

    exllama_attention.install()
    return bool(attn.has_flash_attn_with_paged)


def _flash_attn_works(torch: Any) -> bool:
    if any(torch.cuda.get_device_capability(card)[0] < 8 for card in range(torch.cuda.device_count())):
        return False
    try:
        import flash_attn
    except Exception:  # built for another torch, it fails in its own ways
        return False
    parts = [int(part) for part in flash_attn.__version__.split(".")[:3] if part.isdigit()]
    return tuple(parts) >= _LEAST_FLASH_ATTN


def _generator(
    found: Folder, plan: vram.Plan, context_tokens: int, paged: bool, on_progress: OnProgress
) -> Any:
    """Load the weights and set up the generator; needs a GPU."""
    import exllamav2
    from exllamav2.generator import ExLlamaV2DynamicGenerator

    try:
        config = exllamav2.ExLlamaV2Config(str(found.path))
        config.max_seq_len = vram.pages(context_tokens)
        config.max_input_len = CHUNK_TOKENS
        config.max_batch_size = 1
        config.arch_compat_overrides(quiet=True)
        model = exllamav2.ExLlamaV2(config)
        caches = {"fp16": "ExLlamaV2Cache", "q8": "ExLlamaV2Cache_Q8", "q6": "ExLlamaV2Cache_Q6"}
        cache_type = getattr(exllamav2, caches.get(plan.kv, "ExLlamaV2Cache_Q4"))
        cache = cache_type(model, max_seq_len=plan.cache_tokens, lazy=True)
        model.load_autosplit(cache, callback=on_progress)
        tokenizer = exllamav2.ExLlamaV2Tokenizer(config)
    except Exception as exc:
        raise EngineError(f"exllamav2 cannot load {found.path}: {type(exc).__name__}: {exc}.") from exc
    return dynamic_generator(
        ExLlamaV2DynamicGenerator, model, cache, tokenizer, paged=paged, lanes=plan.lanes
    )


def dynamic_generator(kind: Any, model: Any, cache: Any, tokenizer: Any, *, paged: bool, lanes: int) -> Any:
    """exllamav2's generator as this engine uses it."""
    return kind(
        model,
        cache,
        tokenizer,
        max_batch_size=lanes if paged else 1,
        max_chunk_size=CHUNK_TOKENS,
        max_q_size=_MOST_Q,
        paged=paged,
        use_ngram_draft=True,
        num_draft_tokens=DRAFT_TOKENS,
    )
