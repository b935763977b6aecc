"""A prompt in the wire format of its model: where it goes, what is sent, and how the answer is read.

Invariant: a prompt goes only to an API that takes its kind; a chat is never made of a hole, nor a hole of a chat.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from turnout.core.models import Api, Model
from turnout.core.prompts import ChatPrompt, FimPrompt, Prompt
from turnout.errors import RequestRejected
from turnout.remote import anthropic, completions, llama_infill, mistral_fim, openai_chat, openai_responses
from turnout.remote.begun import Begun
from turnout.remote.endpoints import Endpoint, endpoint
from turnout.remote.fill import Fill, Typesetter, fill, fill_without_marks
from turnout.remote.format import Format

CHAT: Mapping[Api, Format[ChatPrompt]] = MappingProxyType(
    {
        "anthropic": anthropic.FORMAT,
        "openai-responses": openai_responses.FORMAT,
        "openai-chat": openai_chat.FORMAT,
    }
)

HOLES: Mapping[Api, tuple[Format[Fill], Callable[[Model, FimPrompt], Fill]]] = MappingProxyType(
    {"mistral-fim": (mistral_fim.FORMAT, fill_without_marks), "llama-infill": (llama_infill.FORMAT, fill)}
)
"""APIs that describe a hole to their model themselves, and what they are given."""

APIS: frozenset[Api] = frozenset({*CHAT, *HOLES, "completions"})


@dataclass(frozen=True, slots=True)
class Written:
    """One request, ready to be sent; `forced`, `stop` and `known` are for `fill.Cut`, most others for `reply.Reply`."""

    wire: Format[Any]
    target: Endpoint
    body: Mapping[str, object]
    prompt_characters: int
    forced: str = ""
    stop: tuple[str, ...] = ()
    tools: frozenset[str] = frozenset()
    limit: int | None = None
    most: int = 0
    """Tokens that the model may generate."""
    known: str = ""
    begun: Begun = field(default_factory=Begun)
    """Takes what the model writes, for the next prompt to go on from."""

    def encoded(self) -> bytes:
        """The body as it is sent."""
        # An editor may hold half of a surrogate pair, which UTF-8 cannot carry.
        return json.dumps(self.body, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


class Writer:
    """Writes requests; it remembers how the documents were laid out, so that prompts of one begin alike."""

    def __init__(self, typesetter: Typesetter | None = None) -> None:
        self._typesetter = typesetter or Typesetter()

    def write(self, model: Model, prompt: Prompt) -> Written:
        """`prompt` for `model`; raises RequestRejected where its API or its settings cannot take it."""
        if model.api not in APIS:
            raise RequestRejected(f"{model.name} is not a remote model.")
        return _chat(model, prompt) if isinstance(prompt, ChatPrompt) else self._hole(model, prompt)

    def foresee(self, model: Model, prompt: Prompt) -> Written:
        """What `write` would write now, without a trace of it in what is remembered."""
        return Writer(self._typesetter.twin()).write(model, prompt)

    def _hole(self, model: Model, prompt: FimPrompt) -> Written:
        if model.api == "completions":
            target = endpoint(model, completions.FORMAT)
            laid_out = self._typesetter.lay_out(model, prompt)
            body = completions.body(model, laid_out, target.host)
            return Written(
                completions.FORMAT,
                target,
                body,
                laid_out.characters,
                laid_out.forced,
                laid_out.stop,
                most=laid_out.max_tokens,
                known=laid_out.known,
                begun=laid_out.begun,
            )
        if model.api not in HOLES:
            raise RequestRejected(
                f"{model.name} cannot complete at the cursor: its API (`{model.api}`) has no fill-in-the-middle.",
                advice="Name a local model in [routes.inline] and [routes.popup].",
            )
        wire, prepare = HOLES[model.api]
        target, filled = endpoint(model, wire), prepare(model, prompt)
        return Written(
            wire,
            target,
            wire.body(model, filled, target.host),
            filled.characters,
            "",
            filled.stop,
            most=filled.max_tokens,
        )


def _chat(model: Model, prompt: ChatPrompt) -> Written:
    if model.api not in CHAT:
        raise RequestRejected(
            f"{model.name} cannot answer this: its API (`{model.api}`) only completes at the cursor.",
            advice="Name it in [routes.inline] and [routes.popup] only.",
        )
    wire = CHAT[model.api]
    target = endpoint(model, wire)
    return Written(
        wire,
        target,
        wire.body(model, prompt, target.host),
        chat_characters(prompt),
        # Not every API takes every stop sequence, and here they all hold.
        stop=prompt.stop,
        tools=frozenset(tool.name for tool in prompt.tools),
        limit=None if wire.tells_limit else prompt.max_tokens,
        most=prompt.max_tokens,
    )


def chat_characters(prompt: ChatPrompt) -> int:
    """Characters of the prompt, its tools among them."""
    spoken = sum(len(m.content) + sum(len(c.arguments) for c in m.calls) for m in prompt.messages)
    return spoken + sum(len(t.description) + len(t.parameters) for t in prompt.tools)
