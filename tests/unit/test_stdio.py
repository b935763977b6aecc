"""The message decoder: every message once, whatever the cuts, and no bytes that end the connection."""

import asyncio
from typing import cast

from hypothesis import given
from hypothesis import strategies as st

from turnout.lsp.stdio import MAX_MESSAGE_BYTES, MessageDecoder, PipeProtocol, PipeWriter, hand_over


def framed(body: bytes) -> bytes:
    return b"Content-Length: %d\r\nContent-Type: application/vscode-jsonrpc\r\n\r\n%b" % (len(body), body)


@given(st.lists(st.binary(max_size=30), max_size=6), st.data())
def test_messages_survive_any_cutting(bodies: list[bytes], data: st.DataObject) -> None:
    """Bodies come out whole and in order however the bytes were split."""
    stream = b"".join(map(framed, bodies))
    decoder, seen = MessageDecoder(), list[bytes]()
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        seen += decoder.feed(stream[:size])
        stream = stream[size:]
    assert seen == bodies


def test_one_byte_at_a_time() -> None:
    """A message that arrives byte by byte is one message."""
    decoder = MessageDecoder()
    assert [body for byte in framed(b"{}") for body in decoder.feed(bytes([byte]))] == [b"{}"]


def test_a_header_without_length_is_skipped() -> None:
    """Garbage that ends like a header costs itself and nothing after it."""
    assert list(MessageDecoder().feed(b"Nonsense: 1\r\n\r\n" + framed(b"{}"))) == [b"{}"]


def test_a_message_over_the_limit_is_passed_over() -> None:
    """A length over the limit is not buffered; what follows it is read."""
    decoder = MessageDecoder()
    length = MAX_MESSAGE_BYTES + 1
    assert list(decoder.feed(b"Content-Length: %d\r\n\r\n" % length)) == []
    block = b"x" * (1 << 20)
    for _ in range(length // len(block)):
        assert list(decoder.feed(block)) == []
    rest = b"x" * (length % len(block))
    assert list(decoder.feed(rest + framed(b"{}"))) == [b"{}"]


def test_an_endless_header_is_not_kept() -> None:
    """A header that never ends is dropped once it is over its limit."""
    decoder = MessageDecoder()
    assert list(decoder.feed(b"x" * 200_000)) == []
    assert list(decoder.feed(framed(b"{}"))) == [b"{}"]


async def test_a_handler_starts_before_the_next_message() -> None:
    """Messages that arrive together are handled as if each came alone: what one sets off sees the state at its time."""
    seen: list[str] = []
    tasks: list[asyncio.Task[None]] = []
    done = asyncio.Event()

    async def handle(body: bytes) -> None:
        seen.append(f"start {body.decode()}")

    def on_body(body: bytes) -> None:
        seen.append(f"take {body.decode()}")
        tasks.append(asyncio.create_task(handle(body)))

    hand_over(iter([b"1", b"2"]), on_body, done.set)
    await done.wait()
    assert seen == ["take 1", "start 1", "take 2", "start 2"]
    assert all(task.done() for task in tasks)


class Pipe:
    """A transport that counts how often nothing was to be read, and is readable again."""

    def __init__(self) -> None:
        self.paused = 0
        self.resumed = asyncio.Event()

    def pause_reading(self) -> None:
        self.paused += 1

    def resume_reading(self) -> None:
        self.resumed.set()


async def test_only_a_flood_stops_the_reading() -> None:
    """A message alone is handled as it comes; of several at once none is read meanwhile, nor is one lost or cut."""
    seen: list[bytes] = []
    pipe = Pipe()
    protocol = PipeProtocol(seen.append, asyncio.Event())
    protocol.connection_made(cast("asyncio.BaseTransport", pipe))
    message = framed(b"whole")
    protocol.data_received(message)
    protocol.data_received(message[:30])
    protocol.data_received(message[30:])
    assert (seen, pipe.paused) == ([b"whole"] * 2, 0)
    protocol.data_received(framed(b"1") + framed(b"2") + framed(b"3") + message[:30])
    await pipe.resumed.wait()
    protocol.data_received(message[30:])
    assert (seen[2:], pipe.paused) == ([b"1", b"2", b"3", b"whole"], 1)


async def test_a_letter_is_taken_together_with_the_request_about_it() -> None:
    """What sets nothing off needs no turn of its own; a third message waits for what the second one sets off."""
    seen: list[bytes] = []
    pipe = Pipe()

    def on_body(body: bytes) -> bool:
        seen.append(body)
        return body.startswith(b"letter")

    protocol = PipeProtocol(on_body, asyncio.Event())
    protocol.connection_made(cast("asyncio.BaseTransport", pipe))
    protocol.data_received(framed(b"letter") + framed(b"request"))
    assert (seen, pipe.paused) == ([b"letter", b"request"], 0)
    protocol.data_received(framed(b"letter 2") + framed(b"request 2") + framed(b"letter 3"))
    assert (seen[2:], pipe.paused) == ([b"letter 2", b"request 2"], 1)
    await pipe.resumed.wait()
    assert seen[4:] == [b"letter 3"]


class Output:
    """A transport that keeps what is written, call by call."""

    def __init__(self) -> None:
        self.written: asyncio.Queue[bytes] = asyncio.Queue()

    def write(self, data: bytes) -> None:
        self.written.put_nowait(data)

    def close(self) -> None:
        self.write(b"closed")


async def test_what_can_wait_goes_with_the_next_message() -> None:
    """In the order in which all of it was given, in one piece, and by itself where nothing else comes."""
    output = Output()
    writer = PipeWriter(cast("asyncio.WriteTransport", output))
    writer.write_soon(b"1")
    writer.write_soon(b"2")
    writer.write(b"3")
    assert output.written.get_nowait() == b"123"
    writer.write_soon(b"4")
    assert await output.written.get() == b"4"
    writer.write_soon(b"5")
    writer.close()
    assert [output.written.get_nowait(), output.written.get_nowait()] == [b"5", b"closed"]
