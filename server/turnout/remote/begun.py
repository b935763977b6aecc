"""Answers that were given up for the next letter: a server beside us goes on where it was, if that letter follows them.

A slow one would otherwise begin anew at every letter, and say nothing before its user pauses.
Invariants: what is shown stays the same, because at temperature 0 a model writes the same once more; nothing that the
user took back is taken for the model's; no name of a special token that a model wrote gets into a prompt.
"""

import re
from dataclasses import dataclass

from turnout.remote.marks import Marks

_LAST_WORD = re.compile(r"\s*(?:[^\w\s]|_)*\s*[^\W_]*\Z")
"""What may become other tokens when it goes on: a word with the blanks and signs before it, as in `.pi`."""

_LOOKED_AT = 200


@dataclass(slots=True)
class Begun:
    """A prompt, the text up to the cursor in its layout, and what the model has written behind the prompt so far."""

    prompt: str = ""
    there: str = ""
    written: str = ""

    def add(self, text: str) -> None:
        """Take what the model wrote next."""
        self.written += text


def continued(
    before: Begun, text: str, forced: str, marks: Marks, stop: tuple[str, ...]
) -> tuple[str, str, str]:
    """The prompt to send for `text`, whose answer has to begin with `forced`, after the one `before`.

    Gives the prompt, what its answer has to begin with, and what is known to come ahead of that answer.
    """
    there = text + forced
    sure = _sure(before)
    known = sure[len(there) :]
    typed_on = there.startswith(before.there) and len(sure) > len(text) and sure.startswith(text)
    if not typed_on or not (sure.startswith(there) or there.startswith(sure)):
        return text, forced, ""
    if marks.names.search(sure, len(text)) or any(mark in known for mark in stop):
        return text, forced, ""
    return sure, there[len(sure) :], known


def _sure(before: Begun) -> str:
    """The prompt with what was written behind it, as far as that is whole words."""
    whole = before.prompt + before.written
    found = _LAST_WORD.search(whole, max(0, len(whole) - _LOOKED_AT))
    return whole[: max(len(before.prompt), found.start() if found else 0)]
