"""What each server and provider is sent, and what its answers mean: every quirk that is known is a row here."""

import json
from typing import Any

import pytest

from support.streams import PEER
from turnout.core.models import Model, Server
from turnout.core.prompts import ChatPrompt, Message, Thought, Tool, ToolCall
from turnout.errors import (
    BackendError,
    OutOfCredit,
    Overloaded,
    RateLimited,
    RequestRejected,
    StreamTruncated,
    Unauthorized,
)
from turnout.remote import openai_chat
from turnout.remote.dialects import DIALECTS, HOSTS, server_of
from turnout.remote.failures import Peer, in_stream, refusal
from turnout.remote.taxonomy import BY_SERVER

TOOL = Tool("weather", "Tells the weather.", '{"type": "object", "properties": {"city": {"type": "string"}}}')
REASONED = {
    "reasoning_content": "a",
    "reasoning": "b",
    "reasoning_details": [{"type": "reasoning.text", "text": "c"}],
    "thinking_blocks": [{"type": "thinking", "thinking": "d", "signature": "s"}],
}
SEAL = {"google": {"thought_signature": "sig"}}


def far(server: Server | None, name: str = "m-1") -> Model:
    return Model("far", "openai-chat", name, base_url="https://h.example/v1", server=server)


def conversation(model: Model) -> ChatPrompt:
    """A question, a call of a tool with the thoughts that led to it, and what the tool said."""
    thought = Thought.of(model, json.dumps(REASONED))
    call = ToolCall("call:1", "weather", '{"city": "Rome"}', json.dumps(SEAL))
    return ChatPrompt(
        (
            Message("system", "Be brief."),
            Message("user", "Rome?"),
            Message("assistant", "", (call,), (thought,)),
            Message("tool", "sunny", call_id="call:1"),
        ),
        max_tokens=7,
        temperature=1.8,
        stop=("A", "B", "C", "D", "E"),
        tools=(TOOL,),
        must_call=True,
        tags=("kind:fix",),
    )


def sent(server: Server | None, name: str = "m-1") -> dict[str, object]:
    model = far(server, name)
    return openai_chat.body(model, conversation(model), "h.example")


def test_hosts() -> None:
    """A hosted provider is known by its host; a setting goes before it, and a host that is nobody's tells nothing."""
    for host, server in HOSTS.items():
        assert server_of(far(None), host) == server
    assert server_of(far("vllm"), "api.openai.com") == "vllm"
    assert server_of(far(None), "gateway.example.com") is None
    assert set(HOSTS.values()) | {
        "vllm",
        "sglang",
        "ollama",
        "tabbyapi",
        "llama-server",
        "litellm",
        None,
    } == {*DIALECTS}


@pytest.mark.parametrize(
    ("server", "limit", "usage", "stops", "temperature", "echoed", "must_call"),
    [
        (None, "max_tokens", True, 4, 1.8, set(), True),
        ("openai", "max_completion_tokens", True, 4, 1.8, set(), True),
        ("zai", "max_tokens", True, 1, 1.0, {"reasoning_content"}, False),
        ("moonshot", "max_completion_tokens", True, 4, 1.0, {"reasoning_content"}, False),
        ("deepseek", "max_tokens", True, 4, 1.8, {"reasoning_content"}, False),
        ("gemini", "max_tokens", True, 4, 1.8, set(), True),
        ("openrouter", "max_tokens", True, 4, 1.8, {"reasoning_details"}, True),
        ("mistral", "max_tokens", False, 4, 1.5, set(), True),
        ("vllm", "max_tokens", True, 4, 1.8, {"reasoning_content", "reasoning"}, True),
        ("sglang", "max_tokens", True, 4, 1.8, {"reasoning_content", "reasoning"}, True),
        ("ollama", "max_tokens", True, 4, 1.8, {"reasoning"}, True),
        ("tabbyapi", "max_tokens", True, 4, 1.8, set(), True),
        ("llama-server", "max_tokens", True, 4, 1.8, {"reasoning_content"}, True),
        ("litellm", "max_tokens", True, 4, 1.8, {"reasoning_content", "thinking_blocks"}, True),
    ],
)
def test_body(
    server: Server | None,
    limit: str,
    usage: bool,
    stops: int,
    temperature: float,
    echoed: set[str],
    must_call: bool,
) -> None:
    """Each server gets its own name for the limit, no field that it refuses, and the thoughts that it wants back."""
    request = sent(server)
    assert request[limit] == 7
    assert len({"max_tokens", "max_completion_tokens"} & request.keys()) == 1
    assert ("stream_options" in request) == usage
    assert request["stop"] == ["A", "B", "C", "D", "E"][:stops]
    assert request["temperature"] == temperature
    assert request.get("tool_choice") == ("required" if must_call else None)
    assert ("metadata" in request) == (server == "litellm")
    turn: Any
    _, _, turn, _ = request["messages"]  # type: ignore[misc]
    assert {name: turn[name] for name in REASONED if name in turn} == {
        name: REASONED[name] for name in echoed
    }


