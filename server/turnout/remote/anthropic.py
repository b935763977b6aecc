"""Anthropic Messages: https://docs.anthropic.com/en/api/messages-streaming.

What of a prompt comes again in later ones is marked to be kept in the API's prompt cache.
Invariant: an answer is complete at `message_stop` and not before; an unknown event is skipped, as the format asks.
"""

import json
from collections.abc import Mapping, Sequence
from itertools import groupby

from turnout.core.backends import Finish
from turnout.core.models import Model
from turnout.core.prompts import ChatPrompt, Message, ToolCall
from turnout.errors import ProtocolViolation, RequestRejected
from turnout.remote import payload
from turnout.remote.calls import Calls, parameters
from turnout.remote.failures import Peer, in_stream, is_error
from turnout.remote.format import Format
from turnout.remote.reply import Counted, Step
from turnout.remote.sse import Event
from turnout.remote.thoughts import Part

FINISH: Mapping[str, Finish] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "tool_use": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
}
"""Stop reasons that end an answer well; `refusal` does not, and `pause_turn` is of tools that the API itself runs."""

_INPUT = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
"""The parts of a prompt; the first leaves out what was read from or written to the cache."""


_MARK: Mapping[str, object] = {"cache_control": {"type": "ephemeral"}}
"""Everything up to here is kept in the cache for some minutes; too short a prompt is not, and costs no more."""


def body(model: Model, prompt: ChatPrompt, host: str) -> dict[str, object]:
    """The request for one streamed answer."""
    system = "\n\n".join(m.content for m in prompt.messages if m.role == "system")
    request: dict[str, object] = {
        "model": model.model,
        "max_tokens": prompt.max_tokens,
        "stream": True,
        "messages": _turns(model, prompt),
    }
    if system:
        # Tools come before it, so that its mark is also theirs.
        request["system"] = [{"type": "text", "text": system, **_MARK}]
    # The API has no sampling parameters for Claude any more; other models behind this format need them.
    if "claude" not in model.model:
        request["temperature"] = min(prompt.temperature, 1.0)
    # The API refuses a stop sequence of white space alone; that one ends the answer here, see `fill.Cut`.
    stop = [sequence for sequence in prompt.stop if sequence.strip()]
    if stop:
        request["stop_sequences"] = stop
    if prompt.tools:
        request["tools"] = [
            {"name": tool.name, "description": tool.description, "input_schema": parameters(tool.parameters)}
            for tool in prompt.tools
        ]
        if prompt.must_call:
            request["tool_choice"] = {"type": "any"}
    return request


def _turns(model: Model, prompt: ChatPrompt) -> list[dict[str, object]]:
    """The conversation; the results of tools that were called together have to be in one turn of the user."""
    spoken = [message for message in prompt.messages if message.role != "system"]
    turns: list[dict[str, object]] = []
    for results, group in groupby(spoken, lambda message: message.role == "tool"):
        if results:
            turns.append({"role": "user", "content": [_result(message) for message in group]})
        else:
            turns += [_turn(model, message) for message in group]
    if prompt.tools and turns:
        # With tools there is a next turn, which begins with all of this.
        turns[-1]["content"] = _marked(turns[-1]["content"])
    return turns


def _turn(model: Model, message: Message) -> dict[str, object]:
    if not message.calls:
        return {"role": message.role, "content": message.content}
    blocks: list[object] = [json.loads(thought.data) for thought in message.thoughts if thought.is_of(model)]
    if message.content:
        blocks.append({"type": "text", "text": message.content})
    blocks += [
        {"type": "tool_use", "id": call.id, "name": call.name, "input": json.loads(call.arguments)}
        for call in message.calls
    ]
    return {"role": message.role, "content": blocks}


def _result(message: Message) -> dict[str, object]:
    return {"type": "tool_result", "tool_use_id": message.call_id, "content": message.content}


def _marked(content: object) -> Sequence[object]:
    blocks = content if isinstance(content, list) else [{"type": "text", "text": content}]
    return [*blocks[:-1], {**blocks[-1], **_MARK}]


