"""Whole answers of a hosted model, for the scripted server to give; in both wire formats."""

import json

from support.scripted_server import LAST_CHUNK, STREAM_HEAD, chunked


def openai_answer(*pieces: str) -> bytes:
    """A Chat Completions stream of `pieces`, complete."""
    events: list[object] = [{"choices": [{"index": 0, "delta": {"content": piece}}]} for piece in pieces]
    events.append({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    events.append({"choices": [], "usage": {"prompt_tokens": 100, "completion_tokens": 20}})
    lines = [f"data: {json.dumps(event)}\n\n".encode() for event in events]
    return STREAM_HEAD + chunked(*lines, b"data: [DONE]\n\n") + LAST_CHUNK


def openai_cut(*pieces: str) -> bytes:
    """The beginning of such a stream, and then the end of the connection."""
    whole = openai_answer(*pieces)
    return whole[: whole.index(b'"finish_reason"')]


def anthropic_answer(*pieces: str) -> bytes:
    """A Messages stream of `pieces`, complete."""
    usage = {"input_tokens": 100, "output_tokens": 1}
    events: list[dict[str, object]] = [
        {"type": "message_start", "message": {"usage": usage}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    ]
    for piece in pieces:
        delta = {"type": "text_delta", "text": piece}
        events.append({"type": "content_block_delta", "index": 0, "delta": delta})
    events += [
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 20}},
        {"type": "message_stop"},
    ]
    lines = [f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in events]
    return STREAM_HEAD + chunked(*lines) + LAST_CHUNK