def test_whole_body() -> None:
    """A conversation with tools has the shape that OpenAI documents."""
    assert sent(None) == {
        "model": "m-1",
        "max_tokens": 7,
        "stream": True,
        "stream_options": {"include_usage": True},
        "temperature": 1.8,
        "stop": ["A", "B", "C", "D"],
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Rome?"},
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [
                    {
                        "id": "call:1",
                        "type": "function",
                        "function": {"name": "weather", "arguments": '{"city": "Rome"}'},
                    }
                ],
            },
            {"role": "tool", "tool_call_id": "call:1", "content": "sunny"},
        ],
        "tools": [
            {
                "type": "function",
                "function": {
                    "name": "weather",
                    "description": "Tells the weather.",
                    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
                },
            }
        ],
        "tool_choice": "required",
    }


@pytest.mark.parametrize("server", DIALECTS)
def test_seals(server: Server | None) -> None:
    """The signature of a call goes back to Gemini and to gateways in front of it, and to nobody else."""
    [call] = sent(server)["messages"][2]["tool_calls"]  # type: ignore[index]
    assert call.get("extra_content") == (SEAL if server in ("gemini", "openrouter", "litellm") else None)


def test_thoughts_of_another_model() -> None:
    """Thoughts go back to the model that had them, not to one that stands in for it."""
    prompt = conversation(far("deepseek", "deepseek-v4"))
    turn = openai_chat.body(far("deepseek", "other"), prompt, "h")["messages"][2]  # type: ignore[index]
    assert not REASONED.keys() & turn.keys()


def test_call_identifiers() -> None:
    """Mistral takes nine letters and digits; another provider's identifier becomes one, the same in both turns."""
    asked: Any
    answered: Any
    _, _, asked, answered = sent("mistral")["messages"]  # type: ignore[misc]
    made = asked["tool_calls"][0]["id"]
    assert (len(made), made.isalnum()) == (9, True)
    assert answered["tool_call_id"] == made
    assert DIALECTS["mistral"].call_id("D681PevKs") == "D681PevKs"


@pytest.mark.parametrize(
    ("server", "name", "temperature", "stops"),
    [
        ("moonshot", "kimi-k2.6", False, True),
        ("moonshot", "moonshot-v1-8k", True, True),
        ("vllm", "moonshotai/Kimi-K2.5", True, True),
        ("openai", "gpt-5.3-codex", False, False),
        ("openai", "o3", False, False),
        ("openai", "gpt-4.1-mini", True, True),
        ("openrouter", "openai/gpt-5.3-codex", False, False),
    ],
)
def test_fixed_sampling(server: Server, name: str, temperature: bool, stops: bool) -> None:
    """Models that fix their sampling are told neither a temperature nor, where they refuse them, stop sequences."""
    request = sent(server, name)
    assert ("temperature" in request, "stop" in request) == (temperature, stops)


LITELLM = {"error": {"message": "litellm.X", "type": None, "param": None, "code": "429"}}


