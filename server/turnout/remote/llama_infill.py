"""llama-server's own endpoint for holes, `/infill`: https://github.com/ggml-org/llama.cpp/tree/master/tools/server.

The server knows its model's tokens and tokenizes the text as mere characters, so no text needs to be left out.
Invariant: an answer is complete at the event whose `stop` is true, and not before.
"""

from collections.abc import Mapping

from turnout.core.backends import Finish
from turnout.core.models import Model
from turnout.core.prompts import ToolCall
from turnout.errors import ProtocolViolation
from turnout.remote import payload
from turnout.remote.failures import Peer, in_stream, is_error
from turnout.remote.fill import Fill
from turnout.remote.format import Format
from turnout.remote.reply import Counted, Step
from turnout.remote.sse import Event

FINISH: Mapping[str, Finish] = {"eos": "stop", "word": "stop", "limit": "length"}
"""What ended an answer well: the model, a stop sequence, or the limit of tokens."""


def body(model: Model, fill: Fill, host: str) -> dict[str, object]:
    """The request for one streamed answer."""
    request: dict[str, object] = {
        "model": model.model,
        "input_prefix": fill.hole.prefix,
        "input_suffix": fill.hole.suffix,
        "input_extra": [{"filename": path, "text": text} for path, text in fill.hole.chunks],
        "n_predict": fill.max_tokens,
        "temperature": 0,
        "cache_prompt": True,
        "stream": True,
    }
    if fill.stop:
        request["stop"] = list(fill.stop)
    return request


class InfillInterpreter:
    """Follows pieces of `content` up to the one with `stop`, and counts what was read and written."""

    def __init__(self, peer: Peer) -> None:
        self.finish: Finish | None = None
        self.finished = False
        self.counted = Counted()
        self.calls: tuple[ToolCall, ...] = ()
        self.thoughts: tuple[str, ...] = ()
        self._peer = peer

    def feed(self, event: Event) -> Step:
        """Take one event; see `reply.Interpreter`."""
        document = payload.parse(event.data)
        if event.name == "error" or is_error(document):
            raise in_stream(self._peer, document)
        text = payload.text(document, "content")
        self._count(document)
        if isinstance(document, dict) and document.get("stop") is True:
            self._end(payload.text(document, "stop_type"))
        return Step(text, progress=bool(text) or self.finished)

    def _end(self, reason: str) -> None:
        if reason not in FINISH:
            raise ProtocolViolation(
                f"{self._peer} ended its answer with the unknown reason {self._peer.quote(reason)!r}.",
                advice="Choose another model for this kind of request.",
            )
        self.finish, self.finished = FINISH[reason], True

    def _count(self, document: object) -> None:
        sent, received = (
            payload.count(document, "tokens_evaluated"),
            payload.count(document, "tokens_predicted"),
        )
        cached = payload.count(payload.child(document, "timings"), "cache_n")
        self.counted = Counted(
            self.counted.input if sent is None else sent,
            self.counted.output if received is None else received,
            self.counted.cached if cached is None else cached,
        )


FORMAT = Format(
    base_url="",
    path="/infill",
    key_header="authorization",
    key_prefix="Bearer ",
    body=body,
    interpreter=InfillInterpreter,
)
