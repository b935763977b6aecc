"""A stream of any format ends in exactly one outcome, whatever its bytes and however they are cut."""

import json
from contextlib import nullcontext
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.streams import (
    DIALECTS,
    HOLES,
    OTHERS,
    PEER,
    PROMPT_CHARACTERS,
    RECORDINGS,
    TOOLS,
    Outcome,
    Recording,
    chunk,
    read,
    sse,
)
from turnout.core.backends import Done, Finish
from turnout.core.models import Server, Usage
from turnout.errors import (
    BackendError,
    OutOfCredit,
    Overloaded,
    ProtocolViolation,
    RateLimited,
    RequestRejected,
    StreamTruncated,
)
from turnout.remote import anthropic, dialects, openai_chat, openai_responses, reply
from turnout.remote.format import Format
from turnout.remote.reply import Reply

ALL = (*RECORDINGS, *DIALECTS, *OTHERS, *HOLES)
recordings = pytest.mark.parametrize("recording", ALL, ids=lambda recording: recording.name)


@recordings
def test_whole(recording: Recording) -> None:
    """A whole stream gives its text, its tool calls, why it ended, and the provider's own count of tokens."""
    expected = Outcome(recording.text, recording.done)
    assert read(recording.wire, [recording.data], recording.peer) == expected
    assert read(recording.wire, [bytes([byte]) for byte in recording.data], recording.peer) == expected


@recordings
def test_cut_at_every_byte(recording: Recording) -> None:
    """A stream cut before its terminal event is truncated; from there on it is a success with all of its output."""
    reply = Reply(recording.peer, recording.wire.interpreter(recording.peer), PROMPT_CHARACTERS, TOOLS)
    text = ""
    for cut, byte in enumerate(recording.data, 1):
        if not reply.finished:
            text += "".join(step.text for step in reply.feed(bytes([byte])))
        assert recording.text.startswith(text)
        if cut < recording.complete_at:
            with pytest.raises(StreamTruncated):
                reply.ending()
            assert not reply.thoughts
        else:
            ending = reply.ending()
            assert (text, ending.finish, ending.calls) == (recording.text, recording.finish, recording.calls)
            assert tuple(map(json.loads, reply.thoughts)) == recording.thoughts


@recordings
@settings(deadline=None, max_examples=40)
@given(data=st.data())
def test_split_anywhere(recording: Recording, data: st.DataObject) -> None:
    """The outcome of a cut stream is the same wherever it was split on its way."""
    stream = recording.data[: data.draw(st.integers(0, len(recording.data)))]
    cuts = [0, *sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8))), len(stream)]
    split, whole = (
        read(recording.wire, [stream[a:b] for a, b in pairwise(cuts)]),
        read(recording.wire, [stream]),
    )
    assert (split.text, split.done, type(split.error)) == (whole.text, whole.done, type(whole.error))


@recordings
@settings(deadline=None, max_examples=40)
@given(at=st.integers(0, 4000), gone=st.integers(0, 60), noise=st.binary(max_size=12))
def test_corrupted_anywhere(recording: Recording, at: int, gone: int, noise: bytes) -> None:
    """Damaged bytes end in one outcome of ours, and its text can be encoded."""
    data = recording.data
    outcome = read(recording.wire, [data[:at] + noise + data[at + gone :]])
    outcome.text.encode("utf-8")
    assert (outcome.done is None) != (outcome.error is None)


def message(*events: dict[str, object], stop: str | None = "end_turn") -> list[object]:
    """Events of Messages, with text before and an ending after them."""
    return [
        {"type": "message_start", "message": {"usage": {"input_tokens": 3, "output_tokens": 1}}},
        {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "ab"}},
        *events,
        {"type": "message_delta", "delta": {"stop_reason": stop}, "usage": {"output_tokens": 2}},
        {"type": "message_stop"},
    ]


ESTIMATED = Usage(11, 1, estimated=True)  # 41 and 2 characters, four to a token


