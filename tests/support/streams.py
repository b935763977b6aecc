"""Streams as providers sent them, and a way to read one without a network."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from turnout.core.backends import Done, Finish
from turnout.core.models import Api, Usage
from turnout.core.prompts import ToolCall
from turnout.errors import BackendError
from turnout.remote import (
    anthropic,
    completions,
    dialects,
    llama_infill,
    mistral_fim,
    openai_chat,
    openai_responses,
)
from turnout.remote.failures import Peer
from turnout.remote.format import Format
from turnout.remote.reply import Reply
from turnout.remote.writing import CHAT

PEER = Peer("far", "api.example.com", key="env:KEY", secret="sk-0123456789")
PROMPT_CHARACTERS = 41
TOOLS = frozenset({"weather", "today"})
"""Names of the tools that were offered in every recorded chat."""

_DIRECTORY = Path(__file__).parent.parent / "remote" / "streams"


@dataclass(frozen=True)
class Recording:
    """A whole stream, what it says, and the end of the event that makes its text complete."""

    name: str
    wire: Format[Any]
    text: str
    finish: Finish
    usage: Usage
    decisive: bytes
    calls: tuple[ToolCall, ...] = ()
    thoughts: tuple[dict[str, object], ...] = ()

    @property
    def api(self) -> Api:
        """The API of a chat."""
        return next(api for api, wire in CHAT.items() if wire is self.wire)

    @property
    def peer(self) -> Peer:
        """Who sends it: the server that it is named after, if it is one that is known."""
        return replace(PEER, server=next((known for known in dialects.DIALECTS if known == self.name), None))

    @property
    def done(self) -> Done:
        """How it ends, without times."""
        return Done(self.finish, self.usage, calls=self.calls)

    @property
    def data(self) -> bytes:
        """The stream's bytes."""
        return (_DIRECTORY / f"{self.name}.sse").read_bytes()

    @property
    def complete_at(self) -> int:
        """The number of bytes from which on the answer is complete."""
        start = self.data.index(self.decisive)
        return self.data.index(b"\n\n", start) + 2


_WORDS = "naïve 🚃 🚃 → é"
_LLAMA_WORDS = " café 🚃 über"

RECORDINGS = (
    Recording(
        "anthropic",
        anthropic.FORMAT,
        _WORDS,
        "stop",
        Usage(1032, 15, 1000, written=7),
        b"event: message_stop",
    ),
    Recording(
        "openai", openai_chat.FORMAT, _WORDS, "length", Usage(1032, 15, 1000), b'"finish_reason":"length"'
    ),
    Recording(
        "llama-messages", anthropic.FORMAT, _LLAMA_WORDS, "stop", Usage(37, 6, 0), b"event: message_stop"
    ),
    Recording(
        "llama-chat", openai_chat.FORMAT, _LLAMA_WORDS, "stop", Usage(37, 6, 36), b'"finish_reason":"stop"'
    ),
)

_TEXT = "café 🚃 über"
_STOP, _LENGTH, _TOOLS = (
    f'"finish_reason":"{reason}"'.encode() for reason in ("stop", "length", "tool_calls")
)


def _weather(call_id: str, seal: str = "") -> ToolCall:
    return ToolCall(call_id, "weather", '{"city": "Málaga 🚃"}', seal)


def _today(call_id: str) -> ToolCall:
    return ToolCall(call_id, "today", "{}")


def _compatible(
    name: str,
    text: str,
    decisive: bytes,
    cached: int = 0,
    *calls: ToolCall,
    written: int = 0,
    cost_usd: float | None = None,
    thoughts: dict[str, object] | None = None,
) -> Recording:
    usage = Usage(64, 21, cached, written=written, cost_usd=cost_usd)
    finish: Finish = "length" if decisive == _LENGTH else "stop"
    said = (thoughts,) if thoughts else ()
    return Recording(name, openai_chat.FORMAT, text, finish, usage, decisive, calls, said)


_SEAL = '{"google": {"thought_signature": "EjQKMgEM"}}'
_DETAIL = {
    "type": "reasoning.text",
    "text": "Erst é",
    "format": "anthropic-claude-v1",
    "index": 0,
    "signature": "sig==",
}

