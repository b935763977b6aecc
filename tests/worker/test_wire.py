"""Frames survive any cutting of the stream, and bytes that are no frames are refused."""

import json
import types
from typing import Any, Literal, NotRequired, get_args, get_origin, get_type_hints, is_typeddict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from turnout.errors import ProtocolViolation
from turnout.worker import wire
from worker import kit

texts = st.text(st.characters(), max_size=40)
frames = st.one_of(
    st.builds(lambda i, t: {"t": "chunk", "id": i, "text": t}, st.integers(0, 2**40), texts),
    st.builds(lambda i: {"t": "cancel", "id": i}, st.integers(0, 2**40)),
    st.builds(lambda i, p: kit.fim(i, prefix=p), st.integers(0, 2**40), texts),
)


@given(st.lists(frames, max_size=6), st.lists(st.integers(1, 50), min_size=1))
def test_any_cutting_of_the_stream_gives_the_same_frames(sent: list[wire.Frame], sizes: list[int]) -> None:
    """The decoder does not depend on how the bytes arrive."""
    data = b"".join(map(wire.encode, sent))
    decoder, got, at, turn = wire.FrameDecoder(), [], 0, 0
    while at < len(data):
        size = sizes[turn % len(sizes)]
        got += decoder.feed(data[at : at + size])
        at, turn = at + size, turn + 1
    assert got == sent


@given(st.lists(frames, min_size=1, max_size=3))
def test_frames_come_out_byte_by_byte(sent: list[wire.Frame]) -> None:
    """A frame is given out with its last byte, not later."""
    decoder = wire.FrameDecoder()
    for frame in sent:
        *begin, last = (bytes([byte]) for byte in wire.encode(frame))
        assert [out for piece in begin for out in decoder.feed(piece)] == []
        assert decoder.feed(last) == [frame]


@given(st.binary(max_size=200))
def test_garbage_is_a_protocol_violation_or_incomplete(data: bytes) -> None:
    """No bytes make the decoder raise anything else."""
    decoder = wire.FrameDecoder()
    try:
        got = decoder.feed(data)
    except ProtocolViolation:
        return
    assert got == []


FIGURES: dict[str, Any] = dict.fromkeys(wire.Figures.__annotations__, 0) | {"stop_ms": None, "total_ms": 1.5}
SOUND: list[tuple[Any, wire.Frame]] = [
    (wire.Hello, {**kit.hello(), "token": "x", "engine": "fake", "model": "m", "state": "idle"}),
    (wire.Complete, kit.fim(1)),
    (wire.Complete, {**kit.fim(1), "window": [4000, 600, 0], "plain": True}),
    (wire.Complete, kit.chat(2, "x")),
    (wire.Warm, {"t": "warm", "id": 3, "document": "d", "parts": []}),
    (wire.Cancel, {"t": "cancel", "id": 1}),
    (wire.StatusRequest, {"t": "status", "id": 0}),
    (wire.Unload, {"t": "unload", "id": 0, "when_alone": True}),
    (wire.Progress, {"t": "progress", "id": 1, "phase": "prefill", "done": 1, "of": 2}),
    (wire.ChunkFrame, {"t": "chunk", "id": 1, "text": "x"}),
    (wire.DoneFrame, {"t": "done", "id": 1, "reason": "error", "figures": FIGURES, "error": "x"}),
]
FIELDS = sorted({field for _, frame in SOUND for field in frame} | set(FIGURES))
anything = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=2),
    max_leaves=6,
)


@settings(max_examples=600)
@given(st.sampled_from(SOUND), st.dictionaries(st.sampled_from(FIELDS), anything, max_size=2), st.data())
def test_what_leaves_the_decoder_is_what_its_type_promises(
    sound: tuple[Any, wire.Frame], changes: dict[str, Any], data: st.DataObject
) -> None:
    """Whatever another process puts into a frame, in its fields or in those of its parts and figures."""
    promised, frame = sound
    frame = json.loads(json.dumps(frame))
    inner = data.draw(st.sampled_from([frame, frame.get("figures"), *frame.get("parts", ())]))
    if inner:
        field = data.draw(st.sampled_from(sorted(inner)))
        inner[field] = inner[field] if field == "t" else data.draw(anything)
    frame |= {name: value for name, value in changes.items() if name != "t"}
    try:
        got = wire.FrameDecoder().feed(wire.encode(frame))
    except ProtocolViolation as error:
        assert len(str(error)) < 200  # noqa: PT017 (either is right, and nothing else is)
        return
    assert _is(promised, got[0])


