"""OpenAI Responses: https://platform.openai.com/docs/api-reference/responses-streaming.

Invariant: an answer is complete at `response.completed` or `response.incomplete` and not before; nothing is stored
at the provider, so what a model thought ahead of its calls comes back sealed and goes out again with them.
"""

import json
from collections.abc import Iterator, Mapping

from turnout.core.backends import Finish
from turnout.core.models import Model
from turnout.core.prompts import ChatPrompt, Message, ToolCall
from turnout.errors import BackendError, ProtocolViolation, RequestRejected
from turnout.remote import payload
from turnout.remote.calls import Calls, parameters
from turnout.remote.dialects import DIALECTS, reasons
from turnout.remote.failures import Peer, in_stream, is_error
from turnout.remote.format import Format
from turnout.remote.reply import Counted, Step
from turnout.remote.sse import Event

INCOMPLETE: Mapping[str, Finish] = {"max_output_tokens": "length"}
"""Why an answer may be incomplete and still be one; `content_filter` withholds it."""

_UNSEEN = frozenset(
    {
        "response.function_call_arguments.delta",
        "response.reasoning_summary_text.delta",
        "response.reasoning_text.delta",
    }
)
"""Pieces of output that are no text."""


def body(model: Model, prompt: ChatPrompt, host: str) -> dict[str, object]:
    """The request for one streamed answer; the API has no stop sequences, so those end the answer here."""
    instructions = "\n\n".join(m.content for m in prompt.messages if m.role == "system")
    request: dict[str, object] = {
        "model": model.model,
        "max_output_tokens": prompt.max_tokens,
        "stream": True,
        "store": False,
        "input": [item for m in prompt.messages if m.role != "system" for item in _items(model, m)],
    }
    if instructions:
        request["instructions"] = instructions
    if not reasons(model.model):
        request["temperature"] = prompt.temperature
    if prompt.tools:
        request["tools"] = [
            {
                "type": "function",
                "name": tool.name,
                "description": tool.description,
                "parameters": parameters(tool.parameters),
                "strict": False,
            }
            for tool in prompt.tools
        ]
        if prompt.must_call:
            request["tool_choice"] = "required"
        if reasons(model.model):
            request["include"] = ["reasoning.encrypted_content"]
    return request


def _items(model: Model, message: Message) -> Iterator[object]:
    """One turn as the items that the API makes of it."""
    if message.role == "tool":
        yield {"type": "function_call_output", "call_id": message.call_id, "output": message.content}
        return
    for thought in message.thoughts:
        if thought.is_of(model):
            yield json.loads(thought.data)
    if message.content or not message.calls:
        yield _spoken(message)
    for call in message.calls:
        yield {
            "type": "function_call",
            "call_id": call.id,
            "name": call.name,
            "arguments": call.arguments,
        }


def _spoken(message: Message) -> Mapping[str, object]:
    kind = "output_text" if message.role == "assistant" else "input_text"
    content = [{"type": kind, "text": message.content}]
    return {"type": "message", "role": message.role, "content": content}