@pytest.mark.parametrize(
    ("server", "status", "body", "error", "remedy"),
    [
        # GLM: a 429 is a limit, an overload of minutes, or an empty balance.
        ("zai", 429, {"error": {"code": "1302", "message": "x"}}, RateLimited, "retry"),
        ("zai", 429, {"error": {"code": "1305", "message": "x"}}, Overloaded, "fall_back"),
        ("zai", 429, {"error": {"code": "1113", "message": "x"}}, OutOfCredit, "fall_back"),
        ("zai", 429, {"error": {"code": "1308", "message": "x"}}, RateLimited, "fall_back"),
        ("zai", 400, {"error": {"code": "1211", "message": "x"}}, RequestRejected, "fall_back"),
        ("zai", 401, {"error": {"code": "1001", "message": "x"}}, Unauthorized, "stop"),
        ("zai", 200, {"error": {"code": "1301", "message": "x"}}, RequestRejected, "fall_back"),
        # The same number of another provider is not GLM's.
        ("mistral", 429, {"object": "error", "code": "1300", "message": "x"}, RateLimited, "retry"),
        (None, 503, {"error": {"code": "1001", "message": "x"}}, Overloaded, "retry"),
        # Mistral names the field that it does not know.
        (
            "mistral",
            422,
            {
                "object": "error",
                "message": {
                    "detail": [{"type": "extra_forbidden", "loc": ["body", "x"], "msg": "Not permitted"}]
                },
                "type": "invalid_request_error",
            },
            RequestRejected,
            "fall_back",
        ),
        # Kimi
        ("moonshot", 429, {"error": {"type": "engine_overloaded_error"}}, Overloaded, "retry"),
        ("moonshot", 429, {"error": {"type": "exceeded_current_quota_error"}}, OutOfCredit, "fall_back"),
        ("moonshot", 404, {"error": {"type": "resource_not_found_error"}}, RequestRejected, "fall_back"),
        # DeepSeek
        ("deepseek", 402, {"error": {"message": "Insufficient Balance"}}, OutOfCredit, "fall_back"),
        ("deepseek", 400, {"error": {"message": "Model Not Exist"}}, RequestRejected, "fall_back"),
        # Gemini: an array, and 400 for a key that is wrong
        (
            "gemini",
            400,
            [{"error": {"code": 400, "message": "API key not valid. Please", "status": "INVALID_ARGUMENT"}}],
            Unauthorized,
            "stop",
        ),
        (
            "gemini",
            429,
            [{"error": {"code": 429, "message": "x", "status": "RESOURCE_EXHAUSTED"}}],
            RateLimited,
            "retry",
        ),
        # OpenRouter
        (
            "openrouter",
            402,
            {"error": {"code": 402, "message": "Insufficient credits"}},
            OutOfCredit,
            "fall_back",
        ),
        (
            "openrouter",
            400,
            {"error": {"code": 400, "message": "x/y is not a valid model ID"}},
            RequestRejected,
            "fall_back",
        ),
        # vLLM without `error`, TabbyAPI's overflow
        (
            "vllm",
            400,
            {"object": "error", "message": "maximum context length is 8"},
            RequestRejected,
            "fall_back",
        ),
        ("tabbyapi", 400, {"error": {"code": "context_length_exceeded"}}, RequestRejected, "fall_back"),
        # LiteLLM writes the status as text, and has budgets of its own.
        ("litellm", 200, LITELLM, RateLimited, "retry"),
        ("litellm", 400, {"error": {"type": "budget_exceeded", "code": "400"}}, OutOfCredit, "fall_back"),
        ("litellm", 401, {"error": {"type": "auth_error", "code": "401"}}, Unauthorized, "stop"),
        # llama-server while it loads
        ("llama-server", 503, {"error": {"type": "unavailable_error", "code": 503}}, Overloaded, "retry"),
    ],
)
def test_errors(
    server: Server | None, status: int, body: object, error: type[BackendError], remedy: str
) -> None:
    """An error of each provider is ours, with what may help: the same model again, another one, or only the user."""
    peer = Peer("far", "h.example", "env:KEY", server=server)
    found = in_stream(peer, body) if status == 200 else refusal(peer, status, {}, json.dumps(body).encode())
    assert (type(found), found.remedy) == (error, remedy)
    assert found.advice
    if "Not permitted" in json.dumps(body):
        assert "body.x: Not permitted" in found.message


@pytest.mark.parametrize(
    ("status", "headers", "remedy", "seconds"),
    [
        (429, {"retry-after": "7"}, "retry", 7.0),
        (503, {"retry-after-ms": "250"}, "retry", 0.25),
        (429, {"x-should-retry": "false"}, "fall_back", None),
        (400, {"x-should-retry": "true"}, "retry", None),
        (401, {"x-should-retry": "true"}, "stop", None),
        (402, {"x-should-retry": "true", "retry-after": "1"}, "fall_back", 1.0),
        (500, {"x-should-retry": "nonsense"}, "retry", None),
    ],
)
def test_wishes(status: int, headers: dict[str, str], remedy: str, seconds: float | None) -> None:
    """A provider says itself whether and when to ask again; a refused key or account is not asked with again."""
    found = refusal(PEER, status, headers, b"{}")
    assert (found.remedy, found.retry_after_s) == (remedy, seconds)


def test_remedies_of_broken_streams() -> None:
    """A stream that broke may be asked for again; one that ran into its limit would again."""
    assert StreamTruncated("x").remedy == "retry"
    assert {verdict.remedy for verdict in BY_SERVER["zai"].values()} <= {None, "fall_back"}
