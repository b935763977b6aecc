"""Tool calls out of the pieces in which every API sends them.

Invariant: a call that is handed on has a name, and arguments that are a JSON object; one that has none stands beside
one that does, so that what is good of an answer is not lost.
"""

import json
from dataclasses import dataclass, field

from turnout.core.backends import Finish
from turnout.core.prompts import ToolCall
from turnout.errors import BackendError, ProtocolViolation, StreamTruncated
from turnout.remote import payload
from turnout.remote.failures import Peer


@dataclass(slots=True)
class _Open:
    """A call as far as it has come."""

    id: str = ""
    name: str = ""
    arguments: list[str] = field(default_factory=list)
    seal: str = ""


class Calls:
    """The calls of one answer, by the key under which the API numbers them."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self._open: dict[object, _Open] = {}

    def add(self, key: object, *, id: str = "", name: str = "", arguments: str = "", seal: str = "") -> None:  # noqa: A002
        """Take a piece of the call under `key`; a name or an identifier that is repeated is the same one."""
        call = self._open.setdefault(key, _Open())
        call.id = call.id or id
        call.name = call.name or name
        call.seal = call.seal or seal
        call.arguments.append(arguments)

    def next_key(self, id: str) -> object:  # noqa: A002
        """The key of a piece that has no number: a call of its own where it brings a new `id`, else the last one."""
        if not self._open:
            return 0
        key = next(reversed(self._open))
        return len(self._open) if id and id != self._open[key].id else key

    def close(self, finish: Finish, promised: str = "", begun: int = 0) -> tuple[ToolCall, ...]:
        """The calls of an answer that has ended by `finish`; raises BackendError where one of them is not whole.

        `promised` is the provider's reason where that says that there is a call; `begun` is how many it announced.
        """
        if finish == "length" and (self._open or begun):
            raise StreamTruncated(
                f"{self._peer} reached its limit of tokens in the middle of a tool call.",
                advice="Choose a model that may answer at greater length.",
                remedy="fall_back",
            )
        if promised and not self._open:
            raise ProtocolViolation(
                f"{self._peer} ended its answer for {self._peer.quote(promised)!r} and sent no call.",
                advice="Choose another model for this kind of request.",
            )
        if begun > len(self._open):
            raise self._broken("without its end")
        calls = tuple(self._read(number, call) for number, call in enumerate(self._open.values()))
        if calls and all(call.garbled for call in calls):
            raise self._broken("whose arguments are not a JSON object")
        return calls

    def _read(self, number: int, call: _Open) -> ToolCall:
        # A call without arguments may come with an empty text in their place.
        arguments = "".join(call.arguments).strip() or "{}"
        try:
            found = payload.parse(arguments)
        except payload.PayloadError:
            found = None
        if not call.name:
            raise self._broken("without a name")
        garbled = "" if isinstance(found, dict) else arguments
        return ToolCall(
            call.id or f"call_{number}", call.name, "{}" if garbled else arguments, call.seal, garbled
        )

    def _broken(self, what: str) -> BackendError:
        return ProtocolViolation(
            f"{self._peer} sent a tool call {what}.", advice="Choose another model for this kind of request."
        )


def parameters(text: str) -> object:
    """The JSON Schema of a tool's arguments, as it goes into a body."""
    return json.loads(text)
