"""OpenAI Chat Completions, as its first party and the many compatible servers speak it.

Invariant: an answer is complete once its choice has a `finish_reason`; `[DONE]` alone does not make it so,
because gateways append one to streams that broke upstream.
Usage follows in a last chunk with or without choices, so reading goes on until `[DONE]` or the end.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from turnout.core.requests import ChatPrompt, Finish, Model
from turnout.errors import BackendError, Overloaded, ProtocolViolation, RequestRejected
from turnout.remote import payload
from turnout.remote.failures import Peer, in_stream, is_error
from turnout.remote.format import Format
from turnout.remote.reply import Counted, Step
from turnout.remote.sse import Event

FINISH: Mapping[str, Finish] = {
    "stop": "stop",
    "eos": "stop",  # Together
    "length": "length",
    "model_length": "length",  # Mistral
}
"""Reasons that end an answer well."""

FILTERED = frozenset({"content_filter", "sensitive"})
"""The answer was withheld; the second is GLM's."""

FAILED = frozenset({"network_error", "insufficient_system_resource", "error", "abort"})
"""The server gave up: GLM's, DeepSeek's, OpenRouter's and vLLM's words for it."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """Where a compatible server differs from the others."""

    max_tokens: str = "max_tokens"


DIALECTS: Mapping[str, Dialect] = {"api.openai.com": Dialect(max_tokens="max_completion_tokens")}
"""Dialects by host; every other host speaks the plain one."""

FIXED_TEMPERATURE = ("gpt-5", "o1", "o3", "o4", "kimi-k2.5", "kimi-k2-thinking")
"""Beginnings of model names that refuse any temperature but their own."""


def body(model: Model, prompt: ChatPrompt, host: str) -> dict[str, object]:
    """The request for one streamed answer."""
    dialect = DIALECTS.get(host, Dialect())
    request: dict[str, object] = {
        "model": model.model,
        dialect.max_tokens: prompt.max_tokens,
        "stream": True,
        "stream_options": {"include_usage": True},
        "messages": [{"role": m.role, "content": m.content} for m in prompt.messages],
    }
    if not model.model.startswith(FIXED_TEMPERATURE):
        request["temperature"] = prompt.temperature
    if prompt.stop:
        request["stop"] = list(prompt.stop)
    return request


class ChoiceInterpreter:
    """Follows the chunks of the first choice, of a chat or of raw completions."""

    def __init__(self, peer: Peer) -> None:
        self.finish: Finish | None = None
        self.finished = False
        self.counted = Counted()
        self._peer = peer
        self._refusal = ""

    def feed(self, event: Event) -> Step:
        """Take one event; see `reply.Interpreter`."""
        if event.data.strip() == "[DONE]":
            self.finished = True
            return Step(progress=True)
        document = payload.parse(event.data)
        if event.name == "error" or is_error(document):
            raise in_stream(self._peer, document)
        self._count(document)
        steps = [
            self._choice(c) for c in payload.children(document, "choices") if not payload.count(c, "index")
        ]
        return Step("".join(step.text for step in steps), progress=any(step.progress for step in steps))

    def _choice(self, choice: object) -> Step:
        self._count(choice)
        delta = payload.child(choice, "delta")
        # A raw completion has its text in the choice itself.
        text = payload.text(delta, "content") + payload.text(choice, "text")
        thought = delta.get("reasoning_content") or delta.get("reasoning")
        self._refusal += payload.text(delta, "refusal")
        reason = payload.text(choice, "finish_reason")
        if reason:
            self._finish(reason)
        return Step(text, progress=bool(text or thought or reason))

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

    def _declined(self) -> BackendError:
        said = f": {self._peer.quote(self._refusal)}" if self._refusal else " (content filter)"
        return RequestRejected(
            f"{self._peer} declined to answer this request{said}".rstrip(".") + ".",
            advice="Word it differently, or choose another model for this kind of request.",
        )

    def _count(self, holder: object) -> None:
        """Take the usage of a chunk, or of a choice, where Kimi puts it."""
        usage = payload.child(holder, "usage")
        if usage:
            details = payload.child(usage, "prompt_tokens_details")
            cached = (
                payload.count(details, "cached_tokens")
                or payload.count(usage, "cached_tokens")  # Kimi
                or payload.count(usage, "prompt_cache_hit_tokens")  # DeepSeek
            )
            self.counted = Counted(
                payload.count(usage, "prompt_tokens"), payload.count(usage, "completion_tokens"), cached or 0
            )


FORMAT = Format(
    base_url="https://api.openai.com/v1",
    path="/chat/completions",
    key_header="authorization",
    key_prefix="Bearer ",
    body=body,
    interpreter=ChoiceInterpreter,
)
