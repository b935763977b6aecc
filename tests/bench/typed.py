"""One recorded typing session: lines of real code that are typed again in their files, at the pace of a person.

Invariant: the same passages and seed give the same keys; every editor that replays them gets each one at the same
cursor with the same text around it, because a line that was left to a suggestion is complete before the next key.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.corpora import CORPORA, fetched

SEED = 3
LOOK_S = 8.0
"""How long the author looks at a file before typing in it."""

_LETTER_S = (0.08, 0.3)
"""Between two keys: 200 to 750 a minute, as fast as people are."""

_THOUGHT_S = (1.0, 3.0)
_BURST_KEYS = (4, 12)
_LOOKS_SHARE = 0.8
"""Lines at whose middle the author looks up, and takes what is suggested if it is what they were about to write."""

_SHORTEST_LOOK = 24
"""Letters of a line without its indentation from which on there is a middle to look up at."""


@dataclass(frozen=True, slots=True)
class Passage:
    """Lines of a pinned package, both 1-based and inclusive, none of them blank."""

    package: str
    path: str
    first: int
    last: int


PASSAGES = (
    Passage("pygls", "pygls/progress.py", 59, 61),
    Passage("zod", "v4/core/doc.ts", 34, 35),
    Passage("openai-agents", "agents/_mcp_tool_metadata.py", 76, 77),
    Passage("openai-agents", "agents/repl.py", 57, 58),
    Passage("zod", "v4/core/registries.ts", 68, 69),
    Passage("openai-agents", "agents/prompts.py", 70, 72),
)


@dataclass(frozen=True, slots=True)
class Key:
    """One key, or at a new line the key and its indentation; what stands around the cursor after it.

    `line` is 0-based. With `looks` it is no key: the author looks up, and the rest of the line gets there at once.
    """

    keys: str
    line: int
    before: str
    rest: str
    pause_s: float
    looks: bool = False


@dataclass(frozen=True, slots=True)
class Script:
    """A file without the lines that are going to be typed into it behind its line `start` (0-based), and the keys."""

    path: str
    text: str
    start: int
    keys: tuple[Key, ...]


def passage_text(passage: Passage) -> str:
    """The whole file of a passage; raises Unavailable where its package cannot be had."""
    corpus = next(corpus for corpus in CORPORA if corpus.name == passage.package)
    return (fetched(corpus) / passage.path).read_text("utf-8")


def siblings(passage: Passage) -> list[Path]:
    """The files of the folder that a passage is in, its own among them."""
    corpus = next(corpus for corpus in CORPORA if corpus.name == passage.package)
    folder = (fetched(corpus) / passage.path).parent
    return sorted(file for file in folder.iterdir() if file.suffix in (".py", ".ts"))


def script(passage: Passage, text: str, seed: int = SEED) -> Script:
    """How `passage` of the file `text` is typed."""
    lines = text.splitlines()
    typed = lines[passage.first - 1 : passage.last]
    left = [*lines[: passage.first - 1], *lines[passage.last :]]
    chance = random.Random(f"{seed} {passage.path}")
    keys = [
        key
        for number, line in enumerate(typed, passage.first - 1)
        for key in _line_keys(number, line, chance)
    ]
    path = f"{passage.package}/{passage.path}"
    return Script(path, "\n".join(left) + "\n", passage.first - 2, tuple(_paced(keys, chance)))


def _line_keys(number: int, line: str, chance: random.Random) -> Iterator[Key]:
    indent = len(line) - len(line.lstrip())
    yield Key("<CR>" + line[:indent], number, line[:indent], line[indent:], 0.0)
    end = len(line)
    looks = end - indent >= _SHORTEST_LOOK and chance.random() < _LOOKS_SHARE
    if looks:
        end = indent + int((end - indent) * chance.uniform(0.35, 0.65))
    for column in range(indent, end):
        letter = "<lt>" if line[column] == "<" else line[column]
        yield Key(letter, number, line[: column + 1], line[column + 1 :], 0.0)
    if looks:
        yield Key(line[end:].replace("<", "<lt>"), number, line, line[end:], 0.0, looks=True)


def _paced(keys: list[Key], chance: random.Random) -> Iterator[Key]:
    left_in_burst = chance.randint(*_BURST_KEYS)
    for key in keys:
        thinks = key.looks or left_in_burst == 0
        pause_s = chance.uniform(*(_THOUGHT_S if thinks else _LETTER_S))
        left_in_burst = chance.randint(*_BURST_KEYS) if thinks else left_in_burst - 1
        yield Key(key.keys, key.line, key.before, key.rest, pause_s, key.looks)
