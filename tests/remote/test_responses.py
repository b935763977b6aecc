"""OpenAI Responses: which events end an answer, and what every other event means."""

import json

import pytest

from support.streams import PEER, PROMPT_CHARACTERS, Outcome, read
from turnout.core.backends import Done, Finish
from turnout.core.models import Model, Usage
from turnout.core.prompts import ChatPrompt, Message
from turnout.errors import (
    BackendError,
    OutOfCredit,
    Overloaded,
    ProtocolViolation,
    RateLimited,
    RequestRejected,
    StreamTruncated,
)
from turnout.remote import openai_responses
from turnout.remote.reply import Reply

PROMPT = ChatPrompt(
    (Message("system", "a"), Message("system", "b"), Message("user", "c")), temperature=0.5, stop=("X",)
)
COUNTED = {"input_tokens": 9, "output_tokens": 2, "input_tokens_details": {"cached_tokens": 4}}


def sse(*events: object) -> list[bytes]:
    return [
        b"data: " + (event.encode() if isinstance(event, str) else json.dumps(event).encode()) + b"\n\n"
        for event in events
    ]


def event(kind: str, **more: object) -> dict[str, object]:
    return {"type": f"response.{kind}", **more}


def ending(how: str = "completed", reason: str | None = None, **more: object) -> dict[str, object]:
    details = {"reason": reason} if reason else None
    return event(how, response={"incomplete_details": details, "usage": COUNTED, "error": None, **more})


TEXT = event("output_text.delta", output_index=0, content_index=0, delta="ab")


@pytest.mark.parametrize(
    ("events", "finish"),
    [
        ([TEXT, ending()], "stop"),
        ([TEXT, ending("incomplete", "max_output_tokens")], "length"),
        # Unknown events, progress of tools that the API runs, and pings say nothing.
        ([event("created", response={}), event("from_the_future", delta=7), TEXT, ending()], "stop"),
        ([TEXT, event("output_text.done", output_index=0, content_index=0, text="ab"), ending()], "stop"),
        # A server that does not stream its text says it once.
        ([event("output_text.done", output_index=0, content_index=0, text="ab"), ending()], "stop"),
        ([event("reasoning_summary_text.delta", delta="hm"), TEXT, ending(), "[DONE]"], "stop"),
    ],
)
def test_endings(events: list[object], finish: Finish) -> None:
    """A response that is completed, or that hit its limit, is an answer with the provider's count of tokens."""
    assert read(openai_responses.FORMAT, sse(*events)) == Outcome("ab", Done(finish, Usage(9, 2, 4)))


@pytest.mark.parametrize(
    ("events", "error", "words"),
    [
        ([TEXT], StreamTruncated, "in the middle"),
        ([TEXT, "[DONE]"], StreamTruncated, "in the middle"),
        ([TEXT, event("output_item.done", item={"type": "message"})], StreamTruncated, "in the middle"),
        ([TEXT, ending("incomplete", "content_filter")], RequestRejected, "content filter"),
        ([TEXT, ending("incomplete", "boredom")], ProtocolViolation, "boredom"),
        ([TEXT, ending("incomplete")], ProtocolViolation, "incomplete"),
        ([TEXT, ending("cancelled")], ProtocolViolation, "cancelled"),
        ([event("refusal.delta", delta="I will not."), ending()], RequestRejected, "I will not"),
        (
            [ending(output=[{"type": "message", "content": [{"type": "refusal", "refusal": "No."}]}])],
            RequestRejected,
            "No",
        ),
        ([ending("failed", error={"code": "server_error", "message": "boom"})], Overloaded, "boom"),
        ([ending("failed", error={"code": "rate_limit_exceeded", "message": "slow"})], RateLimited, "slow"),
        ([ending("failed", error={"code": "insufficient_quota", "message": "pay"})], OutOfCredit, "pay"),
        ([ending("failed")], Overloaded, "reported an error"),
        ([{"type": "error", "code": "server_error", "message": "boom", "param": None}], Overloaded, "boom"),
        ([{"type": "error", "error": {"code": "invalid_prompt", "message": "bad"}}], RequestRejected, "bad"),
        ([event("completed", response=[])], ProtocolViolation, "`response`"),
        ([event("output_text.delta", delta=7)], ProtocolViolation, "`delta`"),
    ],
)
def test_failures(events: list[object], error: type[BackendError], words: str) -> None:
    """Failures, refusals and unknown endings inside a 200 are errors; nothing but a terminal event is an end."""
    outcome = read(openai_responses.FORMAT, sse(*events))
    assert type(outcome.error) is error
    assert words in outcome.error.message


@pytest.mark.parametrize(
    ("name", "temperature"), [("gpt-4.1-mini", 0.5), ("gpt-5.3-codex", None), ("o3", None)]
)
def test_body(name: str, temperature: float | None) -> None:
    """System messages become the instructions; stop sequences, which the API lacks, are not sent; nothing is stored."""
    request = openai_responses.body(Model("far", "openai-responses", name), PROMPT, "h")
    assert request["instructions"] == "a\n\nb"
    assert request.get("temperature") == temperature
    assert request["store"] is False
    assert not {"stop", "tools", "include"} & request.keys()


@pytest.mark.parametrize(("limit", "finish"), [(2, "length"), (3, "stop"), (None, "stop")])
def test_limit_that_is_not_told(limit: int | None, finish: Finish) -> None:
    """An answer of as many tokens as were allowed has hit its limit, also where the server calls it completed."""
    wire = openai_responses.FORMAT
    reply = Reply(PEER, wire.interpreter(PEER), PROMPT_CHARACTERS, limit=limit)
    for piece in sse(TEXT, ending()):
        list(reply.feed(piece))
    assert reply.ending().finish == finish
