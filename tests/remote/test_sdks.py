"""What is sent, and what our recorded streams claim, by the types of the providers' own packages: see `make peers`."""

import json
import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from support.streams import DIALECTS, OTHERS, RECORDINGS
from turnout.core.models import Api, Model
from turnout.core.prompts import ChatPrompt, Message, Thought, Tool, ToolCall
from turnout.remote.sse import Decoder
from turnout.remote.writing import CHAT

PYTHON = os.environ.get("TURNOUT_TEST_SDKS", "")
pytestmark = pytest.mark.skipif(
    not PYTHON, reason="`make peers` installs the providers' packages and runs this"
)

THOUGHTS = {
    "anthropic": {"type": "thinking", "thinking": "a", "signature": "s"},
    "openai-responses": {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "e"},
    "openai-chat": {"reasoning_content": "a"},
}
HOSTS = {
    "anthropic": "api.anthropic.com",
    "openai-responses": "api.openai.com",
    "openai-chat": "api.openai.com",
}
FIRST_PARTY = [
    recording
    for recording in (*RECORDINGS, *DIALECTS, *OTHERS)
    if recording.name
    in (
        "anthropic",
        "anthropic-tools",
        "openai",
        "openai-tools",
        "openai-responses",
        "openai-responses-incomplete",
    )
]


def objections(checks: list[tuple[str, Api, object]]) -> list[str]:
    """What the packages have against `checks`, each of them a kind, an API and JSON."""
    oracle = Path(__file__).parent.parent / "support" / "sdk_oracle.py"
    told = subprocess.run(
        [PYTHON, "-P", oracle], input=json.dumps(checks), capture_output=True, text=True, check=True
    )
    return [objection for objection in json.loads(told.stdout) if objection]


def prompts(api: Api, model: str) -> list[ChatPrompt]:
    """A question, one with tools, and one that goes on after two calls."""
    tool = Tool("weather", "Tells it.", '{"type": "object", "properties": {"city": {"type": "string"}}}')
    calls = (ToolCall("t0", "weather", '{"city": "Rome"}'), ToolCall("t1", "weather", "{}"))
    first = ChatPrompt((Message("system", "Be brief."), Message("user", "Rome?")), stop=("END", "\n"))
    offered = replace(first, tools=(tool,), must_call=True, tags=("kind:fix",))
    results = tuple(Message("tool", "sunny", call_id=call.id) for call in calls)
    asked = Message(
        "assistant", "", calls, (Thought.of(Model("far", api, model), json.dumps(THOUGHTS[api])),)
    )
    return [first, offered, replace(offered, messages=(*first.messages, asked, *results))]


def test_bodies() -> None:
    """Every field that goes to a first party is one that it knows, with a value that it takes."""
    models: list[tuple[Api, str]] = [
        ("anthropic", "claude-opus-4-6"),
        ("openai-chat", "gpt-4.1-mini"),
        ("openai-chat", "gpt-5.3-codex"),
        ("openai-responses", "gpt-4.1-mini"),
        ("openai-responses", "gpt-5.3-codex"),
    ]
    checks: list[tuple[str, Api, object]] = [
        ("body", api, CHAT[api].body(Model("far", api, model), prompt, HOSTS[api]))
        for api, model in models
        for prompt in prompts(api, model)
    ]
    assert objections(checks) == []


def test_wrong_bodies_are_noticed() -> None:
    """The packages do object: these tests would be worth nothing if they took everything."""
    body = {"model": "m", "stream": True, "max_tokens": 1, "messages": [{"role": "user", "content": 7}]}
    assert (
        len(objections([("body", "anthropic", body), ("body", "openai-chat", {**body, "nonsense": 1})])) == 2
    )


def test_streams() -> None:
    """The first parties' streams that we test with have the shape that their packages expect."""
    events = [
        (recording.api, json.loads(event.data))
        for recording in FIRST_PARTY
        for event in Decoder().feed(recording.data)
        if event.data != "[DONE]"
    ]
    # The packages do not know pings, and one recording holds an event that nobody knows.
    known = [(api, event) for api, event in events if event.get("type") not in ("ping", "something_new")]
    assert objections([("event", api, event) for api, event in known]) == []
