"""Holds JSON against the types of Anthropic's and OpenAI's own packages; runs in the environment that has them.

Reads an array of [kind, API, value] as JSON from standard input; prints what is wrong with each, "" if nothing is.
"""

import json
import sys
from collections.abc import Callable, Iterator

from anthropic.types import RawMessageStreamEvent
from anthropic.types.message_create_params import MessageCreateParamsStreaming
from openai.types.chat import ChatCompletionChunk
from openai.types.chat.completion_create_params import CompletionCreateParamsStreaming
from openai.types.responses import ResponseStreamEvent
from openai.types.responses.response_create_params import ResponseCreateParamsStreaming
from pydantic import ConfigDict, TypeAdapter

BODIES = {
    "anthropic": MessageCreateParamsStreaming,
    "openai-chat": CompletionCreateParamsStreaming,
    "openai-responses": ResponseCreateParamsStreaming,
}
EVENTS = {
    "anthropic": RawMessageStreamEvent,
    "openai-chat": ChatCompletionChunk,
    "openai-responses": ResponseStreamEvent,
}


def main() -> None:
    """Judge everything on standard input."""
    for body in BODIES.values():
        body.__pydantic_config__ = ConfigDict(extra="forbid")
    checks = {("body", name): TypeAdapter(kind).validate_python for name, kind in BODIES.items()}
    checks |= {("event", name): TypeAdapter(kind).validate_python for name, kind in EVENTS.items()}
    print(json.dumps([objection(checks[kind, api], value) for kind, api, value in json.load(sys.stdin)]))


def objection(check: Callable[[object], object], value: object) -> str:
    """What is wrong with `value`."""
    try:
        exhaust(check(value))
    except ValueError as error:
        return str(error)[:2000]
    return ""


def exhaust(value: object) -> None:
    """Look at all of `value`: where the types say Iterable, entries are checked only as they are taken."""
    if isinstance(value, dict):
        for inner in value.values():
            exhaust(inner)
    elif isinstance(value, list) or type(value).__name__ == "ValidatorIterator":
        entries: Iterator[object] = iter(value)  # type: ignore[call-overload]
        for inner in entries:
            exhaust(inner)


if __name__ == "__main__":
    main()