@pytest.mark.parametrize(
    ("events", "finish", "usage"),
    [
        ([chunk("ab"), chunk(finish="stop"), "[DONE]"], "stop", ESTIMATED),
        ([chunk("ab"), chunk(finish="stop")], "stop", ESTIMATED),
        ([chunk("ab", "length"), "[DONE]"], "length", ESTIMATED),
        ([chunk("ab"), chunk(finish="eos"), "[DONE]"], "stop", ESTIMATED),
        # TabbyAPI: the chunk with usage has choices; DeepSeek: its own field for cached tokens.
        (
            [chunk("ab"), chunk(finish="stop", usage={"prompt_tokens": 9, "completion_tokens": 2})],
            "stop",
            Usage(9, 2),
        ),
        (
            [
                chunk("ab", "stop"),
                {
                    "choices": [],
                    "usage": {"prompt_tokens": 9, "completion_tokens": 2, "prompt_cache_hit_tokens": 4},
                },
            ],
            "stop",
            Usage(9, 2, 4),
        ),
        # Kimi: usage in the choice.
        (
            [
                {
                    "choices": [
                        {
                            "delta": {"content": "ab"},
                            "finish_reason": "stop",
                            "usage": {"prompt_tokens": 9, "completion_tokens": 2, "cached_tokens": 5},
                        }
                    ]
                },
                "[DONE]",
            ],
            "stop",
            Usage(9, 2, 5),
        ),
        # Azure and others: chunks without choices or without a delta; a second choice is not ours.
        ([{"choices": []}, {}, {"choices": [{"index": 0}]}, chunk("ab", "stop")], "stop", ESTIMATED),
        (
            [chunk("ab"), {"choices": [{"index": 1, "delta": {"content": "x"}}]}, chunk(finish="stop")],
            "stop",
            ESTIMATED,
        ),
        # Counts that cannot be counts are as good as none.
        (
            [chunk("ab", "stop", usage={"prompt_tokens": 0, "completion_tokens": 0}), "[DONE]"],
            "stop",
            ESTIMATED,
        ),
        (
            [chunk("ab", "stop", usage={"prompt_tokens": -1, "completion_tokens": True}), "[DONE]"],
            "stop",
            ESTIMATED,
        ),
    ],
)
def test_chat_endings(events: list[object], finish: Finish, usage: Usage) -> None:
    """Compatible servers end their streams in many ways; each has one meaning, and missing counts are estimated."""
    assert read(openai_chat.FORMAT, [sse(*events)]) == Outcome("ab", Done(finish, usage))


@pytest.mark.parametrize(
    ("events", "finish", "usage"),
    [
        (message(), "stop", Usage(3, 2)),
        (message(stop="stop_sequence"), "stop", Usage(3, 2)),
        (message(stop="max_tokens"), "length", Usage(3, 2)),
        (message(stop="model_context_window_exceeded"), "length", Usage(3, 2)),
        (message({"type": "ping"}, {"type": "from_the_future", "delta": {"text": 7}}), "stop", Usage(3, 2)),
        (
            message({"type": "content_block_delta", "delta": {"type": "thinking_delta", "thinking": "hm"}}),
            "stop",
            Usage(3, 2),
        ),
        # Usage is cumulative, and a figure that is not repeated stays.
        (
            message(
                {"type": "message_delta", "usage": {"cache_read_input_tokens": 10, "output_tokens": 1}},
                {"type": "message_delta", "usage": {"cache_creation_input_tokens": 5}},
            ),
            "stop",
            Usage(18, 2, 10, written=5),
        ),
    ],
)
def test_messages_endings(events: list[object], finish: Finish, usage: Usage) -> None:
    """Each stop reason of Messages that ends an answer well has one meaning, and usage is cumulative."""
    assert read(anthropic.FORMAT, [sse(*events)]) == Outcome("ab", Done(finish, usage))


def test_messages_without_final_usage() -> None:
    """Where the last count is missing the first one stays, the rest is estimated, and the usage says so."""
    events = [
        *message()[:2],
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}},
        {"type": "message_stop"},
    ]
    assert read(anthropic.FORMAT, [sse(*events)]).done == Done("stop", Usage(3, 1, estimated=True))


OVERLOADED: dict[str, object] = {
    "type": "error",
    "error": {"type": "overloaded_error", "message": "Overloaded"},
}


