"""OpenAI Chat Completions, as its first party and the many compatible servers speak it.

How those differ stands in `dialects`; how their answers are read, in `choices`.
"""

import json
from collections.abc import Mapping

from turnout.core.models import Model
from turnout.core.prompts import ChatPrompt, Message, ToolCall
from turnout.remote import thoughts
from turnout.remote.calls import parameters
from turnout.remote.choices import ChoiceInterpreter
from turnout.remote.dialects import Dialect, dialect_of
from turnout.remote.format import Format


def body(model: Model, prompt: ChatPrompt, host: str) -> dict[str, object]:
    """The request for one streamed answer."""
    dialect = dialect_of(model, host)
    request: dict[str, object] = {
        "model": model.model,
        dialect.max_tokens: prompt.max_tokens,
        "stream": True,
        "messages": [_message(model, dialect, message) for message in prompt.messages],
    }
    if dialect.usage:
        request["stream_options"] = {"include_usage": True}
    if dialect.takes_temperature(model.model):
        request["temperature"] = min(prompt.temperature, dialect.hottest)
    # What a server does not take ends the answer here; see `fill.Cut`.
    stop = prompt.stop[: dialect.stops_for(model.model)]
    if stop:
        request["stop"] = list(stop)
    if prompt.tools:
        request["tools"] = [
            {
                "type": "function",
                "function": {
                    "name": tool.name,
                    "description": tool.description,
                    "parameters": parameters(tool.parameters),
                },
            }
            for tool in prompt.tools
        ]
        if prompt.must_call and dialect.must_call:
            request["tool_choice"] = "required"
    if dialect.tags and prompt.tags:
        request["metadata"] = {"tags": list(prompt.tags)}
    return request


def _message(model: Model, dialect: Dialect, message: Message) -> Mapping[str, object]:
    if message.role == "tool":
        return {
            "role": "tool",
            "tool_call_id": dialect.call_id(message.call_id),
            "content": message.content,
        }
    if not message.calls:
        return {"role": message.role, "content": message.content}
    return {
        "role": message.role,
        # Several servers refuse an empty text, and all of them take none beside calls.
        "content": message.content or None,
        "tool_calls": [_call(dialect, call) for call in message.calls],
        **thoughts.echo(model, message, dialect.echo),
    }


def _call(dialect: Dialect, call: ToolCall) -> Mapping[str, object]:
    written: dict[str, object] = {
        "id": dialect.call_id(call.id),
        "type": "function",
        "function": {"name": call.name, "arguments": call.arguments},
    }
    if dialect.seals and call.seal:
        written["extra_content"] = json.loads(call.seal)
    return written


FORMAT = Format(
    base_url="https://api.openai.com/v1",
    path="/chat/completions",
    key_header="authorization",
    key_prefix="Bearer ",
    body=body,
    interpreter=ChoiceInterpreter,
)
