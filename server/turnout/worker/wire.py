"""The protocol between a server and the worker: the one module that both sides import.

A frame is a 4-byte big-endian length and that many bytes of UTF-8 JSON, one object with a `t` (type) field.
The client says `hello` first and the worker answers `hello`; a different `protocol` ends the connection.
Each `complete` and `warm` is answered by any number of `progress` and `chunk` frames, then exactly one `done`.
Invariant: what leaves `FrameDecoder` has the fields and types that its `t` promises.
"""

import json
import struct
from typing import Any, Final, Literal, NotRequired, TypedDict, get_args

from turnout.errors import ProtocolViolation

PROTOCOL = 1
MAX_FRAME_BYTES = 32 * 1024 * 1024
HEADER = struct.Struct(">I")

Role = Literal["chunk", "prefix", "suffix", "system", "user", "assistant"]
_ROLES: Final = get_args(Role)
Reason = Literal["stop", "length", "cancelled", "superseded", "error"]
Phase = Literal["loading", "prefill"]
State = Literal["loading", "idle", "busy", "failed"]
_WORDS: Final = {"reason": get_args(Reason), "phase": get_args(Phase)}


class Part(TypedDict):
    """A piece of a prompt; `path` names the file of a `chunk`, or of the `prefix`."""

    role: Role
    text: str
    path: NotRequired[str]


class Hello(TypedDict):
    """First frame of both sides; `model`, `engine` and `state` are the worker's, `token` the client's (TCP only)."""

    t: Literal["hello"]
    protocol: int
    version: str
    pid: int
    token: NotRequired[str]
    engine: NotRequired[str]
    model: NotRequired[str]
    state: NotRequired[State]


class Complete(TypedDict):
    """Fill a hole (`chunk`, `prefix`, `suffix` parts) or continue a chat (`system`, `user`, `assistant` parts).

    On one connection, a newer request of a completion kind supersedes the older one of the same kind and
    `document`, and every `warm` of that document.
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
    """Ask the worker to finish what runs and leave; with `when_alone` only once no other client is left."""

    t: Literal["unload"]
    id: int
    when_alone: NotRequired[bool]


class Progress(TypedDict):
    """What a request waits for; `of` is 0 where the end is unknown."""

    t: Literal["progress"]
    id: int
    phase: Phase
    done: int
    of: int


class ChunkFrame(TypedDict):
    """Generated text."""

    t: Literal["chunk"]
    id: int
    text: str


class Figures(TypedDict):
    """Tokens, and milliseconds since the worker read the request; null where it never came to that.

    `prefill_ms` is the time spent on the prompt alone, and `stop_ms` the time from a cancel, or from the
    request that superseded this one, until the engine was free again.
    """

    evaluated: int
    reused: int
    generated: int
    queue_ms: float | None
    prefill_ms: float | None
    first_token_ms: float | None
    stop_ms: float | None
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
    state: State
    queued: int
    rss_bytes: int
    clients: int
    error: NotRequired[str]


Frame = dict[str, Any]

_COUNTS: Final = ("evaluated", "reused", "generated")
_TIMES: Final = ("queue_ms", "prefill_ms", "first_token_ms", "stop_ms", "total_ms")

_COMMON: Final = {"id": int, "document": str, "parts": list}
_FIELDS: Final[dict[str, dict[str, type | tuple[type, ...]]]] = {
    "hello": {"protocol": int, "version": str, "pid": int},
    "complete": {
        **_COMMON,
        "kind": str,
        "max_tokens": int,
        "temperature": (int, float),
        "stop": list,
        "shape": str,
    },
    "warm": dict(_COMMON),
    "cancel": {"id": int},
    "unload": {"id": int},
    "status": {"id": int},
    "progress": {"id": int, "phase": str, "done": int, "of": int},
    "chunk": {"id": int, "text": str},
    "done": {"id": int, "reason": str, "figures": dict},
}


def encode(frame: Any) -> bytes:
    """One frame as bytes; raises ValueError over MAX_FRAME_BYTES."""
    body = json.dumps(frame, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
    if len(body) > MAX_FRAME_BYTES:
        raise ValueError(f"frame of {len(body)} bytes is over the limit of {MAX_FRAME_BYTES}")
    return HEADER.pack(len(body)) + body


class FrameDecoder:
    """Cuts a byte stream into frames, however its pieces fall."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Frame]:
        """Every frame that `data` completes; raises ProtocolViolation, after which the stream is unusable."""
        self._buffer += data
        frames: list[Frame] = []
        start = 0
        while len(self._buffer) - start >= HEADER.size:
            (length,) = HEADER.unpack_from(self._buffer, start)
            if length > MAX_FRAME_BYTES:
                raise ProtocolViolation(f"frame of {length} bytes is over the limit of {MAX_FRAME_BYTES}")
            end = start + HEADER.size + length
            if len(self._buffer) < end:
                break
            frames.append(_decode(bytes(self._buffer[start + HEADER.size : end])))
            start = end
        del self._buffer[:start]
        return frames


def _decode(body: bytes) -> Frame:
    try:
        frame = json.loads(body.decode("utf-8", "surrogatepass"))
    except (ValueError, RecursionError) as exc:
        raise ProtocolViolation(f"frame of {len(body)} bytes is not JSON") from exc
    if not isinstance(frame, dict):
        raise ProtocolViolation(f"frame is a JSON {type(frame).__name__}, not an object")
    fields = _FIELDS.get(str(frame.get("t")))
    if fields is None:
        raise ProtocolViolation(f"frame of unknown type {str(frame.get('t'))[:40]!r}")
    for name, kind in fields.items():
        if not isinstance(frame.get(name), kind):
            raise ProtocolViolation(f"frame {frame['t']!r} has no usable {name!r}")
    for name, words in _WORDS.items():
        if frame.get(name, words[0]) not in words:
            raise ProtocolViolation(f"frame {frame['t']!r} has an unknown {name!r}: {frame[name][:40]!r}")
    _check_lists(frame)
    if frame["t"] == "done":
        _check_figures(frame["figures"])
    return frame


def _check_figures(figures: dict[str, Any]) -> None:
    for name in _COUNTS:
        if not isinstance(figures.get(name), int):
            raise ProtocolViolation(f"figure {name!r} is not a count")
    for name in _TIMES:
        if not isinstance(figures.get(name), int | float | None):
            raise ProtocolViolation(f"figure {name!r} is not a time")


def _check_lists(frame: Frame) -> None:
    for part in frame.get("parts", ()):
        usable = isinstance(part, dict) and all(
            isinstance(part.get(name, ""), str) for name in ("path", "text")
        )
        if not usable or "text" not in part or part.get("role") not in _ROLES:
            raise ProtocolViolation("a part of the prompt has no usable role, text or path")
    if not all(isinstance(stop, str) for stop in frame.get("stop", ())):
        raise ProtocolViolation("a stop of the prompt is not a string")