@pytest.mark.parametrize(
    ("wire", "events", "error", "words"),
    [
        (anthropic.FORMAT, message(OVERLOADED), Overloaded, "overloaded_error"),
        (anthropic.FORMAT, message({"error": {"type": "rate_limit_error"}}), RateLimited, "rate_limit_error"),
        (anthropic.FORMAT, message(stop="refusal"), RequestRejected, "declined"),
        (anthropic.FORMAT, message(stop="tool_use"), ProtocolViolation, "tool_use"),
        (anthropic.FORMAT, message(stop=None), StreamTruncated, "in the middle"),
        (anthropic.FORMAT, message()[:-1], StreamTruncated, "in the middle"),
        (anthropic.FORMAT, ["not JSON"], ProtocolViolation, "not JSON"),
        (anthropic.FORMAT, ["7"], ProtocolViolation, "not an object"),
        (anthropic.FORMAT, message({"type": "message_delta", "delta": []}), ProtocolViolation, "`delta`"),
        (openai_chat.FORMAT, [chunk("ab"), "[DONE]"], StreamTruncated, "in the middle"),
        (openai_chat.FORMAT, [chunk("ab"), chunk("")], StreamTruncated, "in the middle"),
        (openai_chat.FORMAT, [chunk("ab", "content_filter")], RequestRejected, "content filter"),
        (openai_chat.FORMAT, [chunk("ab", "sensitive")], RequestRejected, "content filter"),
        (openai_chat.FORMAT, [chunk("ab", "network_error")], Overloaded, "network_error"),
        (openai_chat.FORMAT, [chunk("ab", "tool_calls")], ProtocolViolation, "tool_calls"),
        (
            openai_chat.FORMAT,
            [{"choices": [{"delta": {"refusal": "I will not."}}]}, chunk(finish="stop"), "[DONE]"],
            RequestRejected,
            "I will not.",
        ),
        # OpenRouter and llama-server put a status into the error, vLLM has no `error` at all, Gemini an array.
        (
            openai_chat.FORMAT,
            [chunk("ab"), {"error": {"code": 502, "message": "upstream"}}],
            Overloaded,
            "upstream",
        ),
        (openai_chat.FORMAT, [{"error": {"code": "insufficient_quota"}}], OutOfCredit, "insufficient_quota"),
        (openai_chat.FORMAT, [{"error": {"code": 400, "message": "bad"}}], RequestRejected, "bad"),
        (openai_chat.FORMAT, [{"object": "error", "message": "boom", "code": 400}], RequestRejected, "boom"),
        (openai_chat.FORMAT, [[{"error": {"code": 429, "message": "slow"}}]], RateLimited, "slow"),
        (openai_chat.FORMAT, [{"error": "model crashed"}], Overloaded, "model crashed"),
        (openai_chat.FORMAT, [chunk("ab"), '{"choices":[{"del'], ProtocolViolation, "not JSON"),
        (openai_chat.FORMAT, ["[" * 100_000], ProtocolViolation, "not JSON"),
        (openai_chat.FORMAT, [{"choices": {}}], ProtocolViolation, "`choices`"),
        (openai_chat.FORMAT, [{"choices": ["x"]}], ProtocolViolation, "not an object"),
        (
            openai_chat.FORMAT,
            [{"choices": [{"delta": {"content": ["x"]}}]}],
            ProtocolViolation,
            "not an object",
        ),
        (openai_chat.FORMAT, [{"choices": [{"delta": {"content": 7}}]}], ProtocolViolation, "`content`"),
    ],
)
def test_failures_inside_a_stream(
    wire: Format[Any], events: list[object], error: type[BackendError], words: str
) -> None:
    """A failure that a 200 carries is the error that it would be outside of one."""
    outcome = read(wire, [sse(*events)])
    assert type(outcome.error) is error
    assert words in str(outcome.error)


def test_event_named_error() -> None:
    """An event that is named `error` is one, whatever it holds."""
    outcome = read(openai_chat.FORMAT, [b'event: error\ndata: {"message": "boom"}\n\n'])
    assert isinstance(outcome.error, Overloaded)
    assert "boom" in str(outcome.error)


def test_nothing_after_the_end() -> None:
    """What follows the terminal event is not read."""
    assert read(openai_chat.FORMAT, [sse(chunk("ab", "stop"), "[DONE]", "garbage")]).done is not None


def test_half_a_surrogate_pair() -> None:
    """Half a character, which JSON can escape, becomes U+FFFD, because no editor could be sent it."""
    outcome = read(openai_chat.FORMAT, [b'data: {"choices":[{"delta":{"content":"a\\ud83d"}}]}\n\n'])
    assert outcome.text == "a\ufffd"


