"""The engine for NVIDIA GPUs: exllamav2 or exllamav3, several editors in one batch where attention is paged.

Both libraries have the same generator: jobs are queued, `iterate()` makes one step of all of them (a chunk of a
prompt, or a token or several for each), and a job can be cancelled between two steps. Their `async` wrappers are
not used: they block the loop while they compute, and any exception ends them for good.

Invariant: text of a prompt never becomes a special token, and every job that was begun ends exactly once.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from turnout.core.fim.families import recognize
from turnout.core.fim.layout import Window
from turnout.worker.engines import folder
from turnout.worker.engines.base import Ending, EngineError, EngineLost, OnProgress, Sink, Work
from turnout.worker.engines.chat_template import ChatTemplate
from turnout.worker.engines.healing import Healer, Vocabulary
from turnout.worker.engines.vram import PAGE_TOKENS
from turnout.worker.parts import Layouts, through_template, tokens_and_text

CHUNK_TOKENS = 512
"""Most prompt tokens in one step: a cancel lands between two steps."""

DRAFT_TOKENS = 3
"""Guessed ahead from what the prompt repeats: with the token at hand, 4 rows are what the quantized kernel takes."""

WARM_CALLS = 220
"""Steps after which exllamav2 is as fast as it gets: CUDA graphs are captured at the 205th call of a shape."""

_WARM_LANES = 2  # larger batches are rare, and warm up as they come


@dataclass(frozen=True, slots=True)
class Order:
    """What one job shall generate; the answer has to begin with `forced`."""

    max_tokens: int
    ends: frozenset[int]
    stop: tuple[str, ...] = ()
    temperature: float = 0.0
    forced: str = ""


@dataclass(frozen=True, slots=True)
class Model:
    """A library's generator with a model in memory.

    `make_job` makes what its `enqueue` takes; `encode` tokenizes plain text; `spare_tokens` of the context stay free
    for guesses that go beyond the end of an answer.
    """

    generator: Any
    make_job: Callable[[list[int], Order], Any]
    encode: Callable[[str], list[int]]
    vocabulary: Vocabulary
    lanes: int
    context_tokens: int
    spare_tokens: int = 0
    warm_calls: int = WARM_CALLS


Open = Callable[[folder.Folder, OnProgress], Model]


class ExllamaEngine:
    """One model in a directory."""

    def __init__(self, path: Path, model: str, open_model: Open) -> None:
        """`open_model` brings it into memory by one of the two libraries."""
        self._path = path
        self._name = model
        self._open = open_model
        self._chat_template = ChatTemplate(path)
        self._layouts = Layouts(model, None)
        self._running: list[_Running] = []
        self._loaded: tuple[folder.Folder, Model] | None = None
        self._forbidden = frozenset[int]()

    @property
    def lanes(self) -> int:
        """How many prompts share a step; one until the model is loaded."""
        return self._loaded[1].lanes if self._loaded else 1

    def load(self, on_progress: OnProgress) -> None:
        """Load the weights and make the steps that the first ones would otherwise be slow for."""
        found = folder.read(self._path)
        self._loaded = found, self._open(found, on_progress)
        self._forbidden = found.ends | frozenset(found.special.values())
        family = recognize(self._name, found.special.get)
        self._layouts = Layouts(self._name, family[0] if family else None)
        _warm_up(self._model, on_progress)

    def begin(self, work: Work, sink: Sink) -> None:
        """Queue `work`; a hole with more text than the context holds is tried once more with half the window."""
        window = work.window or Window()
        windows = (window,) if work.chat else (window, window.halved())
        for window in windows:
            prompt, forced = self._chat(work) if work.chat else self._hole(work, window)
            healer = Healer(forced, work, sink)
            limit = healer.limit_tokens if work.generate else 1
            if len(prompt) + limit + self._model.spare_tokens <= self._model.context_tokens:
                self._enqueue(work, prompt, healer, sink, limit)
                return
        raise EngineError(
            f"The prompt does not fit the context of {self._model.context_tokens} tokens that {self._name} has here. "
            "Ask for less at a time, or raise models.NAME.context_tokens."
        )

    def step(self) -> list[tuple[Sink, Ending]]:
        """Make one step of everything; raises EngineLost where the library or the GPU failed."""
        try:
            events = self._model.generator.iterate()
        except Exception as exc:
            self._running.clear()
            raise EngineLost(_what_failed(exc)) from exc
        by_job: dict[int, list[Mapping[str, Any]]] = {}
        for event in events:
            by_job.setdefault(id(event["job"]), []).append(event)
        ended = [running for running in self._running if running.take(by_job.get(id(running.job), ()))]
        for running in ended:
            self._running.remove(running)
            if not running.finished:
                self._model.generator.cancel(running.job)
        return [(running.sink, running.ending()) for running in ended]

    def close(self) -> None:
        """Let go of the model: its memory goes with the process."""
        self._running.clear()
        self._loaded = None

    def _enqueue(self, work: Work, prompt: list[int], healer: Healer, sink: Sink, limit: int) -> None:
        found, model = self._loaded_model
        ends = found.ends if work.chat else self._forbidden
        order = Order(limit, ends, work.stop, work.temperature, healer.forced if work.generate else "")
        job = model.make_job(prompt, order)
        model.generator.enqueue(job)
        self._running.append(_Running(job, len(prompt), healer, sink, generate=work.generate))

    def _hole(self, work: Work, window: Window) -> tuple[list[int], str]:
        """The prompt of a hole, and what its answer has to begin with."""
        layout = self._layouts.render(work, window)
        prompt = self._ids(tokens_and_text(layout.pieces, self._special))
        heals = not work.already and self._model.vocabulary.spells(layout.forced)
        if not heals:
            prompt += self._plain(layout.forced + work.already)
        return prompt, layout.forced if heals else ""

    def _chat(self, work: Work) -> tuple[list[int], str]:
        """The model's own template, with the messages in their places as plain text."""
        pairs, rest = through_template(self._name, work.parts, self._chat_template.fill)
        prompt = [token for literal, text in pairs for token in self._template(literal) + self._plain(text)]
        return prompt + self._template(rest) + self._plain(work.already), ""

    def _template(self, text: str) -> list[int]:
        """The tokens of a piece of template, whose special tokens are meant."""
        ids: list[int] = []
        while text:
            at, name = min(
                ((at, name) for name in self._special if (at := text.find(name)) >= 0),
                default=(len(text), ""),
            )
            ids += self._model.encode(text[:at]) if at else []
            ids += [self._special[name]] if name else []
            text = text[at + len(name) :]
        return ids

    def _plain(self, text: str) -> list[int]:
        return self._ids(tokens_and_text([text], self._special))

    def _ids(self, prompt: Iterable[int | str]) -> list[int]:
        ids: list[int] = []
        for piece in prompt:
            ids += [piece] if isinstance(piece, int) else self._inert(piece)
        return ids

    def _inert(self, text: str) -> list[int]:
        """The tokens of a user's text; character by character where a special token hides in it all the same."""
        ids = self._model.encode(text)
        if len(text) > 1 and not self._forbidden.isdisjoint(ids):
            return [token for char in text for token in self._inert(char)]
        return ids

    @property
    def _special(self) -> Mapping[str, int]:
        return self._loaded_model[0].special

    @property
    def _model(self) -> Model:
        return self._loaded_model[1]

    @property
    def _loaded_model(self) -> tuple[folder.Folder, Model]:
        assert self._loaded is not None
        return self._loaded


