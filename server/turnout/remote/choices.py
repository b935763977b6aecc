"""The chunks of OpenAI Chat Completions and of raw completions, in every form that compatible servers send.

Invariant: an answer is complete once its choice has a `finish_reason`; `[DONE]` alone does not make it so,
because gateways append one to streams that broke upstream.
Usage follows in a last chunk with or without choices, so reading goes on until `[DONE]` or the end.
"""

import json
from collections.abc import Mapping
from dataclasses import replace

from turnout.core.backends import Finish
from turnout.core.prompts import ToolCall
from turnout.errors import BackendError, Overloaded, ProtocolViolation, RequestRejected
from turnout.remote import payload
from turnout.remote.calls import Calls
from turnout.remote.dialects import DIALECTS
from turnout.remote.failures import Peer, in_stream, is_error
from turnout.remote.reply import Counted, Step
from turnout.remote.sse import Event
from turnout.remote.thoughts import Thoughts

FINISH: Mapping[str, Finish] = {
    "stop": "stop",
    "eos": "stop",  # Together
    "tool_calls": "stop",
    "function_call": "stop",
    "length": "length",
    "model_length": "length",  # Mistral
    "model_context_window_exceeded": "length",  # GLM
}
"""Reasons that end an answer well."""

CALLING = frozenset({"tool_calls", "function_call"})
"""Reasons that promise a call; where there is one, some servers say `stop` all the same."""

FILTERED = frozenset({"content_filter", "sensitive"})
"""The answer was withheld; the second is GLM's."""

FAILED = frozenset({"network_error", "insufficient_system_resource", "error", "abort"})
"""The server gave up: GLM's, DeepSeek's, OpenRouter's and vLLM's words for it."""

_TELLING_TOKENS = 48
"""Fewer are read before the speed shows."""

CACHED = ("cached_tokens", "prompt_cache_hit_tokens", "cache_read_input_tokens")
"""What was read from the prompt cache: OpenAI's and Kimi's, DeepSeek's, LiteLLM's words for it."""

WRITTEN = ("cache_creation_input_tokens", "cache_creation_tokens", "cache_write_tokens")
"""What was written to it: LiteLLM's two and OpenRouter's words for it."""


