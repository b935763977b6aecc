"""An engine for dry runs on a CPU: exllamav2's real generator around a model that makes its answers up."""

import dataclasses
from pathlib import Path
from typing import Any

from turnout.worker.engines.base import BatchEngine
from worker import exllama_kit

_CONTEXT = 4096
_LANES = 4


def dry_engine(folder: Path, name: str) -> BatchEngine:
    """Loaded, with the tokenizer of `folder`."""
    exllama_kit.stand_in()
    from turnout.worker.engines import exllama_v2
    from turnout.worker.engines.exllama import ExllamaEngine, Model
    from turnout.worker.engines.vram import Plan

    def open_model(found: Any, on_progress: Any) -> Model:
        generator = exllama_kit.generator(folder, paged=True, lanes=_LANES, context=_CONTEXT)
        model = exllama_v2.model_of(generator, Plan("fp16", _CONTEXT * _LANES, _LANES), _CONTEXT)
        return dataclasses.replace(model, warm_calls=2)

    engine = ExllamaEngine(folder, name, open_model)
    engine.load(lambda done, of: None)
    return engine
