"""Filled holes in a file, a line of JSON for each: a measurement of hours that is broken off goes on where it was.

Invariants: a line that was cut off while it was written counts for nothing; answers to prompts that other code made are
never taken for this code's.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from turnout import __version__
from turnout.core.fim.layout import Window
from turnout.errors import RequestRejected
from turnout.evaluate.arms import ARMS, Arm
from turnout.evaluate.cutting import Gap
from turnout.evaluate.pipeline import Answered
from turnout.evaluate.report import Filled, filled

PROMPT_MAKERS = (
    "complete",
    "core/context.py",
    "core/documents.py",
    "core/fim",
    "core/holes.py",
    "core/lexing.py",
    "core/trimming",
    "evaluate/cutting.py",
    "evaluate/pipeline.py",
    "index",
    "syntax",
    "worker/engines",
)
"""Modules that decide what a model reads at a hole, and what is shown of its answer."""

_ENGINE = "xllamacpp"


@dataclass(frozen=True, slots=True)
class Asked:
    """What is the same for all holes of one repository in one measurement."""

    corpus: str
    seed: int
    model: str
    window: Window

    def about(self, gap: Gap) -> dict[str, Any]:
        """All that tells the answers at a hole from those to another question."""
        text = "\0".join((gap.before, gap.truth, gap.after))
        place = gap.position
        return {
            "corpus": self.corpus,
            "path": gap.path,
            "line": place.line + 1,
            "column": place.character + 1,
            "kind": gap.kind,
            "text": sha256(text.encode("utf-8", "replace")).hexdigest()[:16],
            "seed": self.seed,
            "model": self.model,
            "room": asdict(self.window),
        }


class Kept:
    """The filled holes of a file, to which more are added."""

    def __init__(self, path: Path, maker: str) -> None:
        """Read what is in the file, if there is one; raises RequestRejected where `maker` did not write it."""
        self._path = path
        self._maker = maker
        try:
            data = path.read_bytes() if path.exists() else b""
            whole = data[: data.rfind(b"\n") + 1]
            self._known = dict(parse(whole.decode("utf-8"), maker))
            with path.open("ab") as file:
                file.truncate(len(whole))
        except (OSError, ValueError) as error:
            raise RequestRejected(
                f"{path} cannot keep what is measured: {error}.", advice="Name another file."
            ) from error

    def find(self, asked: Asked, gap: Gap) -> Filled | None:
        """What was measured at a hole before."""
        answers = self._known.get(_key(asked.about(gap)))
        return None if answers is None else filled(gap, answers)

    def add(self, asked: Asked, hole: Filled) -> None:
        """Write down one hole."""
        about = asked.about(hole.gap)
        with self._path.open("ab") as file:
            file.write(to_line(self._maker, about, hole).encode("utf-8"))
        self._known[_key(about)] = hole.answers


def to_line(maker: str, about: Mapping[str, Any], hole: Filled) -> str:
    """A filled hole as its line in the file."""
    arms = {arm: {**asdict(answer), **asdict(hole.scores[arm])} for arm, answer in hole.answers.items()}
    told = {"maker": maker, **about, "language": hole.gap.language, "truth": hole.gap.truth, "arms": arms}
    return json.dumps(told) + "\n"


def parse(text: str, maker: str) -> Iterator[tuple[str, Mapping[Arm, Answered]]]:
    """The answers in whole lines by what was asked; raises ValueError for what `maker` did not write."""
    for number, line in enumerate(text.splitlines(), start=1):
        try:
            told = json.loads(line)
            found, about = told.pop("maker"), _key({name: told[name] for name in _ABOUT})
            answers: dict[Arm, Answered] = {arm: _answered(told["arms"][arm]) for arm in ARMS}
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise ValueError(f"line {number} is no filled hole") from error
        if found != maker:
            raise ValueError(f"line {number} is from {found}, and this is {maker}")
        yield about, answers


def maker() -> str:
    """This version of Turnout and its engine, with a digest of the modules that make prompts."""
    root = Path(__file__).parents[1]
    files = ((path.relative_to(root).as_posix(), path.read_bytes()) for path in _sources(root))
    return f"turnout {__version__} {digest(files)} with {_ENGINE} {_engine_version()}"


def digest(files: Iterable[tuple[str, bytes]]) -> str:
    """Twelve digits that differ where a name or a byte does."""
    found = sha256()
    for name, data in files:
        found.update(f"{name} {len(data)} ".encode() + data)
    return found.hexdigest()[:12]


def _sources(root: Path) -> Iterator[Path]:
    for name in PROMPT_MAKERS:
        path = root / name
        yield from sorted(path.rglob("*.py")) if path.is_dir() else [path]


def _engine_version() -> str:
    try:
        return version(_ENGINE)
    except PackageNotFoundError:
        return "absent"


_ABOUT = ("corpus", "path", "line", "column", "kind", "text", "seed", "model", "room")


def _key(about: Mapping[str, Any]) -> str:
    return json.dumps(about, sort_keys=True)


def _answered(told: Mapping[str, Any]) -> Answered:
    values = {field.name: told[field.name] for field in fields(Answered)}
    return Answered(**{**values, "sources": tuple(values["sources"])})
