"""Healing the token at the cursor: the answer is made to begin with what was left out of the prompt.

Invariant: what reaches the sink is exactly what to insert, without the forced beginning.
"""

from bisect import bisect_left
from collections.abc import Sequence

from turnout.worker.engines.base import Sink, Work


class Healer:
    """Takes the forced beginning off the model's answer, and counts what is left of it."""

    def __init__(self, forced: str, work: Work, sink: Sink) -> None:
        self.forced = forced
        self._left = work.max_tokens
        self._sink = sink
        self.limit_tokens = work.max_tokens + len(forced)
        self.prefill = sink.prefill

    @property
    def full(self) -> bool:
        """Whether the answer has all the tokens that were asked for."""
        return self._left == 0

    def token(self, text: str) -> bool:
        """Pass on what `text` adds at the cursor; False ends the request."""
        healed = min(len(self.forced), len(text))
        self.forced, text = self.forced[healed:], text[healed:]
        if text:
            self._left -= 1
        return self._sink.token(text) and not self.full


class Vocabulary:
    """The texts of a model's tokens by id; those that stand for no text of their own are empty."""

    def __init__(self, pieces: Sequence[str]) -> None:
        self.pieces = pieces
        self._ids: dict[str, list[int]] = {}
        for token_id, piece in enumerate(pieces):
            self._ids.setdefault(piece, []).append(token_id)
        self._sorted = sorted(self._ids)

    def spells(self, text: str) -> bool:
        """Whether each character of `text` is a token, so that forcing it can never get stuck."""
        return all(char in self._ids for char in text)

    def beginning(self, text: str) -> set[int]:
        """The tokens that an answer which begins with `text` may begin with: parts of it, and longer ones.

        exllamav2's own prefix filter leaves the longer ones out unless `text` itself is a token: after `retu` it
        knows `re` and `tu`, but not `return`, which is what healing is for.
        """
        found: set[int] = set()
        for end in range(1, len(text)):
            found.update(self._ids.get(text[:end], ()))
        for piece in self._sorted[bisect_left(self._sorted, text) :]:
            if not piece.startswith(text):
                break
            found.update(self._ids[piece])
        return found
