"""Whose text reaches the one who asked, where several models are asked for the same.

Invariant: a listener hears one answer from its beginning; before another one begins it is told to forget the first.
"""

from collections.abc import Callable
from dataclasses import dataclass

from turnout.core.answers import Ask
from turnout.dispatch.attempt import Try


class Outrun(Exception):
    """Another model was faster; the text of this one is not wanted."""


class NotBeside(Outrun):
    """It may only be asked after the others, because its user would have to be asked about it."""


@dataclass(slots=True)
class Floor:
    """Belongs to whichever model speaks first, until it leaves; `on_taken` hears when that happens."""

    ask: Ask
    holder: Try | None = None
    heard: bool = False
    """Whether text reached the listener that is not part of the holder's answer."""
    on_taken: Callable[[], None] = lambda: None

    @property
    def lost(self) -> bool:
        """Whether what was heard cannot be taken back, so that no other model can begin."""
        return self.heard and self.ask.on_restart is None

    def take(self, tried: Try) -> None:
        """`tried` has something to say, or is done without a word; raises Outrun where another one was faster."""
        if self.holder is None and not self.lost:
            self.holder = tried
            if self.heard and self.ask.on_restart is not None:
                self.ask.on_restart()
            self.heard = False
            self.on_taken()
        if self.holder is not tried:
            raise Outrun

    def say(self, tried: Try, text: str) -> bool:
        """Pass on text of `tried`; True where no more is wanted. Raises Outrun as `take` does."""
        self.take(tried)
        return bool(self.ask.on_text(text))

    def waits(self, tried: Try) -> None:
        """Pass on what `tried` waits for, unless another one is speaking."""
        if self.holder in (None, tried):
            self.ask.on_waiting(tried.waiting)

    def leave(self, tried: Try) -> None:
        """`tried` will say no more."""
        if self.holder is tried:
            self.holder, self.heard = None, bool(tried.pieces)
