"""A recorded editing session, made from a source file of the standard library: what was typed, deleted and looked at.

Invariant: the same source and seed give the same events, and every event fits the text that those before it left.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass

_PAUSE_S = (0.08, 0.3)
"""Between two keys: 200 to 750 a minute, as fast as people are."""

_THOUGHT_S = (2.0, 12.0)
_BURST_KEYS = (3, 14)
_TYPO = 0.04
_LOOK_ELSEWHERE = 0.1
_LINES_IN_A_ROW = (4, 16)
_LONG_ENOUGH = 10
_MAX_LINES = 60
"""A small file: on two cores six large ones would keep the model reading for all of the time between two kills."""


@dataclass(frozen=True, slots=True)
class Keystroke:
    """Replace `removed` characters before the cursor with `text`, after `pause_s`; line and character are 0-based.

    With neither text nor removal it is a move of the cursor to that place.
    """

    line: int
    character: int
    removed: int
    text: str
    pause_s: float


class Recording:
    """Types lines of `source` again, some in a row and then elsewhere, for as long as anybody asks for events."""

    def __init__(self, source: str, seed: int) -> None:
        self._random = random.Random(seed)
        self._lines = source.splitlines()[:_MAX_LINES]
        self.text = "\n".join(self._lines) + "\n"

    def events(self) -> Iterator[Keystroke]:
        """Keystrokes without end; each line is typed behind itself and taken back, so that the file keeps its size."""
        while True:
            first = self._random.randrange(len(self._lines))
            for line in range(first, first + self._random.randint(*_LINES_IN_A_ROW)):
                if line < len(self._lines) and len(self._lines[line].strip()) >= _LONG_ENOUGH:
                    yield self._at(line, len(self._lines[line]), 0, "", self._thought())
                    yield from self._type(line)

    def _type(self, line: int) -> Iterator[Keystroke]:
        """Take the end of a line away and type it again, with typos, pauses and looks elsewhere."""
        text = self._lines[line]
        kept = len(text) - self._random.randint(5, min(40, len(text.strip())))
        yield self._at(line, len(text), len(text) - kept, "", self._thought())
        left_in_burst = self._random.randint(*_BURST_KEYS)
        for column in range(kept, len(text)):
            if self._random.random() < _TYPO:
                yield self._at(line, column, 0, "z", self._pause())
                yield self._at(line, column + 1, 1, "", self._pause())
            pause_s = self._pause()
            if left_in_burst == 0:
                left_in_burst, pause_s = self._random.randint(*_BURST_KEYS), self._thought()
                if self._random.random() < _LOOK_ELSEWHERE:
                    yield self._look_elsewhere()
            left_in_burst -= 1
            yield self._at(line, column, 0, text[column], pause_s)

    def _look_elsewhere(self) -> Keystroke:
        line = self._random.randrange(len(self._lines))
        return self._at(line, len(self._lines[line]), 0, "", self._pause())

    def _at(self, line: int, character: int, removed: int, text: str, pause_s: float) -> Keystroke:
        return Keystroke(line, character, removed, text, pause_s)

    def _pause(self) -> float:
        return self._random.uniform(*_PAUSE_S)

    def _thought(self) -> float:
        return self._random.uniform(*_THOUGHT_S)