class MessagesInterpreter:
    """Follows `message_start`, content blocks, `message_delta` and `message_stop`."""

    def __init__(self, peer: Peer) -> None:
        self.finish: Finish | None = None
        self.finished = False
        self.counted = Counted()
        self.calls: tuple[ToolCall, ...] = ()
        self._peer = peer
        self._calls = Calls(peer)
        self._thoughts: dict[int, Part] = {}
        self._reason = ""
        self._usage: dict[str, int] = {}

    def feed(self, event: Event) -> Step:
        """Take one event; see `reply.Interpreter`."""
        document = payload.parse(event.data)
        if event.name == "error" or is_error(document):
            raise in_stream(self._peer, document)
        match payload.text(document, "type") or event.name:
            case "message_start":
                # Its `output_tokens` is a placeholder.
                self._count(payload.child(payload.child(document, "message"), "usage"), _INPUT)
            case "content_block_start":
                return self._start(_index(document), payload.child(document, "content_block"))
            case "content_block_delta":
                return self._grow(_index(document), payload.child(document, "delta"))
            case "message_delta":
                return self._message_delta(document)
            case "message_stop":
                self._end()
                return Step(progress=True)
        return Step()

    @property
    def thoughts(self) -> tuple[str, ...]:
        """The blocks of thinking, which the API wants to have back in front of the calls they led to."""
        return tuple(json.dumps(block.whole()) for block in self._thoughts.values())

    def _start(self, index: int, block: Mapping[str, object]) -> Step:
        match payload.text(block, "type"):
            case "tool_use":
                self._calls.add(index, id=payload.text(block, "id"), name=payload.text(block, "name"))
                return Step(progress=True)
            case "thinking" | "redacted_thinking":
                self._thoughts[index] = Part(block)
                return Step(progress=True)
        text = payload.text(block, "text")
        return Step(text, progress=bool(text))

    def _grow(self, index: int, delta: Mapping[str, object]) -> Step:
        text, thought = payload.text(delta, "text"), payload.text(delta, "thinking")
        arguments = payload.text(delta, "partial_json")
        if arguments:
            self._calls.add(index, arguments=arguments)
        for key, piece in (("thinking", thought), ("signature", payload.text(delta, "signature"))):
            block = self._thoughts.get(index)
            if piece and block is not None:
                block.grow(key, piece)
        unseen = len(thought) + len(arguments)
        return Step(text, progress=bool(text or unseen), unseen=unseen)

    def _end(self) -> None:
        if self._reason:
            finish = FINISH[self._reason]
            self.calls = self._calls.close(finish, self._reason if self._reason == "tool_use" else "")
            self.finish = finish
        self.finished = True

    def _message_delta(self, document: object) -> Step:
        self._count(payload.child(document, "usage"), (*_INPUT, "output_tokens"))
        reason = payload.text(payload.child(document, "delta"), "stop_reason")
        if reason == "refusal":
            raise RequestRejected(
                f"{self._peer} declined to answer this request.",
                advice="Word it differently, or choose another model for this kind of request.",
            )
        if reason and reason not in FINISH:
            raise ProtocolViolation(
                f"{self._peer} ended its answer with the unknown reason {self._peer.quote(reason)!r}.",
                advice="Choose another model for this kind of request.",
            )
        self._reason = reason or self._reason
        return Step(progress=bool(reason))

    def _count(self, usage: Mapping[str, object], names: tuple[str, ...]) -> None:
        """Take the cumulative figures under `names`; what is absent keeps its earlier value."""
        told = {name: payload.count(usage, name) for name in names}
        self._usage |= {name: value for name, value in told.items() if value is not None}
        self.counted = Counted(
            input=sum(self._usage.get(name, 0) for name in _INPUT) if "input_tokens" in self._usage else None,
            output=self._usage.get("output_tokens"),
            cached=self._usage.get("cache_read_input_tokens", 0),
            written=self._usage.get("cache_creation_input_tokens", 0),
        )


def _index(document: object) -> int:
    return payload.count(document, "index") or 0


FORMAT = Format(
    base_url="https://api.anthropic.com",
    path="/v1/messages",
    key_header="x-api-key",
    headers=(("anthropic-version", "2023-06-01"),),
    body=body,
    interpreter=MessagesInterpreter,
)
