"""Frames survive any cutting of the stream, and bytes that are no frames are refused."""

import json

import pytest
from hypothesis import given
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