DIALECTS = (
    _compatible("zai", _TEXT, _STOP, 43),
    _compatible(
        "moonshot",
        "café",
        _TOOLS,
        32,
        _weather("weather:0"),
        thoughts={"reasoning_content": "Ich denke: naïve"},
    ),
    _compatible(
        "deepseek",
        "",
        _TOOLS,
        48,
        _weather("call_00_a"),
        _today("call_01_b"),
        thoughts={"reasoning_content": "Zuerst é"},
    ),
    _compatible("gemini", "", _STOP, 0, _weather("jm4owj31", _SEAL), _today("zz81")),
    _compatible(
        "openrouter",
        "",
        _TOOLS,
        12,
        _weather("toolu_1"),
        written=30,
        cost_usd=0.0125,
        thoughts={"reasoning": "Erst é", "reasoning_details": [_DETAIL]},
    ),
    _compatible("mistral", _TEXT, _TOOLS, 0, _weather("D681PevKs")),
    _compatible("vllm", _TEXT, _TOOLS, 16, _weather("chatcmpl-tool-1"), thoughts={"reasoning": "Also é"}),
    _compatible("sglang", _TEXT, _STOP),
    _compatible("ollama", _TEXT, _TOOLS, 0, _weather("call_x1"), thoughts={"reasoning": "Hm é"}),
    _compatible("tabbyapi", _TEXT, _LENGTH),
    _compatible("openai-tools", "", _TOOLS, 50, _weather("call_A"), _today("call_B")),
)
"""A stream of every dialect, written after its documentation and what users report; nobody recorded them."""

OTHERS = (
    Recording(
        "litellm",
        openai_chat.FORMAT,
        "naïve 🚃 → é, one after the other",
        "stop",
        Usage(8, 12, cost_usd=0.0000224),
        _STOP,
    ),
    Recording(
        "anthropic-tools",
        anthropic.FORMAT,
        _TEXT,
        "stop",
        Usage(64, 21, 20, written=30),
        b"event: message_stop",
        (_weather("toolu_01"), _today("toolu_02")),
        ({"type": "thinking", "thinking": "Zuerst é.", "signature": "EqQBCgIYAh=="},),
    ),
    Recording(
        "openai-responses",
        openai_responses.FORMAT,
        _TEXT,
        "stop",
        Usage(64, 21, 48, written=12),
        b"event: response.completed",
        (_weather("call_1"),),
        ({"id": "rs_1", "type": "reasoning", "summary": [], "encrypted_content": "gAAAAAB="},),
    ),
    Recording(
        "openai-responses-incomplete",
        openai_responses.FORMAT,
        _TEXT,
        "length",
        Usage(64, 21),
        b"event: response.incomplete",
    ),
    Recording(
        "llama-responses",
        openai_responses.FORMAT,
        "naïve 🚃 → é",
        "stop",
        Usage(26, 9),
        b"event: response.completed",
    ),
)

HOLES = (
    Recording(
        "llama-completions",
        completions.FORMAT,
        _LLAMA_WORDS,
        "stop",
        Usage(6, 10, 5),
        b'"finish_reason":"stop"',
    ),
    Recording("llama-infill", llama_infill.FORMAT, _LLAMA_WORDS, "stop", Usage(13, 11, 12), b'"stop":true'),
    Recording(
        "mistral-fim", mistral_fim.FORMAT, _LLAMA_WORDS, "stop", Usage(9, 6), b'"finish_reason":"stop"'
    ),
    Recording(
        "deepseek-fim",
        mistral_fim.FORMAT,
        _LLAMA_WORDS,
        "length",
        Usage(64, 6, 60),
        b'"finish_reason":"length"',
    ),
)
"""Streams that fill a hole; those of the hosted APIs were written after their documentation, nobody recorded them."""


@dataclass(frozen=True)
class Outcome:
    """What came of a stream: its text, and either its ending or its error."""

    text: str
    done: Done | None = None
    error: BackendError | None = None


def read(wire: Format[Any], chunks: Iterable[bytes], peer: Peer = PEER) -> Outcome:
    """Read `chunks` as the backend does; anything but a BackendError escapes."""
    reply = Reply(peer, wire.interpreter(peer), PROMPT_CHARACTERS, TOOLS)
    text = ""
    try:
        for chunk in chunks:
            for step in reply.feed(chunk):
                text += step.text
            if reply.finished:
                break
        return Outcome(text, done=reply.ending())
    except BackendError as exc:
        return Outcome(text, error=exc)


def sse(*events: object) -> bytes:
    """Events of JSON, or of text as it is."""
    return b"".join(
        b"data: " + (event.encode() if isinstance(event, str) else json.dumps(event).encode()) + b"\n\n"
        for event in events
    )


def chunk(text: str | None = None, finish: str | None = None, **more: object) -> dict[str, object]:
    """A chunk of Chat Completions."""
    return {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": finish}], **more}