@pytest.mark.parametrize(
    "filler",
    [b": comment\n", b"x" * 4096, b"data: x\n", b'data: {"type":"ping"}\n\n', b'data: {"choices":[]}\n\n'],
)
def test_bytes_without_output(filler: bytes) -> None:
    """A server that sends bytes and no text, in whatever form, is given up after MAX_IDLE_BYTES."""
    piece = filler * (65536 // len(filler))
    fed = 0

    def flood() -> object:
        nonlocal fed
        while True:
            fed += len(piece)
            yield piece

    outcome = read(openai_chat.FORMAT, flood())  # type: ignore[arg-type]
    assert isinstance(outcome.error, ProtocolViolation)
    assert fed <= reply.MAX_IDLE_BYTES + 2 * 65536


def test_too_long_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer that never ends is given up after MAX_TOTAL_BYTES, although each part of it is text."""
    monkeypatch.setattr(reply, "MAX_TOTAL_BYTES", 10_000)
    outcome = read(openai_chat.FORMAT, [sse(chunk("ab"))] * 1000)
    assert isinstance(outcome.error, ProtocolViolation)
    assert len(outcome.text) < 1000


def test_more_than_was_asked_for() -> None:
    """A server that heeds no limit is given up soon, whether it sends text or thoughts; without one nobody can tell."""
    for delta in ({"content": "x" * 1000}, {"reasoning_content": "x" * 1000}):
        part = sse({"choices": [{"index": 0, "delta": delta}]})
        for most in (100, 0):
            endless = Reply(PEER, openai_chat.FORMAT.interpreter(PEER), 1, most=most)
            for _ in range(103):
                list(endless.feed(part))
            with pytest.raises(ProtocolViolation, match="can need") if most else nullcontext():
                list(endless.feed(part))


def test_names() -> None:
    """Errors say which model at which host failed, and never the key."""
    outcome = read(openai_chat.FORMAT, [sse({"error": {"message": f"bad header {PEER.secret}"}})])
    assert "far (api.example.com)" in str(outcome.error)
    assert PEER.secret not in str(outcome.error)
    assert PEER.secret not in repr(PEER)
    assert PROMPT_CHARACTERS == 41


@pytest.mark.parametrize(
    ("cost", "cost_usd"),
    [(0.25, 0.25), (2, 2.0), (0, None), (-1, None), (True, None), ("1", None), (None, None), (1e300, None)],
)
def test_cost(cost: object, cost_usd: float | None) -> None:
    """What a gateway says that an answer cost is kept where it can be a sum; 0 is what it says of unknown prices."""
    usage = {"prompt_tokens": 9, "completion_tokens": 2, "cost": cost}
    stream, peer = [sse(chunk("ab", "stop", usage=usage), "[DONE]")], replace(PEER, server="openrouter")
    assert read(openai_chat.FORMAT, stream, peer).done == Done("stop", Usage(9, 2, cost_usd=cost_usd))


@pytest.mark.parametrize("server", dialects.DIALECTS)
def test_a_cost_is_believed_of_those_who_document_it(server: Server | None) -> None:
    """In both forms of OpenAI's; of every other server it is a field like any other that is not known."""
    peer, believed = replace(PEER, server=server), server in ("openrouter", "litellm")
    usage = {"prompt_tokens": 9, "completion_tokens": 2, "input_tokens": 9, "output_tokens": 2, "cost": 0.25}
    chat = sse(chunk("ab", "stop", usage=usage), "[DONE]")
    completed = {"type": "response.completed", "response": {"usage": usage}}
    for wire, stream in ((openai_chat.FORMAT, chat), (openai_responses.FORMAT, sse(completed))):
        done = read(wire, [stream], peer).done
        assert done is not None
        assert done.usage.cost_usd == (0.25 if believed else None)


def test_later_usage_keeps_what_it_does_not_repeat() -> None:
    """Tokens from the cache that one chunk tells are not lost to another with the same sums."""
    first = {"prompt_tokens": 9, "completion_tokens": 1, "prompt_tokens_details": {"cached_tokens": 4}}
    last = {"prompt_tokens": 9, "completion_tokens": 2}
    events = [chunk("ab", usage=first), chunk(finish="stop", usage=last), "[DONE]"]
    assert read(openai_chat.FORMAT, [sse(*events)]).done == Done("stop", Usage(9, 2, 4))
