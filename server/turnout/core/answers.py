"""The seam between a use case and the routes: ask for a kind, get text and a receipt."""

from asyncio import CancelledError
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol, TypeAlias

from turnout.core.backends import Finish
from turnout.core.models import Model
from turnout.core.prompts import ChatPrompt, Prompt, Thought, ToolCall
from turnout.core.receipts import Receipt, SentFile
from turnout.core.requests import Kind
from turnout.errors import TurnoutError


@dataclass(frozen=True, slots=True)
class Answer:
    """A finished generation, its receipt, the model that gave it, and the tools that it asks for."""

    text: str
    finish: Finish
    receipt: Receipt
    model: Model
    calls: tuple[ToolCall, ...] = ()
    thoughts: tuple[Thought, ...] = ()
    """What the model wants to have back with the answers of its tools."""


def with_receipt(ended: TurnoutError | CancelledError, receipt: Receipt) -> None:
    """Have `ended`, with which a request ended, tell its receipt: who cancels one has paid for what it came to."""
    vars(ended)["receipt"] = receipt


def receipt_of(ended: TurnoutError | CancelledError) -> Receipt | None:
    """The receipt of the request that ended with `ended`, where its text got to a model."""
    receipt = vars(ended).get("receipt")
    return receipt if isinstance(receipt, Receipt) and receipt.bytes_sent else None


PromptFor: TypeAlias = Callable[[Model], ChatPrompt]
"""Renders the prompt for the candidate that is about to be asked: models differ in the reply format they can keep to.

Raises RequestRejected where the candidate cannot take the request (too little context); the next candidate may.
"""


def tagged(prompt: Prompt, kind: Kind) -> Prompt:
    """`prompt` with what a gateway is told of its purpose, so that spend can be seen by kind there too."""
    return replace(prompt, tags=(f"kind:{kind}",)) if isinstance(prompt, ChatPrompt) else prompt


@dataclass(frozen=True, slots=True)
class Ask:
    """One request; `prompt` renders it for whichever candidate is tried.

    `on_text` sees text as it arrives and may return True to end the generation there.
    `on_waiting` hears why nothing comes yet.
    `on_restart` hears that another model begins anew, so that the text until then is void; None says that it cannot be
    taken back, and the request fails instead.
    `outcome` names what became of the whole text, for the receipt.
    `instruction` is what the user said, for the estimate of its tier.
    `received` and `context_ms` are for the receipt: when the request came, and what gathering its context took.
    """

    kind: Kind
    files: tuple[SentFile, ...]
    prompt: Callable[[Model], Prompt]
    on_text: Callable[[str], bool | None] = lambda _text: None
    outcome: Callable[[str], str] = lambda text: "answered" if text else "empty"
    input_tokens: int = 0
    received: float | None = None
    context_ms: float | None = None
    on_waiting: Callable[[str], None] = lambda _reason: None
    on_restart: Callable[[], None] | None = lambda: None
    instruction: str = ""


SUPERSEDED = "superseded"
"""Message with which the task of a request is cancelled that a newer one takes the place of, for its receipt."""


class Runner(Protocol):
    """Runs a request along its route and keeps its receipt; raises TurnoutError when no candidate answered.

    Cancelling the task cancels the request down to the model.
    """

    async def run(self, ask: Ask) -> Answer:
        """Run `ask` on the first candidate that answers."""
        ...


class Asker(Protocol):
    """Sends a chat prompt along the route of its kind, with fallbacks; raises TurnoutError when none answered.

    `prompt` is called once for every candidate that is tried.
    `files` are the files whose text is in the prompt: path policy is decided on them.
    `on_text` is called with each piece of text as it arrives.
    Cancelling the task cancels the request down to the model.
    """

    async def ask(
        self, kind: Kind, prompt: PromptFor, files: tuple[SentFile, ...], on_text: Callable[[str], None]
    ) -> Answer:
        """Run `prompt` on the first candidate that answers."""
        ...
