"""Tool calls arrive whole or not at all, and go back to their model in its own form."""

import json
from dataclasses import replace
from typing import Any

import pytest

from support.streams import PEER, read
from turnout.core.models import Api, Model
from turnout.core.prompts import ChatPrompt, Message, Thought, Tool, ToolCall
from turnout.errors import BackendError, ProtocolViolation, StreamTruncated
from turnout.remote import anthropic, openai_chat, openai_responses
from turnout.remote.format import Format
from turnout.remote.thoughts import Thoughts
from turnout.remote.writing import CHAT, chat_characters


def sse(*events: object) -> bytes:
    return b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events)


def chat(*calls: dict[str, object], finish: str = "tool_calls") -> bytes:
    """A chat of the pieces of calls, each in a chunk of its own."""
    chunks = [{"choices": [{"index": 0, "delta": {"tool_calls": [call]}}]} for call in calls]
    return sse(*chunks, {"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})


def piece(name: str = "", arguments: str = "", **more: object) -> dict[str, object]:
    return {"function": {"name": name, "arguments": arguments}, **more}


def messages(*events: dict[str, object], stop: str = "tool_use") -> bytes:
    """An answer of Messages with `events` in it."""
    return sse(
        {"type": "message_start", "message": {"usage": {"input_tokens": 1}}},
        *events,
        {"type": "message_delta", "delta": {"stop_reason": stop}, "usage": {"output_tokens": 1}},
        {"type": "message_stop"},
    )


def tool_use(index: int, name: str, *pieces: str) -> list[dict[str, object]]:
    block = {"type": "tool_use", "id": f"t{index}", "name": name, "input": {}}
    return [
        {"type": "content_block_start", "index": index, "content_block": block},
        *(
            {"type": "content_block_delta", "index": index, "delta": {"partial_json": text}}
            for text in pieces
        ),
    ]


def responses(*items: dict[str, object], how: str = "completed", added: int = 0) -> bytes:
    """A response of whole items, after `added` that were announced."""
    call = {"type": "function_call", "name": "weather", "arguments": ""}
    incomplete = {"reason": "max_output_tokens"} if how == "incomplete" else None
    return sse(
        *[{"type": "response.output_item.added", "item": call}] * added,
        *({"type": "response.output_item.done", "item": item} for item in items),
        {"type": f"response.{how}", "response": {"incomplete_details": incomplete}},
    )


def item(arguments: str, name: str = "weather") -> dict[str, object]:
    return {"type": "function_call", "id": "fc", "call_id": "c", "name": name, "arguments": arguments}


@pytest.mark.parametrize(
    ("stream", "calls"),
    [
        # Pieces of two calls, mixed
        (
            chat(
                piece("weather", index=0, id="a"),
                piece("today", index=1, id="b"),
                piece(arguments='{"x":', index=0),
                piece(arguments="{}", index=1),
                piece(arguments="1}", index=0),
            ),
            [("a", "weather", {"x": 1}), ("b", "today", {})],
        ),
        # Without numbers: a new identifier is a new call, none goes on with the last one
        (
            chat(piece("weather", '{"x":', id="a"), piece(arguments="1}"), piece("today", "{}", id="b")),
            [("a", "weather", {"x": 1}), ("b", "today", {})],
        ),
        # Name and identifier repeated in every piece
        (
            chat(piece("weather", '{"x":', index=0, id="a"), piece("weather", "1}", index=0, id="a")),
            [("a", "weather", {"x": 1})],
        ),
        # No identifier at all, and nothing for arguments
        (chat(piece("weather", index=0)), [("call_0", "weather", {})]),
        # A server that says `stop` although it calls
        (chat(piece("weather", "{}", index=0, id="a"), finish="stop"), [("a", "weather", {})]),
    ],
)
def test_pieces(stream: bytes, calls: list[tuple[str, str, object]]) -> None:
    """However a server cuts its calls, they come out whole and in order."""
    done = read(openai_chat.FORMAT, [stream]).done
    assert done is not None
    assert [(call.id, call.name, json.loads(call.arguments)) for call in done.calls] == calls


GOOD = piece("weather", '{"x": 1}', index=0, id="a")


def test_one_bad_call_takes_no_good_one_with_it() -> None:
    """It comes with what stood there, and one of an unknown name as it is: whoever has the tools says what is wrong."""
    for bad, garbled in (
        (piece("weather", '{"x":', index=1, id="b"), '{"x":'),
        (piece("rm", "{}", index=1, id="b"), ""),
    ):
        done = read(openai_chat.FORMAT, [chat(GOOD, bad)]).done
        assert done is not None
        assert [(call.id, call.arguments, call.garbled) for call in done.calls] == [
            ("a", '{"x": 1}', ""),
            ("b", "{}", garbled),
        ]
    for name, words in (("r m", "not given"), ("", "without a name")):
        found = read(openai_chat.FORMAT, [chat(GOOD, piece(name, "{}", index=1, id="b"))])
        assert isinstance(found.error, ProtocolViolation)
        assert words in found.error.message


@pytest.mark.parametrize(
    ("wire", "stream", "error", "words"),
    [
        (
            openai_chat.FORMAT,
            chat(piece("weather", '{"x":', index=0)),
            ProtocolViolation,
            "not a JSON object",
        ),
        (openai_chat.FORMAT, chat(piece("weather", "[1]", index=0)), ProtocolViolation, "not a JSON object"),
        (openai_chat.FORMAT, chat(piece("", "{}", index=0)), ProtocolViolation, "without a name"),
        (openai_chat.FORMAT, chat(), ProtocolViolation, "sent no call"),
        (openai_chat.FORMAT, chat(piece("rm", "{}", index=0)), ProtocolViolation, "not given"),
        (
            openai_chat.FORMAT,
            chat(piece("weather", "{}", index=0), finish="length"),
            StreamTruncated,
            "limit",
        ),
        (anthropic.FORMAT, messages(*tool_use(0, "weather", '{"x"')), ProtocolViolation, "not a JSON object"),
        (anthropic.FORMAT, messages(*tool_use(0, "rm", "{}")), ProtocolViolation, "not given"),
        (anthropic.FORMAT, messages(), ProtocolViolation, "sent no call"),
        (anthropic.FORMAT, messages(*tool_use(0, "weather"), stop="max_tokens"), StreamTruncated, "limit"),
        (anthropic.FORMAT, messages(stop="pause_turn"), ProtocolViolation, "pause_turn"),
        (openai_responses.FORMAT, responses(item('{"x"')), ProtocolViolation, "not a JSON object"),
        (openai_responses.FORMAT, responses(item("{}", "rm")), ProtocolViolation, "not given"),
        (openai_responses.FORMAT, responses(added=1), ProtocolViolation, "without its end"),
        (openai_responses.FORMAT, responses(added=1, how="incomplete"), StreamTruncated, "limit"),
    ],
)
def test_broken_calls(wire: Format[Any], stream: bytes, error: type[BackendError], words: str) -> None:
    """A call that is cut, malformed or of a tool that was not offered is an error, never an answer."""
    outcome = read(wire, [stream])
    assert type(outcome.error) is error
    assert words in outcome.error.message


def test_limit_in_a_call_is_not_tried_again() -> None:
    """The same model would run into the same limit, so another one is asked."""
    outcome = read(openai_chat.FORMAT, [chat(piece("weather", "{}", index=0), finish="length")])
    assert outcome.error is not None
    assert outcome.error.remedy == "fall_back"


def test_calls_and_thoughts_count_as_output() -> None:
    """Where nobody counted, tokens are estimated from calls and thoughts as well as from text."""
    events = [
        {"choices": [{"delta": {"reasoning_content": "x" * 40}}]},
        {
            "choices": [
                {"delta": {"tool_calls": [piece("weather", '{"x": 1}', index=0)]}, "finish_reason": "stop"}
            ]
        },
    ]
    done = read(openai_chat.FORMAT, [sse(*events)]).done
    assert done is not None
    assert (done.usage.output, done.usage.estimated) == (
        (40 + len("weather") + len('{"x": 1}') + 3) // 4,
        True,
    )


CALL = ToolCall("t0", "weather", '{"city": "Rome"}')
TOOL = Tool("weather", "Tells the weather.", '{"type": "object"}')


def conversation(api: Api, data: object, model: str = "m-1") -> ChatPrompt:
    thought = Thought.of(Model("far", api, model), json.dumps(data))
    return ChatPrompt(
        (
            Message("system", "Be brief."),
            Message("user", "Rome?"),
            Message("assistant", "Let me see.", (CALL, CALL), (thought,)),
            Message("tool", "sunny", call_id="t0"),
            Message("tool", "warm", call_id="t0"),
        ),
        tools=(TOOL,),
        must_call=True,
    )


def test_messages_body() -> None:
    """Messages gets thoughts in front of the calls, both results in one turn, and marks where its cache may end."""
    block = {"type": "thinking", "thinking": "a", "signature": "s"}
    mark = {"cache_control": {"type": "ephemeral"}}
    use = {"type": "tool_use", "id": "t0", "name": "weather", "input": {"city": "Rome"}}
    result = {"type": "tool_result", "tool_use_id": "t0"}
    request = anthropic.body(Model("far", "anthropic", "m-1"), conversation("anthropic", block), "h")
    assert request["system"] == [{"type": "text", "text": "Be brief.", **mark}]
    assert request["tool_choice"] == {"type": "any"}
    assert request["tools"] == [
        {"name": "weather", "description": "Tells the weather.", "input_schema": {"type": "object"}}
    ]
    assert request["messages"] == [
        {"role": "user", "content": "Rome?"},
        {"role": "assistant", "content": [block, {"type": "text", "text": "Let me see."}, use, use]},
        {"role": "user", "content": [{**result, "content": "sunny"}, {**result, "content": "warm", **mark}]},
    ]


def test_first_turn_with_tools() -> None:
    """The first question of a conversation with tools is marked as well, because the next request begins with it."""
    prompt = ChatPrompt((Message("user", "Rome?"),), tools=(TOOL,))
    turn: Any
    [turn] = anthropic.body(Model("far", "anthropic", "m-1"), prompt, "h")["messages"]  # type: ignore[misc]
    assert turn["content"] == [{"type": "text", "text": "Rome?", "cache_control": {"type": "ephemeral"}}]


def test_responses_body() -> None:
    """Responses gets items in order, stores nothing, and gives out thoughts sealed where its models have them."""
    reasoning = {"type": "reasoning", "id": "rs", "summary": [], "encrypted_content": "e"}
    model = Model("far", "openai-responses", "gpt-5.3-codex")
    request = openai_responses.body(model, conversation("openai-responses", reasoning, model.model), "h")
    call = {"type": "function_call", "call_id": "t0", "name": "weather", "arguments": CALL.arguments}
    said = [{"type": "output_text", "text": "Let me see."}]
    asked = [{"type": "input_text", "text": "Rome?"}]
    assert request == {
        "model": "gpt-5.3-codex",
        "max_output_tokens": 2048,
        "stream": True,
        "store": False,
        "instructions": "Be brief.",
        "include": ["reasoning.encrypted_content"],
        "tool_choice": "required",
        "tools": [
            {
                "type": "function",
                "name": "weather",
                "description": "Tells the weather.",
                "parameters": {"type": "object"},
                "strict": False,
            }
        ],
        "input": [
            {"type": "message", "role": "user", "content": asked},
            reasoning,
            {"type": "message", "role": "assistant", "content": said},
            call,
            call,
            {"type": "function_call_output", "call_id": "t0", "output": "sunny"},
            {"type": "function_call_output", "call_id": "t0", "output": "warm"},
        ],
    }


@pytest.mark.parametrize("api", CHAT)
@pytest.mark.parametrize(
    ("other", "is_sent"),
    [
        ({}, True),
        ({"model": "other"}, False),
        ({"name": "gateway"}, False),
        ({"base_url": "https://gateway.example/v1"}, False),
        ({"leaves_machine": True}, False),
    ],
)
def test_thoughts_are_for_their_own_model(api: Api, other: dict[str, Any], is_sent: bool) -> None:
    """What one model thought is not sent to another, also not to one of the same name at another endpoint."""
    secret = {"type": "thinking", "reasoning_content": "sealed-words", "thinking": "sealed-words"}
    model = replace(Model("far", api, "m-1", server="deepseek"), **other)
    body = CHAT[api].body(model, conversation(api, secret), "h")
    assert ("sealed-words" in json.dumps(body)) is is_sent


def test_characters_of_tools() -> None:
    """Tools and calls are a part of what a prompt costs."""
    bare = ChatPrompt((Message("user", "Rome?"),))
    assert chat_characters(conversation("anthropic", {})) > chat_characters(bare) + len(CALL.arguments)


def test_parts_of_thoughts() -> None:
    """Parts that grow are joined up to their signature; sealed ones stay apart."""
    thoughts = Thoughts()
    for part in (
        {"type": "thinking", "thinking": "a"},
        {"type": "thinking", "thinking": "b", "signature": None},
        {"type": "thinking", "signature": "s1"},
        {"type": "thinking", "thinking": "c", "signature": "s2"},
        {"type": "redacted_thinking", "data": "x"},
        {"type": "redacted_thinking", "data": "y"},
    ):
        thoughts.add({"thinking_blocks": [part]})
    assert json.loads(thoughts.whole())["thinking_blocks"] == [
        {"type": "thinking", "thinking": "ab", "signature": "s1"},
        {"type": "thinking", "thinking": "c", "signature": "s2"},
        {"type": "redacted_thinking", "data": "x"},
        {"type": "redacted_thinking", "data": "y"},
    ]


def test_names_of_calls_are_quoted() -> None:
    """A name that a model made up is shown on one short line, without the key."""
    outcome = read(openai_chat.FORMAT, [chat(piece(f"rm\n{PEER.secret}{'x' * 999}", "{}", index=0))])
    assert outcome.error is not None
    assert PEER.secret not in str(outcome.error)
    assert len(outcome.error.message) < 500
