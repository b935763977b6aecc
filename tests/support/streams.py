"""Streams as providers sent them, and a way to read one without a network."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from turnout.core.requests import Done, Finish, Usage
from turnout.errors import BackendError
from turnout.remote import anthropic, completions, llama_infill, mistral_fim, openai_chat
from turnout.remote.failures import Peer
from turnout.remote.format import Format
from turnout.remote.reply import Reply

PEER = Peer("far", "api.example.com", key="env:KEY", secret="sk-0123456789")
PROMPT_CHARACTERS = 41

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


def read(wire: Format[Any], chunks: Iterable[bytes]) -> Outcome:
    """Read `chunks` as the backend does; anything but a BackendError escapes."""
    reply = Reply(PEER, wire.interpreter(PEER), PROMPT_CHARACTERS)
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
