"""A conversation with tools within the room that a model has.

Invariant: what was said last stays, and a model is told where something was left out.
"""

from collections.abc import Sequence
from dataclasses import replace

from turnout.core.prompts import Message
from turnout.errors import RequestRejected

_LEFT_OUT = "(left out to make room; ask again if you need it)"


def fitting(turns: Sequence[Message], room: int) -> list[Message]:
    """`turns` within `room` bytes: what tools answered longest ago goes first, and the last answers stay."""
    kept = list(turns)
    for index, message in enumerate(kept):
        if size_of(kept) <= room:
            break
        if message.role == "tool" and len(message.content) > len(_LEFT_OUT):
            kept[index] = replace(message, content=_LEFT_OUT)
    if size_of(kept) > room:
        raise RequestRejected("The conversation does not fit the model.", advice="Ask for less at once.")
    return kept


def size_of(messages: Sequence[Message]) -> int:
    """Bytes of what is said in `messages`, and about those of their calls."""
    return sum(
        len(message.content.encode("utf-8", "replace"))
        + sum(len(call.arguments) + 64 for call in message.calls)
        for message in messages
    )