class ChoiceInterpreter:
    """Follows the chunks of the first choice, of a chat or of raw completions."""

    def __init__(self, peer: Peer) -> None:
        self.finish: Finish | None = None
        self.finished = False
        self.counted = Counted()
        self.calls: tuple[ToolCall, ...] = ()
        self._peer = peer
        self._told_cost = DIALECTS[peer.server].costs
        self._refusal = ""
        self._calls = Calls(peer)
        self._thoughts = Thoughts()

    @property
    def thoughts(self) -> tuple[str, ...]:
        """What the model thought, as one JSON object of the fields it came in."""
        whole = self._thoughts.whole()
        return (whole,) if whole else ()

    def feed(self, event: Event) -> Step:
        """Take one event; see `reply.Interpreter`."""
        if event.data.strip() == "[DONE]":
            self.finished = True
            return Step(progress=True)
        document = payload.parse(event.data)
        if event.name == "error" or is_error(document):
            raise in_stream(self._peer, document)
        self._count(document)
        self._time(document)
        steps = [
            self._choice(c) for c in payload.children(document, "choices") if not payload.count(c, "index")
        ]
        return Step(
            "".join(step.text for step in steps),
            progress=any(step.progress for step in steps),
            unseen=sum(step.unseen for step in steps),
        )

    def _choice(self, choice: object) -> Step:
        self._count(choice)
        delta = payload.child(choice, "delta")
        text, thought = _content(delta)
        # A raw completion has its text in the choice itself.
        text += payload.text(choice, "text")
        unseen = thought + self._thoughts.add(delta) + self._take_calls(delta)
        self._refusal += payload.text(delta, "refusal")
        reason = payload.text(choice, "finish_reason")
        if reason:
            self._finish(reason)
        return Step(text, progress=bool(text or unseen or reason), unseen=unseen)

    def _take_calls(self, delta: Mapping[str, object]) -> int:
        """Take pieces of tool calls; gives the number of characters in them."""
        size = 0
        for piece in payload.children(delta, "tool_calls"):
            call_id, function = payload.text(piece, "id"), payload.child(piece, "function")
            # Gemini sends no number, because its calls come in one piece.
            number = payload.count(piece, "index")
            seal = payload.child(piece, "extra_content")
            name, arguments = payload.text(function, "name"), payload.text(function, "arguments")
            self._calls.add(
                self._calls.next_key(call_id) if number is None else number,
                id=call_id,
                name=name,
                arguments=arguments,
                seal=json.dumps(seal) if seal else "",
            )
            size += len(name) + len(arguments)
        return size

    def _finish(self, reason: str) -> None:
        if reason in FILTERED or self._refusal:
            raise self._declined()
        if reason in FAILED:
            raise Overloaded(
                f"{self._peer} gave up in the middle of its answer ({reason}).",
                advice="Try again; the answer was not used.",
            )
        if reason not in FINISH:
            raise ProtocolViolation(
                f"{self._peer} ended its answer with the unknown reason {self._peer.quote(reason)!r}.",
                advice="Choose another model for this kind of request.",
            )
        self.finish = FINISH[reason]
        self.calls = self._calls.close(self.finish, reason if reason in CALLING else "")

    def _declined(self) -> BackendError:
        said = f": {self._peer.quote(self._refusal)}" if self._refusal else " (content filter)"
        return RequestRejected(
            f"{self._peer} declined to answer this request{said}".rstrip(".") + ".",
            advice="Word it differently, or choose another model for this kind of request.",
        )

    def _count(self, holder: object) -> None:
        """Take the usage of a chunk, or of a choice, where Kimi puts it; what is not repeated stays."""
        usage = payload.child(holder, "usage")
        if not usage:
            return
        places = (payload.child(usage, "prompt_tokens_details"), usage)
        cached = _first_count(places, CACHED)
        written = _first_count(places, WRITTEN)
        sent, received = payload.count(usage, "prompt_tokens"), payload.count(usage, "completion_tokens")
        total = payload.count(usage, "total_tokens")
        if sent is not None and received is not None and total is not None:
            # Gemini and xAI leave what their models thought out of one count and put it into the other: it costs, too.
            received = max(received, total - sent)
        self.counted = Counted(
            sent,
            received,
            self.counted.cached if cached is None else cached,
            self.counted.written if written is None else written,
            payload.amount(usage, "cost") if self._told_cost else None,
            self.counted.prefill,
        )

    def _time(self, document: object) -> None:
        """Take how fast a llama-server reads; what comes from its cache is not among the tokens it read."""
        timings = payload.child(document, "timings")
        tokens, took_ms = payload.count(timings, "prompt_n") or 0, payload.amount(timings, "prompt_ms") or 0.0
        if tokens >= _TELLING_TOKENS and took_ms > 0:
            self.counted = replace(self.counted, prefill=tokens / took_ms * 1000)


def _content(delta: Mapping[str, object]) -> tuple[str, int]:
    """The text of `delta`, and how many characters of thinking are in it; Mistral's models that think send parts."""
    if not isinstance(delta.get("content"), list):
        return payload.text(delta, "content"), 0
    parts = payload.children(delta, "content")
    thinking = [inner for part in parts for inner in payload.children(part, "thinking")]
    text = "".join(payload.text(part, "text") for part in parts)
    return text, sum(len(payload.text(inner, "text")) for inner in thinking)


def _first_count(places: tuple[Mapping[str, object], ...], names: tuple[str, ...]) -> int | None:
    """The first number above zero that stands under one of `names`, else 0 where one of them stands there at all."""
    found = [payload.count(place, name) for place in places for name in names]
    counts = [count for count in found if count is not None]
    return next((count for count in counts if count), 0) if counts else None
