"""The protocol between a server and the worker: the one module that both sides import.

A frame is a 4-byte big-endian length and that many bytes of UTF-8 JSON, one object with a `t` (type) field.
The client says `hello` first and the worker answers `hello`; a different `protocol` ends the connection.
Each `complete` and `warm` is answered by any number of `progress` and `chunk` frames, then exactly one `done`.
Invariant: what leaves `FrameDecoder` has the fields and types that its `t` promises.
"""

import json
import struct
from collections.abc import Callable
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
Shape = Literal["line", "block"]


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
    `document`, and every `warm` of that document. A completion of the kind `ahead` is waited for by nobody.
    `window` are the characters of prefix, suffix and chunks to read at most; `plain` asks for the usual order of them.
    """

    t: Literal["complete"]
    id: int
    kind: str
    document: str
    parts: list[Part]
    max_tokens: int
    temperature: float
    stop: list[str]
    shape: Shape
    window: NotRequired[list[int]]
    plain: NotRequired[bool]


class Warm(TypedDict):
    """Evaluate the prompt of a later `complete` without generating."""

    t: Literal["warm"]
    id: int
    document: str
    parts: list[Part]
    window: NotRequired[list[int]]
    plain: NotRequired[bool]


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

_MOST = 2**53
"""Whole numbers beyond it are not the same in every reader of JSON."""


def _whole(value: Any) -> bool:
    return type(value) is int and 0 <= value <= _MOST


def _number(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) <= _MOST  # False for NaN too


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _one_of(alias: Any) -> Callable[[Any], bool]:
    words = get_args(alias)
    return lambda value: isinstance(value, str) and value in words


def _figures(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and all(_whole(value.get(name)) for name in _COUNTS)
        and all(value.get(name) is None or _number(value[name]) for name in _TIMES)
    )


def _parts(value: Any) -> bool:
    return isinstance(value, list) and all(map(_part, value))


def _part(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and _text(value.get("text"))
        and _text(value.get("path", ""))
        and _text(value.get("role"))
        and value["role"] in _ROLES
    )


def _window(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 3 and all(map(_whole, value))


def _stops(value: Any) -> bool:
    return isinstance(value, list) and all(map(_text, value))


_Check = Callable[[Any], bool]
_REQUIRED: Final[dict[str, tuple[str, ...]]] = {
    "hello": ("protocol", "version", "pid"),
    "complete": ("id", "kind", "document", "parts", "max_tokens", "temperature", "stop", "shape"),
    "warm": ("id", "document", "parts"),
    "cancel": ("id",),
    "unload": ("id",),
    "status": ("id",),
    "progress": ("id", "phase", "done", "of"),
    "chunk": ("id", "text"),
    "done": ("id", "reason", "figures"),
}
_CHECKS: Final[dict[str, _Check]] = {
    **dict.fromkeys(("id", "protocol", "pid", "max_tokens", "done", "of"), _whole),
    **dict.fromkeys(("queued", "rss_bytes", "clients"), _whole),
    **dict.fromkeys(("version", "kind", "document", "text", "token", "engine", "model", "error"), _text),
    "temperature": _number,
    "parts": _parts,
    "stop": _stops,
    "figures": _figures,
    "window": _window,
    "plain": lambda value: isinstance(value, bool),
    "when_alone": lambda value: isinstance(value, bool),
    "reason": _one_of(Reason),
    "phase": _one_of(Phase),
    "state": _one_of(State),
    "shape": _one_of(Shape),
}
"""What a field holds wherever it stands: a name means the same in every frame, and fields without one are ignored."""


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
    kind = frame.get("t")
    required = _REQUIRED.get(kind) if isinstance(kind, str) else None
    if required is None:
        raise ProtocolViolation(f"frame of unknown type {_shown(kind)}")
    for name in required:
        if name not in frame:
            raise ProtocolViolation(f"frame {kind!r} has no {name!r}")
    for name, value in frame.items():
        usable = _CHECKS.get(name)
        if usable is not None and not usable(value):
            raise ProtocolViolation(f"frame {kind!r} has no usable {name!r}: {_shown(value)}")
    return frame


def _shown(value: Any) -> str:
    """A value in a message: its kind, and a word of what it says, as it may be text of a user's file."""
    return repr(value)[:40] if isinstance(value, str | int | float | None) else type(value).__name__
