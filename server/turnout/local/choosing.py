"""Which engine runs a local model here, with which files, and why.

llama.cpp runs a GGUF file on any machine; exllamav2 and exllamav3 run a directory on an NVIDIA GPU. `auto` takes
the GPU where everything that it needs is there, and else llama.cpp.
Invariant: nothing heavy is imported, and every choice says its reasons.
"""

import importlib.util
import json
import shlex
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from turnout.core.models import Model
from turnout.errors import EngineMissing, ModelError
from turnout.worker.engines import nvidia, prepared

EngineName = Literal["llamacpp", "exllamav2", "exllamav3"]

_ANYWHERE = "llama.cpp runs on any machine"


@dataclass(frozen=True, slots=True)
class Choice:
    """An engine and the weights for it; `reasons` are sentences, the decisive one last."""

    engine: EngineName
    path: Path
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Machine:
    """What keeps each engine from running here; empty where nothing does."""

    llamacpp: str = ""
    exllamav2: str = ""
    exllamav3: str = ""

    def problem(self, engine: EngineName) -> str:
        """What keeps `engine` from running."""
        return {"llamacpp": self.llamacpp, "exllamav2": self.exllamav2, "exllamav3": self.exllamav3}[engine]


@dataclass(frozen=True, slots=True)
class Weights:
    """Where a model's weights are: its GGUF file (raises ModelMissing), or a directory for a GPU if there is one."""

    file: Callable[[str], Path]
    folder: Callable[[str], Path | None]


def choose(wanted: str, model: Model, weights: Weights, here: Callable[[], Machine] | None = None) -> Choice:
    """The engine for `model`, where `wanted` is what the settings name or `auto`.

    Raises EngineMissing where an engine that is needed cannot run here, and ModelError or ModelMissing where there
    are no weights for it.
    """
    if wanted not in ("auto", *get_args(EngineName)):
        raise EngineMissing(
            f"{model.name} asks for the engine {wanted}, which this version does not have.",
            advice=f'Set models.{model.name}.engine to "auto".',
        )
    # The machine comes first: a directory of gigabytes is hashed before it is used.
    own, machine = _own(model), (here or look_around)()
    if wanted == "llamacpp":
        return _with_llamacpp(model, own, weights, machine, ("the settings say so",))
    if wanted != "auto":
        return _on_gpu("exllamav3" if wanted == "exllamav3" else "exllamav2", model, own, weights, machine)
    if own is None:
        return _from_catalogue(model, weights, machine)
    if not own.is_dir():
        return _with_llamacpp(model, own, weights, machine, (f"{own} is a file", _ANYWHERE))
    engine = _engine_of(own)
    if problem := machine.problem(engine):
        raise _missing(engine, model, problem)
    return _ready(engine, own)


def _from_catalogue(model: Model, weights: Weights, machine: Machine) -> Choice:
    """The GPU where an engine, the weights and all that they need are there; else llama.cpp, whatever was wrong."""
    passed = f"no engine for a GPU is ready: {machine.exllamav2}"
    if not (machine.exllamav2 and machine.exllamav3):
        try:
            folder = weights.folder(model.model)
        except ModelError as exc:
            folder, passed = None, exc.message
        else:
            passed = f"no EXL2, EXL3, GPTQ or 16-bit weights of {model.model} are here"
        if folder is not None:
            engine = _engine_of(folder)
            if not machine.problem(engine):
                return _ready(engine, folder)
            passed = f"{engine} could run {folder}, but {machine.problem(engine)}"
    return _with_llamacpp(model, None, weights, machine, (passed, _ANYWHERE))


def _ready(engine: Literal["exllamav2", "exllamav3"], folder: Path) -> Choice:
    return Choice(engine, folder, (f"an NVIDIA GPU and {engine} are ready, and {folder} has the weights",))


def look_around() -> Machine:
    """This machine, from what is installed and what the driver says; a few milliseconds."""
    return Machine(
        llamacpp="" if _has("xllamacpp") else "the package xllamacpp is not installed",
        exllamav2=prepared.state().problem,
        exllamav3=_exllamav3_problem(),
    )


def _exllamav3_problem() -> str:
    if not _has("exllamav3"):
        return "the package exllamav3 is not installed"
    if not _has("exllamav3_ext"):
        return "exllamav3 is installed without its compiled extension"
    return nvidia.cards().problem


def _has(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


def _own(model: Model) -> Path | None:
    """The user's own file or directory, where the settings name one; raises ModelError where it is not there."""
    if not model.path:
        named = _expanded(model.model)
        return named if named is not None and named.is_absolute() and named.is_dir() else None
    path = _expanded(model.path)
    if path is None or not path.exists():
        raise ModelError(
            f"There is no file {path or model.path}.",
            advice=f"Correct models.{model.name}.path in your config.toml, or take it out.",
        )
    if path.is_dir() and not any(path.iterdir()):
        raise ModelError(
            f"The directory {path} is empty: it holds no model.",
            advice=f"Correct models.{model.name}.path in your config.toml, or take it out.",
        )
    return path


def _expanded(text: str) -> Path | None:
    """The path that a user means; None where it begins in the home of somebody who is not known here."""
    try:
        return Path(text).expanduser()
    except RuntimeError:
        return None


def _engine_of(folder: Path) -> Literal["exllamav2", "exllamav3"]:
    """EXL3 weights are the younger library's; all others the older one's."""
    try:
        found = json.loads((folder / "config.json").read_bytes())["quantization_config"]["quant_method"]
    except (OSError, ValueError, KeyError, TypeError):
        return "exllamav2"
    return "exllamav3" if found == "exl3" else "exllamav2"


def _on_gpu(
    engine: Literal["exllamav2", "exllamav3"],
    model: Model,
    own: Path | None,
    weights: Weights,
    machine: Machine,
) -> Choice:
    if problem := machine.problem(engine):
        raise _missing(engine, model, problem)
    folder = weights.folder(model.model) if own is None else own if own.is_dir() else None
    if folder is None:
        where = (
            f"{own} is a file" if own is not None else f"no directory with weights of {model.model} is here"
        )
        raise ModelError(
            f"{engine} takes a model as a directory, and {where}.",
            advice=f"Fetch one with `turnout models pull {model.model} --form exl2` (or gptq), "
            "or set the path of one that you have.",
        )
    return Choice(engine, folder, ("the settings say so",))


def _with_llamacpp(
    model: Model, own: Path | None, weights: Weights, machine: Machine, reasons: tuple[str, ...]
) -> Choice:
    if machine.llamacpp:
        raise EngineMissing(
            f"The engine that runs {model.name} on this machine is not installed.",
            advice=f"Install it with: {shlex.quote(sys.executable)} -m pip install xllamacpp",
        )
    if own is not None and own.is_dir():
        raise ModelError(
            f"{own} is a directory, and llama.cpp takes a GGUF file.",
            advice=f'Set models.{model.name}.path to such a file, or its engine to "exllamav2".',
        )
    return Choice("llamacpp", own if own is not None else weights.file(model.model), reasons)


def _missing(engine: EngineName, model: Model, problem: str) -> EngineMissing:
    advice = prepared.ADVICE if "not compiled" in problem else "`turnout doctor --gpu` says more."
    if "not installed" in problem and engine == "exllamav2":
        advice = prepared.INSTALL
    return EngineMissing(f"{model.name} cannot run on {engine}: {problem}.", advice=advice)
