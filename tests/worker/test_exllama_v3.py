"""The adaptor for exllamav3, against stand-ins with the signatures of its version 1.6.5.

The library itself cannot be imported without its compiled extension, so no line of it runs here.
"""

import types
from pathlib import Path
from typing import Any

import pytest

from turnout.worker.engines.base import EngineError, Work
from turnout.worker.engines.exllama import ExllamaEngine
from turnout.worker.engines.vram import Plan
from worker import exllama_kit as kit
from worker.exllama_rig import HEALING, Heard, hole

kit.require_torch()


class Filter:
    """`exllamav3.Filter`, as far as generators use it."""

    def __init__(
        self, tokenizer: Any, trigger_token: int | None, prefix_str: str | None, eos_after_completed: bool
    ) -> None:
        self.vocab_size = 0

    def attach(self, job: Any) -> None:
        self.vocab_size = job.width


class Job:
    """`exllamav3.Job`, which ends at its limit exactly."""

    def __init__(
        self,
        input_ids: Any,
        max_new_tokens: int | None = None,
        min_new_tokens: int = 0,
        max_skips: int | None = 4,
        sampler: Any = None,
        seed: int | None = None,
        stop_conditions: Any = None,
        decode_special_tokens: bool = False,
        return_top_tokens: int = 0,
        return_logits: bool = False,
        return_probs: bool = False,
        filters: Any = None,
    ) -> None:
        self.input_ids, self.limit, self.sampler = input_ids, max_new_tokens, sampler
        self.stops, self.filters = set(stop_conditions or ()), filters or []
        self.cached_pages = self.cached_tokens = 0
        self.is_finished, self.said = False, 0


class ComboSampler:
    """`exllamav3.ComboSampler`; temperature 0 is greedy there."""

    def __init__(self, temperature: float = 1.0, **_: Any) -> None:
        self.temperature = temperature


class Generator:
    """Its queue and its events: each job's prompt in one step, then the tokens that it is to say."""

    def __init__(self, tokenizer: Any, says: list[int]) -> None:
        self.tokenizer, self.jobs, self._says = tokenizer, list[Job](), says
        self.width = tokenizer.get_vocab_size()

    def enqueue(self, job: Job) -> int:
        for each in job.filters:
            job.width = self.width  # type: ignore[attr-defined]
            each.attach(job)
        self.jobs.append(job)
        return len(self.jobs)

    def cancel(self, job: Job) -> None:
        self.jobs.remove(job)

    def iterate(self) -> list[dict[str, Any]]:
        return [event for job in list(self.jobs) for event in self._step(job)]

    def _step(self, job: Job) -> list[dict[str, Any]]:
        length = job.input_ids.shape[-1]
        events: list[dict[str, Any]] = []
        if job.said == 0:
            progress = {"curr_progress": length - 1, "max_progress": length - 1}
            events.append({"job": job, "stage": "prefill", "eos": False, **progress})
        token = self._says[min(job.said, len(self._says) - 1)]
        for each in (f for f in job.filters if not f.is_completed()):
            assert each.get_next_logit_mask()[0, token] == 0, "a token that the filter forbids"
            each.accept_token(token)
        job.said += 1
        reason = "stop_token" if token in job.stops else "max_new_tokens" if job.said == job.limit else ""
        job.is_finished = bool(reason)
        piece = self.tokenizer.get_id_to_piece_list()[token]
        event = {"job": job, "stage": "streaming", "eos": job.is_finished, "text": piece}
        if reason:
            event["eos_reason"] = reason
            self.jobs.remove(job)
        return [*events, event]


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[ExllamaEngine, Generator]:
    """The engine around the stand-ins; the model says ` self` and ends."""
    library = types.ModuleType("exllamav3")
    for kind in (Filter, Job, ComboSampler):
        setattr(library, kind.__name__, kind)
    monkeypatch.setitem(__import__("sys").modules, "exllamav3", library)
    folder = kit.model_folder(tmp_path)
    tokenizer = kit.generator(folder, paged=True).tokenizer
    pieces = tokenizer.get_id_to_piece_list()
    generator = Generator(tokenizer, [pieces.index(" self"), tokenizer.single_id("<|endoftext|>")])

    def open_model(found: Any, on_progress: Any) -> Any:
        from turnout.worker.engines import exllama_v3

        return exllama_v3.model_of(generator, Plan("fp16", 8192, 4), 2048)

    made = ExllamaEngine(folder, HEALING, open_model)
    made.load(lambda done, of: None)
    return made, generator


def run(engine: ExllamaEngine, work: Work) -> Heard:
    heard = Heard()
    engine.begin(work, heard)
    while heard.ending is None:
        for _, heard.ending in engine.step():
            pass
    return heard


def test_a_word_is_healed_and_the_answer_ends(engine: tuple[ExllamaEngine, Generator]) -> None:
    """The same engine, the other library: forced beginning, special end, nothing left in the queue."""
    heard = run(engine[0], hole("def total(self):\n    return sel"))
    assert (heard.text, heard.ending) == ("f", "stop")
    assert engine[1].jobs == []
    assert engine[0].lanes == 4


def test_the_limit_is_the_jobs_own(engine: tuple[ExllamaEngine, Generator]) -> None:
    """Guesses need no allowance here; temperature goes to the sampler."""
    made, generator = engine
    generator._says[1:] = generator._says[:1]
    heard = run(made, hole("x = ", max_tokens=5, temperature=0.5))
    assert heard.ending == "length"
    assert heard.text.count("self") == 5
    heard = Heard()
    made.begin(hole("x = ", max_tokens=5, temperature=0.5), heard)
    assert generator.jobs[0].sampler.temperature == 0.5


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"quantization_config": {"quant_method": "exl2"}}, r"holds EXL2 weights.*exllamav2"),
        ({"quantization_config": {"quant_method": "exl3"}}, r"compiled extension"),
    ],
)
def test_what_it_cannot_load_is_said(tmp_path: Path, config: dict[str, Any], words: str) -> None:
    """Weights of the other library, and a library without its extension."""
    from turnout.worker.engines import exllama_v3

    engine = ExllamaEngine(kit.model_folder(tmp_path, **config), HEALING, exllama_v3.opener(2048))
    with pytest.raises(EngineError, match=words):
        engine.load(lambda done, of: None)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (
            {"architectures": ["DeepseekV3ForCausalLM"]},
            r"does not know the architecture DeepseekV3ForCausalLM",
        ),
        ({"quantization_config": {"quant_method": "exl3"}}, r"exllamav3"),
        ({}, r"sees no NVIDIA GPU|is not ready"),
    ],
)
def test_what_exllamav2_cannot_load_is_said(tmp_path: Path, config: dict[str, Any], words: str) -> None:
    """A wrong architecture or format before anything heavy is imported; then a machine without a GPU."""
    import torch

    from turnout.worker.engines import exllama_v2

    if not config and torch.cuda.is_available():
        pytest.skip("there is a GPU")
    engine = ExllamaEngine(kit.model_folder(tmp_path, **config), HEALING, exllama_v2.opener(2048))
    with pytest.raises(EngineError, match=words):
        engine.load(lambda done, of: None)