class ResponsesInterpreter:
    """Follows the deltas of text and calls up to the event that ends the response."""

    def __init__(self, peer: Peer) -> None:
        self.finish: Finish | None = None
        self.finished = False
        self.counted = Counted()
        self.calls: tuple[ToolCall, ...] = ()
        self._peer = peer
        self._calls = Calls(peer)
        self._begun = self._called = 0
        self._thoughts: list[str] = []
        self._spoken: set[tuple[object, object]] = set()
        self._refusal = ""

    @property
    def thoughts(self) -> tuple[str, ...]:
        """The items of reasoning, as they came."""
        return tuple(self._thoughts)

    def feed(self, event: Event) -> Step:
        """Take one event; see `reply.Interpreter`."""
        if event.data.strip() == "[DONE]":
            self.finished = True
            return Step()
        document = payload.parse(event.data)
        if event.name == "error" or is_error(document):
            raise in_stream(self._peer, document)
        kind = payload.text(document, "type") or event.name
        match kind:
            case "response.output_text.delta" | "response.output_text.done":
                return self._text(document)
            case "response.refusal.delta":
                self._refusal += payload.text(document, "delta")
            case "response.output_item.added" | "response.output_item.done":
                return self._item(document, whole=kind.endswith("done"))
            case "response.completed" | "response.incomplete" | "response.failed" | "response.cancelled":
                self._end(payload.child(document, "response"), kind.rpartition(".")[2])
                return Step(progress=True)
        unseen = len(payload.text(document, "delta")) if kind in _UNSEEN else 0
        return Step(progress=bool(unseen), unseen=unseen)

    def _text(self, document: object) -> Step:
        part = payload.count(document, "output_index"), payload.count(document, "content_index")
        text = payload.text(document, "delta")
        if not text and part not in self._spoken:
            # A server that does not stream sends the whole part at once.
            text = payload.text(document, "text")
        if text:
            self._spoken.add(part)
        return Step(text, progress=bool(text))

    def _item(self, document: object, *, whole: bool) -> Step:
        item = payload.child(document, "item")
        kind = payload.text(item, "type")
        if kind == "function_call" and whole:
            # Whole items only: servers number and name the pieces of a call each in their own way.
            self._called += 1
            self._calls.add(
                self._called,
                id=payload.text(item, "call_id") or payload.text(item, "id"),
                name=payload.text(item, "name"),
                arguments=payload.text(item, "arguments"),
            )
        elif kind == "function_call":
            self._begun += 1
        elif kind == "reasoning" and whole:
            self._thoughts.append(json.dumps(item))
        return Step(progress=kind in ("function_call", "reasoning"))

    def _end(self, response: Mapping[str, object], how: str) -> None:
        self._count(payload.child(response, "usage"))
        if how == "failed":
            raise in_stream(self._peer, response)
        self._refusal = self._refusal or _refusal(response)
        reason = payload.text(payload.child(response, "incomplete_details"), "reason")
        if self._refusal or reason == "content_filter":
            raise self._declined()
        if how == "cancelled" or (how == "incomplete" and reason not in INCOMPLETE):
            said = self._peer.quote(reason) or how
            raise ProtocolViolation(
                f"{self._peer} ended its answer with the unknown reason {said!r}.",
                advice="Choose another model for this kind of request.",
            )
        finish = INCOMPLETE[reason] if how == "incomplete" else "stop"
        self.calls = self._calls.close(finish, begun=self._begun)
        self.finish, self.finished = finish, True

    def _declined(self) -> BackendError:
        said = f": {self._peer.quote(self._refusal)}" if self._refusal else " (content filter)"
        return RequestRejected(
            f"{self._peer} declined to answer this request{said}".rstrip(".") + ".",
            advice="Word it differently, or choose another model for this kind of request.",
        )

    def _count(self, usage: Mapping[str, object]) -> None:
        if usage:
            details = payload.child(usage, "input_tokens_details")
            self.counted = Counted(
                payload.count(usage, "input_tokens"),
                payload.count(usage, "output_tokens"),
                payload.count(details, "cached_tokens") or 0,
                payload.count(details, "cache_write_tokens") or 0,
                cost_usd=payload.amount(usage, "cost") if DIALECTS[self._peer.server].costs else None,
            )


def _refusal(response: Mapping[str, object]) -> str:
    """The words of a refusal that stands in a whole response only."""
    parts = [
        part for item in payload.children(response, "output") for part in payload.children(item, "content")
    ]
    return "".join(payload.text(part, "refusal") for part in parts if payload.text(part, "type") == "refusal")


FORMAT = Format(
    base_url="https://api.openai.com/v1",
    path="/responses",
    key_header="authorization",
    key_prefix="Bearer ",
    body=body,
    interpreter=ResponsesInterpreter,
    tells_limit=False,  # llama-server says `completed` of both
)
