"""One streamed answer: bytes in, text and exactly one ending out.

Invariant: the outcome depends on the bytes alone, not on how they were split, and memory is bounded whatever arrives.
Nothing here knows of networks or time.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Protocol

from turnout.core.backends import Done, Finish
from turnout.core.models import Usage
from turnout.core.prompts import ToolCall
from turnout.errors import ProtocolViolation, StreamTruncated
from turnout.remote.failures import Peer, not_a_stream, page
from turnout.remote.payload import PayloadError
from turnout.remote.sse import Decoder, Event

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""What every API takes for the name of a tool, in a conversation that repeats a call of it."""

MAX_IDLE_BYTES = 4 * 1024 * 1024
"""Bytes without any output of the model: comments, or a line that never ends."""
MAX_TOTAL_BYTES = 128 * 1024 * 1024
"""Bytes of a whole answer; 128K tokens with 300 bytes of envelope each are 38 MB."""
_FREE_CHARACTERS, _TOKEN_CHARACTERS = 100_000, 32
"""Output of a model: so much in any case, and so much for each token that it may take, of which most have four."""
_MOST_BEGINNING_BYTES = 64 * 1024
_BLANK = b"\xef\xbb\xbf \t\r\n"
_JSON = (b"{", b"[")


@dataclass(frozen=True, slots=True)
class Step:
    """What one event meant: text to hand on, and whether the model got any further.

    `unseen` is how many characters of its output are no text: thoughts, and tool calls.
    """

    text: str = ""
    progress: bool = False
    unseen: int = 0


@dataclass(frozen=True, slots=True)
class Counted:
    """Tokens as far as the provider has told; None where it has not. See `core.models.Usage`."""

    input: int | None = None
    output: int | None = None
    cached: int = 0
    written: int = 0
    cost_usd: float | None = None
    prefill: float = 0.0
    """Tokens of the prompt that were read in a second; 0 where it has not told."""


class Interpreter(Protocol):
    """The events of one wire format, one after the other.

    `finish` is set once the model has said that its text is complete, and why.
    `finished` says that nothing more is to be read, because the terminal event has been seen.
    `calls` and `thoughts` are whole once `finish` is set; a thought is JSON in the form of its API.
    """

    finish: Finish | None
    finished: bool
    counted: Counted

    @property
    def calls(self) -> tuple[ToolCall, ...]:
        """The tools that the model asks for."""
        ...

    @property
    def thoughts(self) -> tuple[str, ...]:
        """What it thought ahead of them."""
        ...

    def feed(self, event: Event) -> Step:
        """Take one event; raises BackendError where it reports a failure, PayloadError where it is not the format."""
        ...


