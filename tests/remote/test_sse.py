"""Server-sent events come out the same however their bytes were cut."""

import asyncio

import httpx
import httpx_sse
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from turnout.remote.payload import PayloadError
from turnout.remote.sse import Decoder, Event


def decode(*chunks: bytes) -> list[Event]:
    decoder = Decoder()
    return [event for chunk in chunks for event in decoder.feed(chunk)]


@pytest.mark.parametrize(
    ("data", "events"),
    [
        (b"data: a\n\n", [("message", "a")]),
        (b"data:a\r\n\r\n", [("message", "a")]),
        (b"data:a\r\r", [("message", "a")]),
        (b"data:  a\n\n", [("message", " a")]),
        (b"event: ping\ndata: a\n\n", [("ping", "a")]),
        (b"event: ping\n\ndata: a\n\n", [("message", "a")]),
        (b"data: a\ndata: b\n\n", [("message", "a\nb")]),
        (b"data\n\n", []),
        (b": comment\n\n: another\n\n", []),
        (b"\xef\xbb\xbfdata: a\n\n", [("message", "a")]),
        (b"id: 7\nretry: 10\nunknown: x\ndata: a\n\n", [("message", "a")]),
        ("data: \u2028\x0b\x0c\x85\n\n".encode(), [("message", "\u2028\x0b\x0c\x85")]),
        (b"data: cut off", []),
        (b"data: cut off\n", []),
    ],
)
def test_events(data: bytes, events: list[tuple[str, str]]) -> None:
    """Fields, comments, line ends and the byte order mark mean what the standard says; a cut event is none."""
    assert decode(data) == events
    assert decode(*(bytes([byte]) for byte in data)) == events


def test_invalid_utf8() -> None:
    """Bytes that are not UTF-8 are an error, after the events that came before them."""
    decoder = Decoder()
    events = decoder.feed(b"data: a\n\ndata: \xff\n\n")
    assert next(events) == Event("message", "a")
    with pytest.raises(PayloadError, match="UTF-8"):
        next(events)


LINES = st.sampled_from(
    ["data: a", "data:é🚃", "data", ": c", "event: e", "event", "x: y", "", "", "data: \u2028"]
)
STREAMS = st.lists(st.tuples(LINES, st.sampled_from(["\n", "\r\n", "\r"])), max_size=20).map(
    lambda lines: "".join(line + end for line, end in lines).encode()
)


@settings(deadline=None)
@given(STREAMS, st.data())
def test_splits(stream: bytes, data: st.DataObject) -> None:
    """Where the network cuts a stream changes nothing."""
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
    pieces = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    assert decode(*pieces) == decode(stream)


@settings(deadline=None)
@given(STREAMS)
def test_agrees_with_httpx_sse(stream: bytes) -> None:
    """Another party's decoder reads the same events; it also reports those without data, which nobody needs."""

    async def others() -> list[Event]:
        response = httpx.Response(200, headers={"content-type": "text/event-stream"}, content=stream)
        return [Event(e.event, e.data) async for e in httpx_sse.EventSource(response).aiter_sse() if e.data]

    assert decode(stream) == asyncio.run(others())
