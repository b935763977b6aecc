"""The open documents of an editor for tests, with the protocol's arithmetic written out once more, on bytes.

Invariant: nothing here is Turnout's, so that a mistake in its own arithmetic shows as a difference.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from lsprotocol import types

_CODECS = {"utf-8": ("utf-8", 1), "utf-16": ("utf-16-le", 2), "utf-32": ("utf-32-le", 4)}
_LINE_ENDING = re.compile(r"\r\n|\n|\r")


@dataclass
class Buffer:
    """One open document."""

    uri: str
    text: str
    version: int = 1
    language: str = "python"

    def position(self, offset: int, encoding: str) -> types.Position:
        """Where the code point at `offset` stands, as a client of that encoding says it."""
        before = self.text[:offset]
        breaks = list(_LINE_ENDING.finditer(before))
        line_start = breaks[-1].end() if breaks else 0
        codec, width = _CODECS[encoding]
        return types.Position(len(breaks), len(before[line_start:].encode(codec)) // width)

    def offset(self, position: types.Position, encoding: str) -> int:
        """The other way round; a position past an end means that end."""
        starts = [0, *(found.end() for found in _LINE_ENDING.finditer(self.text))]
        if position.line >= len(starts):
            return len(self.text)
        start = starts[position.line]
        ending = _LINE_ENDING.search(self.text, start)
        line = self.text[start : ending.start() if ending else len(self.text)]
        codec, width = _CODECS[encoding]
        return start + len(line.encode(codec)[: position.character * width].decode(codec))

    def range_of(self, found: str, encoding: str) -> types.Range:
        """The range of the only place where `found` stands."""
        assert self.text.count(found) == 1, f"{found!r} stands {self.text.count(found)} times in {self.uri}"
        start = self.text.index(found)
        return types.Range(self.position(start, encoding), self.position(start + len(found), encoding))

    def edited(self, edits: Iterable[Any], encoding: str) -> str:
        """The text after `edits`, all of which speak of the text as it is."""
        text = self.text
        spans = [
            (self.offset(edit.range.start, encoding), self.offset(edit.range.end, encoding), edit.new_text)
            for edit in edits
        ]
        assert all(one[1] <= two[0] for one, two in zip(sorted(spans), sorted(spans)[1:], strict=False)), (
            "overlapping edits"
        )
        for start, end, new in sorted(spans, reverse=True):
            text = text[:start] + new + text[end:]
        return text


def to_path(uri: str) -> Path:
    """The file behind a URI."""
    return Path(unquote(urlsplit(uri).path))
