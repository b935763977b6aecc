"""What is known of an answer that was cut off: nothing less than was sent or told, and never as a count."""

from typing import Any

import pytest

from support.streams import PEER, PROMPT_CHARACTERS, RECORDINGS, TOOLS, Recording, chunk, sse
from turnout.core.models import Usage
from turnout.remote import anthropic, completions, openai_chat, openai_responses
from turnout.remote.format import Format
from turnout.remote.reply import Reply


def usage_chunk(**usage: object) -> dict[str, object]:
    """A chunk of a chat that tells tokens and nothing else."""
    return {"choices": [], "usage": usage}


_START = {
    "type": "message_start",
    "message": {"usage": {"input_tokens": 900, "cache_read_input_tokens": 100, "output_tokens": 1}},
}
_THINKING = [
    {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": ""}},
    *[
        {
            "type": "content_block_delta",
            "index": 0,
            "delta": {"type": "thinking_delta", "thinking": "hm " * 40},
        }
        for _ in range(10)
    ],
]
_TEXT = {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "ab"}}


def _thinks(field: str) -> dict[str, object]:
    return {"choices": [{"index": 0, "delta": {field: "hm " * 40}}]}


CUT_OFF: list[tuple[str, Format[Any], list[object], Usage | None]] = [
    ("Anthropic, silent", anthropic.FORMAT, [_START], None),
    ("Anthropic, thinking", anthropic.FORMAT, [_START, *_THINKING], Usage(1000, 300, 100, estimated=True)),
    ("Anthropic, text", anthropic.FORMAT, [_START, *_THINKING, _TEXT], Usage(1000, 301, 100, estimated=True)),
    ("Chat, silent", openai_chat.FORMAT, [], None),
    ("Chat, only told the input", openai_chat.FORMAT, [usage_chunk(prompt_tokens=500)], None),
    ("Chat, text", openai_chat.FORMAT, [chunk("abcd" * 5)], Usage(11, 5, estimated=True)),
    (
        "Chat, token by token",
        openai_chat.FORMAT,
        [chunk("a")] * 7,
        Usage(11, 7, estimated=True),
    ),
    (
        "Chat, thinking and told",
        openai_chat.FORMAT,
        [_thinks("reasoning_content"), usage_chunk(prompt_tokens=500, completion_tokens=77)],
        Usage(500, 77, estimated=True),
    ),
    (
        "Chat, told less than was sent",
        openai_chat.FORMAT,
        [_thinks("reasoning"), usage_chunk(prompt_tokens=500, completion_tokens=1), _thinks("reasoning")],
        Usage(500, 60, estimated=True),
    ),
    (
        "Responses, a summary of its thoughts and text",
        openai_responses.FORMAT,
        [
            {"type": "response.reasoning_summary_text.delta", "delta": "hm " * 40},
            {"type": "response.output_text.delta", "output_index": 1, "content_index": 0, "delta": "abcd"},
        ],
        Usage(11, 31, estimated=True),
    ),
    (
        "Responses, arguments",
        openai_responses.FORMAT,
        [{"type": "response.function_call_arguments.delta", "delta": "x" * 40}],
        Usage(11, 10, estimated=True),
    ),
]


@pytest.mark.parametrize(
    ("wire", "events", "usage"), [row[1:] for row in CUT_OFF], ids=[row[0] for row in CUT_OFF]
)
def test_what_was_cut_off_is_counted(wire: Format[Any], events: list[object], usage: Usage | None) -> None:
    """Thoughts and arguments like text, and what was told in the middle; always as an estimate, or as not known."""
    reply = Reply(PEER, wire.interpreter(PEER), PROMPT_CHARACTERS, TOOLS)
    for _ in reply.feed(sse(*events)):
        pass
    assert reply.so_far() == usage


def test_a_model_that_thinks_out_of_sight_may_have_thought_longer_than_it_wrote() -> None:
    """Nobody knows what it came to, unless somebody told."""
    reply = Reply(PEER, openai_chat.FORMAT.interpreter(PEER), PROMPT_CHARACTERS, thinks_unseen=True)
    list(reply.feed(sse(chunk("abcd"))))
    assert reply.so_far() is None
    list(reply.feed(sse(usage_chunk(prompt_tokens=9, completion_tokens=800))))
    assert reply.so_far() == Usage(9, 800, estimated=True)


_SPOKEN: dict[str, tuple[Format[Any], list[object]]] = {
    "Anthropic": (
        anthropic.FORMAT,
        [
            _START,
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "abcd"}},
        ],
    ),
    "Chat": (openai_chat.FORMAT, [chunk("abcd")]),
    "Responses": (
        openai_responses.FORMAT,
        [{"type": "response.output_text.delta", "output_index": 1, "content_index": 0, "delta": "abcd"}],
    ),
    "Completions": (completions.FORMAT, [{"choices": [{"index": 0, "text": "abcd"}]}]),
}


@pytest.mark.parametrize(("wire", "events"), _SPOKEN.values(), ids=_SPOKEN)
def test_an_answer_that_a_stop_sequence_ends_here_is_not_undercounted(
    wire: Format[Any], events: list[object]
) -> None:
    """Of thoughts out of sight nobody can tell how many there were, so they count as all that was allowed."""
    for thinks_unseen, output in ((True, 700), (False, 1)):
        reply = Reply(PEER, wire.interpreter(PEER), PROMPT_CHARACTERS, most=700, thinks_unseen=thinks_unseen)
        list(reply.feed(sse(*events)))
        assert (reply.enough().output, reply.enough().estimated) == (output, True)


def test_a_count_that_came_in_the_middle_holds_where_no_less_was_sent() -> None:
    """A server that counts as it goes is believed, but not below what it has sent."""
    reply = Reply(PEER, openai_chat.FORMAT.interpreter(PEER), PROMPT_CHARACTERS, most=700, thinks_unseen=True)
    list(reply.feed(sse(chunk("abcd"), usage_chunk(prompt_tokens=9, completion_tokens=80))))
    assert reply.enough() == Usage(9, 80)
    list(reply.feed(sse(chunk("abcd" * 100))))
    assert reply.enough() == Usage(9, 101, estimated=True)


@pytest.mark.parametrize("recording", RECORDINGS, ids=lambda recording: recording.name)
def test_a_cut_never_counts_less_than_before(recording: Recording) -> None:
    """From byte to byte a cut stream is known to have come to at least as much, and always as an estimate."""
    reply = Reply(recording.peer, recording.wire.interpreter(recording.peer), PROMPT_CHARACTERS, TOOLS)
    output = 0
    for byte in recording.data:
        list(reply.feed(bytes([byte])))
        usage = reply.so_far()
        assert usage is None or (usage.estimated and usage.output >= output)
        output = usage.output if usage is not None else output
        if reply.finished:
            break
    assert output >= recording.usage.output


@pytest.mark.parametrize(("told", "total", "output"), [(5, 900, 400), (5, 505, 5), (5, 0, 5), (5, None, 5)])
def test_tokens_that_only_the_total_has_count_as_output(told: int, total: int | None, output: int) -> None:
    """What a model thought out of sight costs as much, also where a server leaves it out of the count of its answer."""
    usage = {"prompt_tokens": 500, "completion_tokens": told} | (
        {} if total is None else {"total_tokens": total}
    )
    reply = Reply(PEER, openai_chat.FORMAT.interpreter(PEER), PROMPT_CHARACTERS)
    list(reply.feed(sse(chunk("abcd"), usage_chunk(**usage))))
    assert reply.usage().output == output