class Reply:
    """Reads one answer from its bytes.

    `prompt_characters` serve to estimate tokens that were never counted, `tools` are the names that may be called,
    an answer of `limit` tokens is taken to have hit it, and none has more than `most`, where that is known.
    `thinks_unseen` says that its model generates tokens of which nothing is sent.
    """

    def __init__(
        self,
        peer: Peer,
        interpreter: Interpreter,
        prompt_characters: int,
        tools: frozenset[str] = frozenset(),
        limit: int | None = None,
        *,
        thinks_unseen: bool = False,
        most: int = 0,
    ) -> None:
        self._peer = peer
        self._interpreter = interpreter
        self._decoder = Decoder()
        self._prompt_characters = prompt_characters
        self._tools = tools
        self._limit = limit
        self._thinks_unseen = thinks_unseen
        self._most = most
        self._characters = 0
        self._pieces = 0
        self._idle_bytes = 0
        self._total_bytes = 0
        self._beginning = b""

    @property
    def finished(self) -> bool:
        """Whether the terminal event has been seen, so that nothing more needs to be read."""
        return self._interpreter.finished

    @property
    def complete(self) -> bool:
        """Whether the model has said that its text is complete; the connection may do then what it likes."""
        return self._interpreter.finish is not None

    def feed(self, chunk: bytes) -> Iterator[Step]:
        """Yield what the events in `chunk` mean; raises BackendError at the first that is an error or malformed."""
        self._look_at_beginning(chunk)
        self._total_bytes += len(chunk)
        self._idle_bytes += len(chunk)
        try:
            for event in self._decoder.feed(chunk):
                step = self._interpreter.feed(event)
                self._characters += len(step.text) + step.unseen
                self._pieces += bool(step.text or step.unseen)
                if step.progress:
                    self._idle_bytes = 0
                yield step
                if self.finished:
                    return
        except PayloadError as exc:
            raise ProtocolViolation(f"{self._peer} sent {exc}.", advice=self._advice) from exc
        is_endless = bool(self._most) and self._characters > _FREE_CHARACTERS + _TOKEN_CHARACTERS * self._most
        if is_endless or self._idle_bytes > MAX_IDLE_BYTES or self._total_bytes > MAX_TOTAL_BYTES:
            raise ProtocolViolation(
                f"{self._peer} sent more bytes than an answer can need.", advice=self._advice
            )

    def _look_at_beginning(self, chunk: bytes) -> None:
        """Tell by its first characters what is no stream, whatever its headers say: raises at a page of HTML."""
        if self._beginning and not self._beginning.startswith(_JSON):
            return
        if len(self._beginning) < _MOST_BEGINNING_BYTES:
            self._beginning = (self._beginning + chunk).lstrip(_BLANK)
        if self._beginning.startswith(b"<"):
            raise page(self._peer)

    def ending(self) -> Done:
        """The end of a stream that is over; raises StreamTruncated where the model had not finished."""
        finish = self._interpreter.finish
        if finish is None and self._beginning.startswith(_JSON):
            raise not_a_stream(self._peer, "JSON", self._beginning)
        if finish is None:
            raise StreamTruncated(
                f"{self._peer} ended its stream in the middle.", advice="Try again; the answer was not used."
            )
        usage = self.usage()
        if self._limit is not None and usage.output >= self._limit and not usage.estimated:
            finish = "length"
        return Done(finish=finish, usage=usage, calls=self._offered(self._interpreter.calls))

    @property
    def thoughts(self) -> tuple[str, ...]:
        """What the model thought ahead of its calls, for nobody but itself."""
        return self._interpreter.thoughts if self._interpreter.calls else ()

    def usage(self) -> Usage:
        """Tokens as far as they were counted until now, estimates where they were not.

        A count of none where there was text is a server's way to say that it did not count.
        """
        counted = self._interpreter.counted
        sent = counted.input or (None if self._prompt_characters else counted.input)
        received = counted.output or (None if self._characters else counted.output)
        return Usage(
            input=_estimate(self._prompt_characters) if sent is None else sent,
            output=_estimate(self._characters) if received is None else received,
            cached=counted.cached,
            estimated=sent is None or received is None,
            written=counted.written,
            cost_usd=counted.cost_usd,
        )

    @property
    def prefill(self) -> float:
        """Tokens of the prompt that were read in a second, by the server's own word; 0 where it has not told."""
        return self._interpreter.counted.prefill

    @property
    def begun(self) -> bool:
        """Whether the model has put out anything."""
        return bool(self._pieces)

    def so_far(self) -> Usage | None:
        """Tokens of an answer that is cut off here, always an estimate; None where there is nothing to go by.

        What was told and what was sent are the least that it can be: a provider charges for the rest as well that it
        had generated by then, which the reader of a stream is behind by little. A model that thinks out of sight may
        be behind by all that it is allowed, and so may be one that has sent nothing at all.
        """
        counted = self._interpreter.counted
        if not counted.output and (self._thinks_unseen or not self._pieces):
            return None
        output = max(counted.output or 0, _estimate(self._characters), self._pieces)
        return replace(self.usage(), output=output, estimated=True)

    def enough(self) -> Usage:
        """Tokens of an answer that ends here, since the rest is not wanted: never less than it may have come to.

        Where it may have been thought about out of sight, that is all that it was allowed to take.
        """
        counted, known = self.usage(), self.so_far()
        if known is None:
            return replace(counted, output=max(counted.output, self._most), estimated=True)
        return known if counted.estimated or known.output > counted.output else counted

    def _offered(self, calls: tuple[ToolCall, ...]) -> tuple[ToolCall, ...]:
        """`calls`, where one at least is of a tool that was offered, and the others could be the names of some."""
        known = [call for call in calls if call.name in self._tools]
        for call in calls:
            if call not in known and not (known and _NAME.fullmatch(call.name)):
                raise ProtocolViolation(
                    f"{self._peer} called {self._peer.quote(call.name)!r}, a tool that it was not given.",
                    advice="Choose another model for this kind of request.",
                )
        return calls

    @property
    def _advice(self) -> str:
        return f"Check `api` and `base_url` of [models.{self._peer.model}]."


def _estimate(characters: int) -> int:
    """Tokens of that many characters, at the usual four to a token, rounded up."""
    return -(-characters // 4)
