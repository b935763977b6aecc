"""Whether exllamav2's CUDA extension is compiled for what is installed here, without importing torch.

exllamav2 compiles it at its first import: minutes in which nobody would know what is going on. Turnout builds it
ahead (`exllama_build`) into a directory named after everything that it depends on, and leaves a marker there.
Invariant: `ready` means that a whole library is in that directory, built for these versions and these cards.
"""

import importlib.metadata
import importlib.util
import json
import re
import shlex
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from turnout import paths
from turnout.worker.engines import nvidia

EXTENSION = "exllamav2_ext"
INSTALL = (
    f"In a clone of Turnout, install its extra: {shlex.quote(sys.executable)} -m pip install '.[gpu]' "
    "(and a torch that is built for your CUDA)."
)
ADVICE = "Run `turnout models prepare`: it compiles the extension once, which takes a few minutes."

_MARKER = "ready.json"
_CUDA = re.compile(r"^cuda\b[^=]*=\s*['\"]([\d.]+)['\"]", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class BuildState:
    """The extension for this machine; `problem` says why it is not `ready`.

    `key` names what it is built for, and `directory` is where it lies or will lie.
    """

    ready: bool
    key: str
    directory: Path
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Installed:
    """Versions of what the extension depends on; empty where it is not installed."""

    exllamav2: str
    torch: str
    cuda: str
    prebuilt: bool = False
    """Whether a wheel with the compiled extension is installed, so that there is nothing to build."""


def state(
    facts: Callable[[], Installed] | None = None, cards: Callable[[], nvidia.Cards] = nvidia.cards
) -> BuildState:
    """What there is now; a few milliseconds."""
    found = (facts or installed)()
    here = cards()
    key = _key(found, here)
    try:
        directory = paths.cache_dir() / "exllamav2" / key
    except OSError as exc:
        return BuildState(False, key, Path(key), f"there is no directory to keep the extension in: {exc}")
    # Without a card there is nothing to install for.
    problem = here.problem or missing(found)
    if not problem and not found.prebuilt and library(directory) is None:
        problem = "the CUDA extension of exllamav2 is not compiled yet"
    return BuildState(not problem, key, directory, problem)


def library(directory: Path) -> Path | None:
    """The extension's file in `directory`, if a build was finished there."""
    try:
        marker = json.loads((directory / _MARKER).read_bytes())
        path = directory / marker["library"]
        return path if path.stat().st_size == marker["bytes"] else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def mark(directory: Path, built: Path) -> None:
    """Leave the marker of a finished build in `directory`."""
    facts = {"library": built.name, "bytes": built.stat().st_size}
    unfinished = directory / f"{_MARKER}.new"
    unfinished.write_text(json.dumps(facts), "utf-8")
    unfinished.replace(directory / _MARKER)


def installed() -> Installed:
    """What is installed beside this interpreter, from the packages' metadata."""
    return Installed(
        exllamav2=_version("exllamav2"),
        torch=_version("torch"),
        cuda=_torch_cuda(),
        prebuilt=importlib.util.find_spec(EXTENSION) is not None,
    )


def missing(found: Installed) -> str:
    """The first package that is not here, or not as it has to be; empty where all are."""
    for package, version in (("torch", found.torch), ("exllamav2", found.exllamav2)):
        if not version:
            return f"the package {package} is not installed"
    return "" if found.cuda else f"torch {found.torch} is built without CUDA"


def _key(found: Installed, here: nvidia.Cards) -> str:
    facts = (
        f"exllamav2-{found.exllamav2 or 'none'}",
        f"torch-{found.torch or 'none'}",
        f"cuda-{found.cuda or 'none'}",
        f"python-{sys.version_info.major}.{sys.version_info.minor}",
        f"sm-{nvidia.architectures(here.gpus).replace(';', '-') or 'none'}",
    )
    return "_".join(facts)


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _torch_cuda() -> str:
    """The CUDA version that torch was built with, read from its source instead of importing a gigabyte."""
    spec = importlib.util.find_spec("torch")
    if spec is None or spec.origin is None:
        return ""
    try:
        found = _CUDA.search((Path(spec.origin).parent / "version.py").read_text("utf-8"))
    except OSError:
        return ""
    return found.group(1) if found else ""
