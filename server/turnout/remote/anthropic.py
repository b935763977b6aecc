"""Anthropic Messages: https://docs.anthropic.com/en/api/messages-streaming.

Invariant: an answer is complete at `message_stop` and not before; an unknown event is skipped, as the format asks.
"""

from collections.abc import Mapping

from turnout.core.requests import ChatPrompt, Finish, Model
from turnout.errors import ProtocolViolation, RequestRejected
from turnout.remote import payload
from turnout.remote.failures import Peer, in_stream, is_error
from turnout.remote.format import Format
from turnout.remote.reply import Counted, Step
from turnout.remote.sse import Event

FINISH: Mapping[str, Finish] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
}
"""Stop reasons that end an answer well; `refusal` does not, and the others need tools that are never offered."""

_INPUT = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
"""The parts of a prompt; the first leaves out what was read from or written to the cache."""


def body(model: Model, prompt: ChatPrompt, host: str) -> dict[str, object]:
    """The request for one streamed answer."""
    system = "\n\n".join(m.content for m in prompt.messages if m.role == "system")
    request: dict[str, object] = {
        "model": model.model,
        "max_tokens": prompt.max_tokens,
        "stream": True,
        "messages": [{"role": m.role, "content": m.content} for m in prompt.messages if m.role != "system"],
    }
    if system:
        request["system"] = system
    # The API has no sampling parameters for Claude any more; other models behind this format need them.
    if "claude" not in model.model:
        request["temperature"] = prompt.temperature
    # The API refuses a stop sequence of white space alone.
    stop = [sequence for sequence in prompt.stop if sequence.strip()]
    if stop:
        request["stop_sequences"] = stop
    return request


class MessagesInterpreter:
    """Follows `message_start`, content blocks, `message_delta` and `message_stop`."""

    def __init__(self, peer: Peer) -> None:
        self.finish: Finish | None = None
        self.finished = False
        self.counted = Counted()
        self._peer = peer
        self._stop: Finish | None = None
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
                return _output(payload.child(document, "content_block"))
            case "content_block_delta":
                return _output(payload.child(document, "delta"))
            case "message_delta":
                return self._message_delta(document)
            case "message_stop":
                self.finish, self.finished = self._stop, True
                return Step(progress=True)
        return Step()

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
        self._stop = FINISH.get(reason, self._stop)
        return Step(progress=bool(reason))

    def _count(self, usage: Mapping[str, object], names: tuple[str, ...]) -> None:
        """Take the cumulative figures under `names`; what is absent keeps its earlier value."""
        told = {name: payload.count(usage, name) for name in names}
        self._usage |= {name: value for name, value in told.items() if value is not None}
        self.counted = Counted(
            input=sum(self._usage.get(name, 0) for name in _INPUT) if "input_tokens" in self._usage else None,
            output=self._usage.get("output_tokens"),
            cached=self._usage.get("cache_read_input_tokens", 0),
        )


def _output(part: Mapping[str, object]) -> Step:
    """Text of a block or delta; thinking and the arguments of tools are progress without text."""
    text = payload.text(part, "text")
    return Step(text, progress=bool(text or part.get("thinking") or part.get("partial_json")))


FORMAT = Format(
    base_url="https://api.anthropic.com",
    path="/v1/messages",
    key_header="x-api-key",
    headers=(("anthropic-version", "2023-06-01"),),
    body=body,
    interpreter=MessagesInterpreter,
)