class _Running:
    """A job that was begun, from its events to its end."""

    def __init__(self, job: Any, prompt_tokens: int, healer: Healer, sink: Sink, *, generate: bool) -> None:
        self.job = job
        self.sink = sink
        self.finished = False
        self._healer = healer
        self._generate = generate
        self._prompt_tokens = prompt_tokens
        self._done = 0
        self._reason = ""

    def take(self, events: Iterable[Mapping[str, Any]]) -> bool:
        """Report the events of one step; True where the job has ended or shall end."""
        heard = going = False
        for event in events:
            heard, going = True, self._report(event)
            if not going:
                return True
        # A job that did not get its turn hears of its end all the same.
        return not (going if heard else self._healer.prefill(self._reused, self._done, self._prompt_tokens))

    def ending(self) -> Ending:
        """How it ended."""
        if self._healer.full or self._reason == "max_new_tokens":
            return "length" if self._generate else "stop"
        return "stop" if self.finished else "interrupted"

    @property
    def _reused(self) -> int:
        """Prompt tokens whose keys and values were in the cache already."""
        found = self.job.cached_pages * PAGE_TOKENS + self.job.cached_tokens
        return int(min(found, self._prompt_tokens - 1))

    def _report(self, event: Mapping[str, Any]) -> bool:
        if event["stage"] == "prefill":
            # The last token of a prompt is evaluated with the first step of the answer.
            self._done = min(int(event["curr_progress"]), self._prompt_tokens - 1)
            return self._healer.prefill(self._reused, self._done, self._prompt_tokens)
        if event["stage"] != "streaming":
            return True
        self.finished, self._reason = bool(event["eos"]), event.get("eos_reason", "")
        first, self._done = self._done < self._prompt_tokens, self._prompt_tokens
        going = not first or self._healer.prefill(self._reused, self._done, self._prompt_tokens)
        text = self._last_text(event) if self.finished else event.get("text", "")
        if self._generate and going and (text or not self.finished):
            going = self._healer.token(text)
        return going and not self.finished

    def _last_text(self, event: Mapping[str, Any]) -> str:
        """What was held back until the end: the beginning of a stop string that did not come, half a character."""
        text = str(event.get("text", ""))
        if self._reason == "stop_token":
            ended_by = str(event.get("eos_triggering_token_str", ""))
            text += str(event.get("held", {}).get("text", "")).removesuffix(ended_by)
        return text.rstrip("\ufffd")


def _warm_up(model: Model, on_progress: OnProgress) -> None:
    """Make the steps of each batch size until kernels are tuned and graphs captured."""
    sizes = min(model.lanes, _WARM_LANES)
    for size in range(1, sizes + 1):
        jobs: list[Any] = []
        for call in range(model.warm_calls):
            on_progress((size - 1) * model.warm_calls + call, sizes * model.warm_calls)
            jobs = [job for job in jobs if not job.is_finished]
            while len(jobs) < size:
                prompt = model.encode(f"def warm_{size}_{len(jobs)}():\n    return [")
                jobs.append(model.make_job(prompt, Order(model.context_tokens // 2, frozenset())))
                model.generator.enqueue(jobs[-1])
            try:
                model.generator.iterate()
            except Exception as exc:
                raise EngineError(_what_failed(exc)) from exc
        for job in jobs:
            model.generator.cancel(job)


def _what_failed(exc: Exception) -> str:
    told = str(exc).strip().partition("\n")[0] or type(exc).__name__
    if "out of memory" in told.lower():
        return (
            "The GPU ran out of memory. Close other programs that use it, lower models.NAME.context_tokens, or choose "
            f"a smaller model. It said: {told}"
        )
    return (
        f"The GPU engine failed: {type(exc).__name__}: {told}. It is started anew for the next request; "
        "`turnout doctor` checks driver and card."
    )
