"""exllamav3: a directory of EXL3 (or 16-bit) weights becomes a generator on the GPU.

It brings its own paged attention, so several editors always share each step. Its extension comes compiled in the
wheels of its releases; one that would have to be compiled first is refused.
"""

import importlib.util
from typing import Any

from turnout.worker.engines import vram
from turnout.worker.engines.base import EngineError, OnProgress
from turnout.worker.engines.exllama import CHUNK_TOKENS, DRAFT_TOKENS, Model, Open, Order
from turnout.worker.engines.exllama_v2 import fitting, gpu_torch
from turnout.worker.engines.folder import Folder
from turnout.worker.engines.healing import Vocabulary

_KV_BITS = {"q8": (8, 8), "q6": (8, 4), "q4": (4, 4)}
_LEAST_MATCH = 2  # tokens that must repeat before what followed them is guessed again
_WARM_CALLS = 32


def opener(context_tokens: int, smaller: tuple[tuple[str, int], ...] = ()) -> Open:
    """Opens models with this context; `smaller` are models to name where memory is short, with the bytes they need."""

    def open_model(found: Folder, on_progress: OnProgress) -> Model:
        if found.quantization not in ("exl3", "fp16"):
            raise EngineError(
                f'{found.path} holds {found.quantization.upper()} weights. Set engine = "exllamav2", or take EXL3.'
            )
        if importlib.util.find_spec("exllamav3_ext") is None:
            raise EngineError(
                "exllamav3 is not installed with its compiled extension. "
                "Install the wheel of its releases that fits your torch and CUDA."
            )
        torch = gpu_torch()
        free_bytes = torch.cuda.mem_get_info()[0]
        plan = fitting(found, free_bytes, context_tokens, vram.MOST_LANES, smaller)
        return model_of(_generator(found, plan, on_progress), plan, context_tokens)

    return open_model


def model_of(generator: Any, plan: vram.Plan, context_tokens: int) -> Model:
    """The engine's view of a generator of exllamav3."""
    import torch
    from exllamav3 import ComboSampler, Job

    tokenizer = generator.tokenizer
    vocabulary = Vocabulary(tokenizer.get_id_to_piece_list())
    forcing = _forcing(vocabulary)

    def make_job(prompt: list[int], order: Order) -> Any:
        return Job(
            input_ids=torch.tensor([prompt], dtype=torch.long),
            max_new_tokens=order.max_tokens,
            sampler=ComboSampler(temperature=order.temperature),
            stop_conditions=[*order.ends, *order.stop],
            filters=[forcing(tokenizer, order.forced)] if order.forced else [],
        )

    return Model(
        generator,
        make_job,
        encode=lambda text: [int(token) for token in tokenizer.encode(text)[0].tolist()],
        vocabulary=vocabulary,
        lanes=plan.lanes,
        context_tokens=context_tokens,
        spare_tokens=DRAFT_TOKENS + 1,
        warm_calls=_WARM_CALLS,
    )


def _forcing(vocabulary: Vocabulary) -> Any:
    """The filter that makes an answer begin with given text."""
    import torch
    from exllamav3 import Filter

    class Forcing(Filter):  # type: ignore[misc]  # the library is Any to the checker
        def __init__(self, tokenizer: Any, forced: str) -> None:
            super().__init__(tokenizer, None, None, False)
            self._forced = self._left = forced

        def reset(self) -> None:
            self._left = self._forced

        def accept_token(self, token: int) -> None:
            self._left = self._left[len(vocabulary.pieces[int(token)]) :]

        def is_completed(self) -> bool:
            return not self._left

        def get_next_logit_mask(self) -> Any:
            mask = torch.full((1, self.vocab_size), float("-inf"), dtype=torch.half)
            mask[:, sorted(vocabulary.beginning(self._left))] = 0
            return mask

        def use_background_worker(self) -> bool:
            return False

    return Forcing


def _generator(found: Folder, plan: vram.Plan, on_progress: OnProgress) -> Any:
    """Load the weights and set up the generator; needs a GPU."""
    try:
        import exllamav3

        config = exllamav3.Config.from_directory(str(found.path))
        model = exllamav3.Model.from_config(config)
        options: dict[str, Any] = {}
        if plan.kv != "fp16":
            keys, values = _KV_BITS[plan.kv]
            options = {"layer_type": exllamav3.CacheLayer_quant, "k_bits": keys, "v_bits": values}
        cache = exllamav3.Cache(model, max_num_tokens=plan.cache_tokens, **options)
        model.load(callback=on_progress)
        tokenizer = exllamav3.Tokenizer.from_config(config)
        return exllamav3.Generator(
            model,
            cache,
            tokenizer,
            max_batch_size=plan.lanes,
            max_chunk_size=CHUNK_TOKENS,
            num_draft_tokens=DRAFT_TOKENS,
            ngram_match_min=_LEAST_MATCH,
        )
    except Exception as exc:
        raise EngineError(f"exllamav3 cannot load {found.path}: {type(exc).__name__}: {exc}.") from exc
