"""How fast servers read prompts: by their own word, and by how long they keep silent.

Invariant: silence only ever makes a server slower than it was taken for, since it may have had little to read.
"""

from collections import defaultdict, deque
from collections.abc import Callable
from statistics import median

from turnout.core.fim.budget import Pace
from turnout.core.models import Model

_REMEMBERED = 5
"""Prompts that a speed is told from: a busy moment does not move their median."""

_USUAL = 160.0
"""Tokens per second that a server is taken to read as long as nothing is known of it."""

_SILENCE_S = 2.0
"""A shorter wait for an answer says nothing of how fast its prompt was read."""

_CHARS_PER_TOKEN = 3
"""Source code has about as many: a prompt hardly has more tokens than this tells."""


class Paces:
    """What is known of each server; `clock` gives seconds and only ever goes up."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._prefill: defaultdict[Model, deque[float]] = defaultdict(lambda: deque(maxlen=_REMEMBERED))
        self._silent_s: defaultdict[Model, float] = defaultdict(float)

    def of(self, model: Model) -> Pace:
        """What the server of `model` reads in a second; nothing where that is not known."""
        known = self._prefill.get(model)
        return Pace(median(known)) if known else Pace()

    def listening(self, model: Model, characters: int) -> "Listening":
        """A prompt of so many characters goes out now."""
        return Listening(self, model, characters, self._clock())

    def spoke(self, model: Model, characters: int, since_s: float, prefill: float) -> None:
        """A server began to answer a prompt that went out at `since_s`; `prefill` is its own word, 0 without one."""
        silent_s = self._silent_s.pop(model, 0.0) + self._clock() - since_s
        if prefill:
            self._prefill[model].append(prefill)
        elif silent_s >= _SILENCE_S:
            most = characters / _CHARS_PER_TOKEN / silent_s
            if most < (self.of(model).prefill or _USUAL):
                self._prefill[model].append(most)

    def left(self, model: Model, since_s: float) -> None:
        """Nobody waits any more: what was sent next is answered after what of this prompt was begun is read."""
        self._silent_s[model] += self._clock() - since_s


class Listening:
    """Waits for the first word of one answer."""

    def __init__(self, paces: Paces, model: Model, characters: int, since_s: float) -> None:
        self._paces, self._model = paces, model
        self._characters, self._since_s = characters, since_s
        self._over = False

    def hears(self, prefill: float) -> None:
        """The answer goes on; `prefill` is how fast its prompt was read by the server's own word, 0 without one."""
        if not self._over:
            self._over = True
            self._paces.spoke(self._model, self._characters, self._since_s, prefill)

    def leaves(self) -> None:
        """The stream is over, whether or not anything was heard."""
        if not self._over:
            self._over = True
            self._paces.left(self._model, self._since_s)
