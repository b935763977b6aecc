"""The protocol between a server and the worker: the one module that both sides import.

A frame is a 4-byte big-endian length and that many bytes of UTF-8 JSON, one object with a `t` (type) field.
The client says `hello` first and the worker answers `hello`; a different `protocol` ends the connection.
Each `complete` and `warm` is answered by any number of `progress` and `chunk` frames, then exactly one `done`.
"""

import json
import struct
from typing import Any, Literal, NotRequired, TypedDict

PROTOCOL = 1
MAX_FRAME_BYTES = 32 * 1024 * 1024
HEADER = struct.Struct(">I")

Role = Literal["chunk", "prefix", "suffix", "system", "user", "assistant"]
Reason = Literal["stop", "length", "cancelled", "superseded", "error"]


class Part(TypedDict):
    """A piece of a prompt; `path` names the file of a `chunk`, or of the `prefix`."""

    role: Role
    text: str
    path: NotRequired[str]


class Hello(TypedDict):
    """First frame of both sides; `model` and `engine` are the worker's."""

    t: Literal["hello"]
    protocol: int
    version: str
    pid: int
    engine: NotRequired[str]
    model: NotRequired[str]


class Complete(TypedDict):
    """Fill a hole (`chunk`, `prefix`, `suffix` parts) or continue a chat (`system`, `user`, `assistant` parts).

    A newer request with the same `client` and `document` supersedes an older one of a completion kind.
    """

    t: Literal["complete"]
    id: int
    kind: str
    document: str
    parts: list[Part]
    max_tokens: int
    temperature: float
    stop: list[str]
    shape: Literal["line", "block"]


class Warm(TypedDict):
    """Evaluate the prompt of a later `complete` without generating."""

    t: Literal["warm"]
    id: int
    document: str
    parts: list[Part]


class Cancel(TypedDict):
    """End request `id`; its `done` says `cancelled` unless it had already finished."""

    t: Literal["cancel"]
    id: int


class StatusRequest(TypedDict):
    """Ask for `status`."""

    t: Literal["status"]
    id: int


class Unload(TypedDict):
    """Ask the worker to finish what runs and leave."""

    t: Literal["unload"]
    id: int


class Progress(TypedDict):
    """What a request waits for; `of` is 0 where the end is unknown."""

    t: Literal["progress"]
    id: int
    phase: Literal["loading", "prefill"]
    done: int
    of: int


class ChunkFrame(TypedDict):
    """Generated text."""

    t: Literal["chunk"]
    id: int
    text: str


class Figures(TypedDict):
    """Tokens, and milliseconds since the worker read the request; null where it never came to that."""

    evaluated: int
    reused: int
    generated: int
    queue_ms: float | None
    first_token_ms: float | None
    total_ms: float


class DoneFrame(TypedDict):
    """The one end of a request; `error` says what failed and what to do where the reason is `error`."""

    t: Literal["done"]
    id: int
    reason: Reason
    figures: Figures
    error: NotRequired[str]


class StatusFrame(TypedDict):
    """The worker's answer to `status`."""

    t: Literal["status"]
    id: int
    engine: str
    model: str
    state: Literal["loading", "idle", "busy", "failed"]
    queued: int
    rss_bytes: int
    clients: int
    error: NotRequired[str]


Frame = dict[str, Any]


def encode(frame: Any) -> bytes:
    """One frame as bytes; raises ValueError over MAX_FRAME_BYTES."""
    body = json.dumps(frame, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
    if len(body) > MAX_FRAME_BYTES:
        raise ValueError(f"frame of {len(body)} bytes is over the limit of {MAX_FRAME_BYTES}")
    return HEADER.pack(len(body)) + body
