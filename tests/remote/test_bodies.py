"""A request asks each model for what it can take, and for nothing that it refuses."""

from typing import Any

import pytest

from turnout.core.models import Model
from turnout.core.prompts import ChatPrompt, Message
from turnout.remote import anthropic, openai_chat

PROMPT = ChatPrompt((Message("user", "a"),), max_tokens=7, temperature=0.5)


@pytest.mark.parametrize(
    ("name", "temperature"),
    [("claude-opus-4-6", None), ("anthropic/claude-haiku-4-5", None), ("qwen2.5-coder", 0.5)],
)
def test_messages_temperature(name: str, temperature: float | None) -> None:
    """Claude models choose their own temperature; other models behind the same format are told one."""
    body = anthropic.body(Model("far", "anthropic", name), PROMPT, "h")
    assert body.get("temperature") == temperature


def test_messages_optional_fields() -> None:
    """What a prompt does not have is left out, and several system messages become one prompt."""
    model = Model("far", "anthropic", "claude")
    assert anthropic.body(model, PROMPT, "h").keys() == {"model", "max_tokens", "stream", "messages"}
    twice = ChatPrompt((Message("system", "a"), Message("system", "b"), Message("user", "c")))
    system: Any
    [system] = anthropic.body(model, twice, "h")["system"]  # type: ignore[misc]
    assert system["text"] == "a\n\nb"


@pytest.mark.parametrize(
    ("name", "host", "limit", "temperature"),
    [
        ("gpt-4.1-mini", "api.openai.com", "max_completion_tokens", 0.5),
        ("gpt-5.3-codex", "api.openai.com", "max_completion_tokens", None),
        ("o3", "api.openai.com", "max_completion_tokens", None),
        ("gpt-4.1-mini", "gateway.example.com", "max_tokens", 0.5),
        ("kimi-k2.5", "api.moonshot.ai", "max_completion_tokens", None),
        ("zai-org/GLM-5", "gpu-box.internal", "max_tokens", 0.5),
    ],
)
def test_chat_dialects(name: str, host: str, limit: str, temperature: float | None) -> None:
    """OpenAI's own servers name the limit differently, and some models take no temperature but their own."""
    body = openai_chat.body(Model("far", "openai-chat", name), PROMPT, host)
    assert body[limit] == 7
    assert len({"max_tokens", "max_completion_tokens"} & body.keys()) == 1
    assert body.get("temperature") == temperature
