"""The seam between a use case and the routes: ask for a kind, get text and a receipt."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from turnout.core.receipts import Receipt, SentFile
from turnout.core.requests import ChatPrompt, Finish, Kind


@dataclass(frozen=True, slots=True)
class Answer:
    """A finished generation and its receipt."""

    text: str
    finish: Finish
    receipt: Receipt


class Asker(Protocol):
    """Sends a chat prompt along the route of its kind, with fallbacks; raises TurnoutError when none answered.

    `files` are the files whose text is in the prompt: path policy is decided on them.
    `on_text` is called with each piece of text as it arrives.
    Cancelling the task cancels the request down to the model.
    """

    async def ask(
        self, kind: Kind, prompt: ChatPrompt, files: tuple[SentFile, ...], on_text: Callable[[str], None]
    ) -> Answer:
        """Run `prompt` on the first candidate that answers."""
        ...
