"""Holes in real code: places in files that are installed here, most of them written after the models were trained.

Invariant: the same installed files and seed give the same holes.
"""

import random
import re
import sysconfig
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from turnout.core.documents import Position
from turnout.core.holes import Hole

_ROOT = Path(__file__).parents[2]
_SITE = Path(sysconfig.get_paths()["purelib"])

_PACKAGES = (
    "huggingface_hub",
    "httpx2",
    "httpcore2",
    "pygls",
    "cattrs",
    "pytest_lsp",
    "pydantic",
    "hypothesis",
)
"""Python packages of this environment with a release in 2025 or later; those that are not installed are left out."""

_SHARES = {"Python": 0.5, "TypeScript": 0.3, "Lua": 0.2}
_SEED = 11
_PLACES = 3
_LINES_BEFORE, _LINES_AFTER = 50, 10
_CODE = re.compile(r"[(=\[]")
_NO_CODE = re.compile(r"\s*(#|//|\*|/\*|--|\"\"\"|import\b|from\b)")
_CALL_AT_END = re.compile(r"\(([^()]{4,40})\)([)\]};:,]*)$")


@dataclass(frozen=True, slots=True)
class Place:
    """A hole and what its author wrote there; places of the same `line` are asked one after the other."""

    language: str
    line: tuple[str, int]
    hole: Hole
    truth: str


def cut(count: int) -> list[Place]:
    """About `count` places: most reach to the end of their line, some stand inside brackets that are closed already."""
    chosen = random.Random(_SEED)
    found: list[Place] = []
    files = {language: list(paths) for language, paths in _sources().items()}
    share = sum(_SHARES[language] for language, paths in files.items() if paths)
    for language, paths in files.items():
        chosen.shuffle(paths)
        wanted = len(found) + count * _SHARES[language] / share
        for path in paths:
            if len(found) >= wanted:
                break
            found += _places(language, path, chosen)
    return found


def _sources() -> dict[str, list[Path]]:
    packages = [_SITE / name for name in _PACKAGES]
    scripts = (_ROOT / "clients" / "vscode" / "node_modules" / "@azure").glob("*/src/**/*.ts")
    runtime = (_ROOT / ".cache" / "editors").glob("neovim*/**/share/nvim/runtime/lua/vim/**/*.lua")
    return {
        "Python": [file for package in packages for file in sorted(package.rglob("*.py"))],
        "TypeScript": sorted(file for file in scripts if not file.name.endswith(".d.ts")),
        "Lua": sorted(runtime),
    }


def _places(language: str, path: Path, chosen: random.Random) -> Iterator[Place]:
    lines = path.read_text("utf-8", "replace").splitlines(keepends=True)
    numbers = [
        number for number in range(_LINES_BEFORE, len(lines) - _LINES_AFTER) if _is_code(lines[number])
    ]
    if not numbers:
        return
    number = chosen.choice(numbers)
    body = lines[number].rstrip("\r\n")
    start = len(body) - len(body.lstrip())
    for column in sorted(chosen.sample(range(start + 3, len(body) - 4), _PLACES)):
        yield _place(language, path, lines, Position(number, column), len(body.rstrip()))
    call = _CALL_AT_END.search(body)
    if call is not None:
        column = call.start(1) + chosen.randrange(len(call.group(1)) - 2)
        yield _place(language, path, lines, Position(number, column), call.end(1))


def _place(language: str, path: Path, lines: Sequence[str], at: Position, end: int) -> Place:
    body = lines[at.line].rstrip("\r\n")
    tail = body[end:].rstrip()
    before = "".join(lines[: at.line])[-8000:]
    after = lines[at.line][len(body) :] + "".join(lines[at.line + 1 :])[:2000]
    hole = Hole(at, before + body[: at.character], tail + after, body[: at.character], tail)
    return Place(language, (str(path), at.line), hole, body[at.character : end].rstrip())


def _is_code(line: str) -> bool:
    return 28 <= len(line.strip()) <= 100 and not _NO_CODE.match(line) and bool(_CODE.search(line))
