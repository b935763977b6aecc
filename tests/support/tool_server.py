"""Answers that call one tool, in the three wire formats that have tools, for the scripted server to give."""

import json
from collections.abc import Callable

from support.scripted_server import LAST_CHUNK, STREAM_HEAD, chunked

Wire = Callable[[str, object], bytes]
"""The stream that calls a tool by name with arguments, complete."""


def chat_call(name: str, arguments: object) -> bytes:
    """A Chat Completions stream."""
    call = {"index": 0, "id": "c1", "function": {"name": name, "arguments": json.dumps(arguments)}}
    return _stream(
        {"choices": [{"index": 0, "delta": {"tool_calls": [call]}}]},
        {"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]},
        {"choices": [], "usage": {"prompt_tokens": 100, "completion_tokens": 20}},
        last=b"data: [DONE]\n\n",
    )


def anthropic_call(name: str, arguments: object) -> bytes:
    """A Messages stream."""
    block = {"type": "tool_use", "id": "c1", "name": name, "input": {}}
    delta = {"type": "input_json_delta", "partial_json": json.dumps(arguments)}
    return _stream(
        {"type": "message_start", "message": {"usage": {"input_tokens": 100, "output_tokens": 1}}},
        {"type": "content_block_start", "index": 0, "content_block": block},
        {"type": "content_block_delta", "index": 0, "delta": delta},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 20}},
        {"type": "message_stop"},
    )


def responses_call(name: str, arguments: object) -> bytes:
    """A Responses stream."""
    item = {
        "type": "function_call", "id": "f1", "call_id": "c1", "name": name, "arguments": json.dumps(arguments),
    }  # fmt: skip
    return _stream(
        {"type": "response.output_item.added", "item": {**item, "arguments": ""}},
        {"type": "response.output_item.done", "item": item},
        {"type": "response.completed", "response": {"usage": {"input_tokens": 100, "output_tokens": 20}}},
    )


def cut(stream: bytes) -> bytes:
    """The first half of a stream, and then the end of the connection."""
    return stream[: len(stream) // 2]


def _stream(*events: dict[str, object], last: bytes = b"") -> bytes:
    lines = [f"event: {event.get('type', 'x')}\ndata: {json.dumps(event)}\n\n".encode() for event in events]
    return STREAM_HEAD + chunked(*lines, *([last] if last else [])) + LAST_CHUNK
