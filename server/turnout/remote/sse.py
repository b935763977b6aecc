"""Server-sent events out of bytes, however the network cut them.

Invariant: the events depend on the bytes alone, not on where they were split.
An event counts once its blank line has arrived; one that the end of the stream cuts off never existed.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from turnout.remote.payload import PayloadError

_LINE_END = re.compile(rb"\r\n|\n|\r")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class Event(NamedTuple):
    """One event; `data` is never empty, `name` is `message` where the server gave none."""

    name: str
    data: str


class Decoder:
    """Reads one stream; see https://html.spec.whatwg.org/multipage/server-sent-events.html, section 9.2.6.

    Bytes are kept until their line is complete, so the caller bounds what it feeds.
    """

    def __init__(self) -> None:
        self._partial: list[bytes] = []
        self._after_return = False
        self._first_line = True
        self._name = ""
        self._data: list[str] = []

    def feed(self, chunk: bytes) -> Iterator[Event]:
        """Yield the events that `chunk` completes; PayloadError where a line is not UTF-8."""
        for line in self._lines(chunk):
            event = self._take(line)
            if event is not None:
                yield event

    def _lines(self, chunk: bytes) -> Iterator[bytes]:
        if self._after_return and chunk.startswith(b"\n"):
            chunk = chunk[1:]
        elif not chunk:
            return
        self._after_return = chunk.endswith(b"\r")
        head, *rest = _LINE_END.split(chunk)
        self._partial.append(head)
        for piece in rest:
            line, self._partial = b"".join(self._partial), [piece]
            yield line

    def _take(self, raw: bytes) -> Event | None:
        if self._first_line:
            self._first_line = False
            raw = raw.removeprefix(_BYTE_ORDER_MARK)
        if not raw:
            return self._dispatch()
        try:
            field, _, value = raw.decode("utf-8").partition(":")
        except UnicodeDecodeError as exc:
            raise PayloadError("text that is not UTF-8") from exc
        value = value.removeprefix(" ")
        if field == "data":
            self._data.append(value)
        elif field == "event":
            self._name = value
        return None

    def _dispatch(self) -> Event | None:
        name, data = self._name or "message", "\n".join(self._data)
        self._name, self._data = "", []
        return Event(name, data) if data else None
