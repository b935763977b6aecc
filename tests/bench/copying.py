"""A stand-in for the model that writes on as the prompt did where it stood before: it compares contexts in seconds.

A small model mostly copies. What this one meets, the prompt held word for word; what it misses, a model has to know.
Invariant: the same prompt gives the same answer.
"""

import re
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence

from turnout.core.backends import Delta, Done, StreamItem, Timings
from turnout.core.models import Model, Usage
from turnout.core.prompts import FimPrompt, Prompt

_TOKEN = re.compile(r"[^\S\n]+|\w+|[^\w\s]|\n")
_UNFINISHED = re.compile(r"\w*\Z")
_MOST = 96
_LONGEST = 24
"""Tokens of a match beyond which a longer one says no more."""


class Copier:
    """A model of this machine, as an evaluation asks it."""

    async def stream(self, model: Model, prompt: Prompt) -> AsyncIterator[StreamItem]:
        """The rest of the line, if the prompt holds one."""
        assert isinstance(prompt, FimPrompt)
        yield Delta(write(prompt))
        yield Done("stop", Usage(), Timings())

    async def warm(self, model: Model, prompt: Prompt) -> None:
        """Nothing is read ahead."""

    async def close(self) -> None:
        """Nothing is held."""


def write(prompt: FimPrompt) -> str:
    """What followed the longest match of the text before the cursor, token by token to the end of the line."""
    window = prompt.window
    assert window is not None
    prefix = prompt.prefix[-window.prefix_chars :]
    unfinished = _UNFINISHED.findall(prefix)[0]
    before = _TOKEN.findall(prefix[: len(prefix) - len(unfinished)])
    shown = _TOKEN.findall(prompt.suffix[: window.suffix_chars] + "\n")
    for chunk in prompt.context:
        shown += _TOKEN.findall(chunk.text + "\n")
    shown += before
    written: list[str] = []
    places = _places(shown)
    while len(written) < _MOST:
        found = _next(shown, places, [*before[-_LONGEST:], *written], unfinished if not written else "")
        if found in ("", "\n"):
            break
        written.append(found)
    return "".join(written)[len(unfinished) :]


def _places(tokens: Sequence[str]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = defaultdict(list)
    for at, token in enumerate(tokens[:-1]):
        found[token].append(at)
    return found


def _next(shown: Sequence[str], places: dict[str, list[int]], before: Sequence[str], begun: str) -> str:
    """The token after the longest and then the nearest match of `before` that goes on with `begun`."""
    best, token = 0, ""
    for at in places.get(before[-1], ()) if before else ():
        length = _length(shown, at, before)
        if length >= best and shown[at + 1].startswith(begun):
            best, token = length, shown[at + 1]
    return token


def _length(shown: Sequence[str], at: int, before: Sequence[str]) -> int:
    """How many tokens up to `at` are those at the end of `before`."""
    length = 0
    while length < min(_LONGEST, len(before), at + 1) and shown[at - length] == before[-1 - length]:
        length += 1
    return length
