"""What the index keeps of one file, from its bytes alone.

Invariant: nothing is kept of what is no text or has a secret in it, and what a grammar cannot read is kept as text.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple

from turnout.core import secrets
from turnout.core.documents import split_lines
from turnout.core.languages import language_of
from turnout.core.repository import Definition, Import
from turnout.index import passages
from turnout.index.words import words_of
from turnout.syntax.symbols import Symbols

MAX_FILE_BYTES = 1_000_000
MAX_PARSED_CHARACTERS = 400_000
MAX_PARSED_LINE = 5_000
"""What has a longer line was not written by hand: parsing it takes long and tells little."""

_BOM = "\ufeff"

ReadSymbols = Callable[[str, str, str], Symbols]
"""(path, language, text) -> what the file defines and imports."""


class Cut(NamedTuple):
    """A passage: its first and last line, where it starts in the text and ends before, and its words."""

    first_line: int
    last_line: int
    start: int
    after: int
    words: str


@dataclass(frozen=True, slots=True)
class Extracted:
    """One file as it goes into the index; `left_out` says why nothing of it does."""

    language: str
    text: str = ""
    definitions: tuple[Definition, ...] = ()
    imports: tuple[Import, ...] = ()
    passages: tuple[Cut, ...] = ()
    left_out: str = ""


def extract(path: str, data: bytes, read_symbols: ReadSymbols | None) -> Extracted:
    """What to keep of the file; without `read_symbols` it is kept as plain text."""
    language = language_of(path)
    text = _text(data)
    if text is None:
        return Extracted(language, left_out="not text")
    if secrets.find(text):
        return Extracted(language, left_out="a secret is in it")
    lines = split_lines(text)
    symbols = Symbols()
    if read_symbols is not None and is_parsed(text, lines):
        symbols = read_symbols(path, language, text)
    ranges = passages.cut(lines, (definition.first_line for definition in symbols.definitions))
    return Extracted(language, text, symbols.definitions, symbols.imports, tuple(_cuts(text, lines, ranges)))


def is_parsed(text: str, lines: list[str]) -> bool:
    """Whether a text is one that people write and a grammar reads in bearable time."""
    return len(text) <= MAX_PARSED_CHARACTERS and max(map(len, lines), default=0) <= MAX_PARSED_LINE


def _cuts(text: str, lines: list[str], ranges: Iterable[passages.Range]) -> Iterator[Cut]:
    starts = [0, *accumulate(map(len, lines))]
    for first, last in ranges:
        start, after = starts[first], starts[last + 1]
        yield Cut(first, last, start, after, words_of(text[start:after]))


def _text(data: bytes) -> str | None:
    if b"\0" in data:
        return None
    try:
        return data.decode("utf-8").removeprefix(_BOM)
    except UnicodeDecodeError:
        return None
