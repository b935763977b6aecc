"""The GPU engine around exllamav2's real generator, and sinks that remember what they heard."""

import dataclasses
from pathlib import Path
from typing import Any

from turnout.worker.engines.base import Ending, Work
from turnout.worker.engines.exllama import ExllamaEngine, Model
from turnout.worker.engines.vram import Plan
from worker import exllama_kit as kit

NAME = "qwen2.5-coder-7b"
HEALING = "qwen2.5-coder-0.5b"
CONTEXT = 2048
LINES = "".join(f"value_{n} = compute({n})\n" for n in range(60))


class Rig:
    """An engine around the generator, and what its sinks heard."""

    def __init__(self, folder: Path, *, paged: bool, name: str = NAME, warm_calls: int = 1) -> None:
        self.generator = kit.generator(folder, paged=paged, context=CONTEXT)
        self.model: kit.HashedModel = self.generator.model
        self.progress: list[tuple[int, int]] = []
        self._warm_calls = warm_calls
        self._paged = paged
        self.engine = ExllamaEngine(folder, name, self._open)
        self.engine.load(lambda *progress: self.progress.append(progress))
        self.model.prefilled = 0
        self.model.decoded.clear()

    def _open(self, found: Any, on_progress: Any) -> Model:
        from turnout.worker.engines import exllama_v2

        lanes = 4 if self._paged else 1
        model = exllama_v2.model_of(self.generator, Plan("fp16", CONTEXT * lanes, lanes), CONTEXT)
        return dataclasses.replace(model, warm_calls=self._warm_calls)

    def begin(self, work: Work, stop_after: int | None = None) -> "Heard":
        heard = Heard(stop_after)
        self.engine.begin(work, heard)
        return heard

    def run(self, work: Work, stop_after: int | None = None) -> "Heard":
        """Run `work` alone to its end."""
        heard = self.begin(work, stop_after)
        self.finish(heard)
        return heard

    def finish(self, *sinks: "Heard") -> None:
        while any(sink.ending is None for sink in sinks):
            for sink, ending in self.engine.step():
                assert isinstance(sink, Heard)
                assert sink.ending is None, "a job ended twice"
                sink.ending = ending

    def truth(self, work: Work) -> str:
        """What a fresh generator, without cache, drafts or neighbours, would say."""
        prompt, _ = self.engine._chat(work) if work.chat else self.engine._hole(work, window())
        tokens = list(prompt)
        for _ in range(work.max_tokens):
            tokens.append(kit.hashed(tokens))
        pieces = self.generator.tokenizer.get_id_to_piece_list()
        return "".join(pieces[token] for token in tokens[len(prompt) :])


def window() -> Any:
    from turnout.core.fim.layout import Window

    return Window()


class Heard:
    """A sink that stops after so many tokens, or in the prompt with 0."""

    def __init__(self, stop_after: int | None = None) -> None:
        self._stop_after = stop_after
        self.tokens: list[str] = []
        self.prefills: list[tuple[int, int, int]] = []
        self.ending: Ending | None = None

    def prefill(self, reused: int, done: int, of: int) -> bool:
        self.prefills.append((reused, done, of))
        return self._stop_after != 0

    def token(self, text: str) -> bool:
        self.tokens.append(text)
        return self._stop_after is None or len(self.tokens) < self._stop_after

    @property
    def text(self) -> str:
        return "".join(self.tokens)

    @property
    def reused(self) -> int:
        return self.prefills[-1][0]

    @property
    def prompt_tokens(self) -> int:
        return self.prefills[-1][2]


def hole(prefix: str, suffix: str = "\n", *, document: str = "d", **options: Any) -> Work:
    parts: Any = ({"role": "prefix", "text": prefix, "path": "a.py"}, {"role": "suffix", "text": suffix})
    return Work(document, parts, chat=False, **{"max_tokens": 12, **options})


def chat(asked: str, **options: Any) -> Work:
    return Work("", ({"role": "user", "text": asked},), chat=True, **{"max_tokens": 12, **options})