def _is(kind: Any, value: Any) -> bool:
    """Whether `value` has the type `kind`, as strictly as a reader may rely on it."""
    if is_typeddict(kind):
        hints = get_type_hints(kind, include_extras=True)
        return isinstance(value, dict) and all(
            _is(hint, value[name]) if name in value else get_origin(hint) is NotRequired
            for name, hint in hints.items()
        )
    origin, inner = get_origin(kind), get_args(kind)
    if origin is list:
        return isinstance(value, list) and all(_is(inner[0], item) for item in value)
    if origin is Literal:
        return isinstance(value, str) and value in inner
    if origin in (NotRequired, types.UnionType):
        return any(_is(each, value) for each in inner)
    if kind is int:
        return type(value) is int and 0 <= value <= 2**53
    return type(value) is kind or (kind is float and type(value) is int)


@pytest.mark.parametrize("frame", [frame for _, frame in SOUND], ids=lambda frame: str(frame["t"]))
def test_a_sound_frame_comes_through(frame: wire.Frame) -> None:
    """The check refuses nothing that the protocol allows."""
    assert wire.FrameDecoder().feed(wire.encode(frame)) == [frame]


def test_text_that_is_no_unicode_survives() -> None:
    """A lone surrogate, as editors can hold them, comes back as it was."""
    frame = {"t": "chunk", "id": 1, "text": "a\ud800b"}
    assert wire.FrameDecoder().feed(wire.encode(frame)) == [frame]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        b'{"t": "nonsense"}',
        b'{"t": ["complete"]}',
        b'{"no": "type"}',
        b'{"t": "cancel"}',
        b'{"t": "cancel", "id": "1"}',
        b'{"t": "cancel", "id": true}',
        b'{"t": "cancel", "id": -1}',
        b'{"t": "cancel", "id": 9007199254740993}',
        b'{"t": "cancel", "id": 1, "reason": 5}',
        b'{"t": "hello", "protocol": 1, "version": "", "pid": 1, "phase": [1]}',
        json.dumps({**kit.fim(1), "temperature": 10**400}).encode(),
        json.dumps({**kit.fim(1), "temperature": float("nan")}).encode(),
        json.dumps({**kit.fim(1), "shape": "circle"}).encode(),
        json.dumps({**kit.fim(1), "window": [1, 2]}).encode(),
        json.dumps({**kit.fim(1), "window": [1, 2, -3]}).encode(),
        json.dumps({**kit.fim(1), "plain": 1}).encode(),
        b"[" * 100_000,
        json.dumps({**kit.fim(1), "parts": [{"role": "wizard", "text": ""}]}).encode(),
        json.dumps({**kit.fim(1), "parts": [{"role": "prefix"}]}).encode(),
        json.dumps({**kit.fim(1), "parts": ["prefix"]}).encode(),
        json.dumps({**kit.fim(1), "parts": [{"role": ["prefix"], "text": ""}]}).encode(),
        json.dumps({**kit.fim(1), "stop": [1]}).encode(),
        json.dumps({"t": "done", "id": 1, "reason": "enough", "figures": {}}).encode(),
        json.dumps({"t": "progress", "id": 1, "phase": "resting", "done": 1, "of": 2}).encode(),
    ],
)
def test_a_body_that_is_no_frame_is_refused(body: bytes) -> None:
    """What leaves the decoder has the fields that its type promises."""
    with pytest.raises(ProtocolViolation):
        wire.FrameDecoder().feed(wire.HEADER.pack(len(body)) + body)


def test_a_frame_over_the_limit_is_refused_before_it_is_read() -> None:
    """The length alone is enough to refuse."""
    with pytest.raises(ProtocolViolation, match="over the limit"):
        wire.FrameDecoder().feed(wire.HEADER.pack(wire.MAX_FRAME_BYTES + 1))


def test_a_frame_over_the_limit_is_not_sent() -> None:
    """The sender finds out, not the receiver."""
    with pytest.raises(ValueError, match="over the limit"):
        wire.encode({"t": "chunk", "id": 1, "text": "x" * wire.MAX_FRAME_BYTES})
