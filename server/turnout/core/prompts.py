"""What a model is asked: a hole to fill, or a conversation whose next turn is wanted.

Invariant: nothing here does I/O, and every value is frozen.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from turnout.core.fim.layout import Window
from turnout.core.models import Api, Model


@dataclass(frozen=True, slots=True)
class ContextChunk:
    """Text from another place shown to the model; `source` says why it was chosen, `path` is workspace-relative."""

    path: str
    text: str
    source: str


@dataclass(frozen=True, slots=True)
class FimPrompt:
    """A hole to fill; tokens, layout and healing are the worker's business.

    `document` identifies the text across requests, so that its key/value cache is found again.
    `shape` is how much is wanted: one `line`, or a `block` that may span several.
    `kind` decides who goes first where several wait for one engine; for what is asked `ahead` nobody waits.
    `window` is how much of each part a model on this machine is to read, None for its engine's own measure. `plain`
    asks for the usual order of prefix, suffix, middle in place of the one that was found to be better.
    """

    document: str
    path: str
    prefix: str
    suffix: str
    context: tuple[ContextChunk, ...] = ()
    shape: Literal["line", "block"] = "line"
    max_tokens: int = 64
    kind: Literal["inline", "popup", "ahead"] = "inline"
    window: Window | None = None
    plain: bool = False


@dataclass(frozen=True, slots=True)
class Tool:
    """A function that a model may ask for; `parameters` is the JSON Schema of its arguments, as text."""

    name: str
    description: str
    parameters: str


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A function that a model asks for; `arguments` is a JSON object, as text.

    `seal` is what its API wants to have back with the call: JSON in its own form, empty for most. `garbled` is what
    came in the place of arguments where that is no JSON object; they are an empty one then.
    """

    id: str
    name: str
    arguments: str
    seal: str = ""
    garbled: str = ""


@dataclass(frozen=True, slots=True)
class Thought:
    """What a model thought ahead of its tool calls: JSON in the form of `api`, for that very model to read again.

    It may quote all that the model was shown, so it goes to no other: `name` is the entry of the settings and
    `base_url` its endpoint, since one `model` may be served in two places.
    """

    name: str
    base_url: str | None
    leaves_machine: bool
    api: Api
    model: str
    data: str

    @classmethod
    def of(cls, model: Model, data: str) -> "Thought":
        """A thought of `model`."""
        return cls(model.name, model.base_url, model.leaves_machine, model.api, model.model, data)

    def is_of(self, model: Model) -> bool:
        """Whether `model` thought it, at the endpoint that it has now."""
        return self == Thought.of(model, self.data)


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a chat.

    An assistant's turn may hold `calls`, and the `thoughts` that led to them; a tool's turn answers the call `call_id`.
    """

    role: Literal["system", "user", "assistant", "tool"]
    content: str
    calls: tuple[ToolCall, ...] = ()
    thoughts: tuple[Thought, ...] = ()
    call_id: str = ""


@dataclass(frozen=True, slots=True)
class ChatPrompt:
    """A conversation whose next turn is wanted; `document` as in `FimPrompt`, for cache reuse.

    `must_call` asks for a call of one of `tools`, where the model's API can be asked for that.
    `tags` say to a gateway what it is spent on; no other model hears them.
    `edits` is for the receipt: the form of the edits that it asks for, and why that one.
    `may_have` says whether a model may have what is quoted of files that are none of the request's; it is asked right
    before every send, since settings may have changed after the prompt was rendered.
    """

    messages: tuple[Message, ...]
    max_tokens: int = 2048
    temperature: float = 0.0
    stop: tuple[str, ...] = ()
    document: str = ""
    tools: tuple[Tool, ...] = ()
    must_call: bool = False
    tags: tuple[str, ...] = ()
    edits: str = ""
    may_have: Callable[[Model], Awaitable[bool]] | None = field(default=None, compare=False, repr=False)


Prompt: TypeAlias = FimPrompt | ChatPrompt
