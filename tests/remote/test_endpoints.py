"""A request goes where the settings say, and nowhere that they do not plainly allow."""

from typing import Any

import pytest

from turnout.core.hosts import is_loopback
from turnout.core.models import Model
from turnout.errors import RequestRejected
from turnout.remote import anthropic, openai_chat
from turnout.remote.endpoints import endpoint
from turnout.remote.format import Format


def model(base_url: str | None, jurisdiction: str | None = None) -> Model:
    return Model("far", "openai-chat", "m", base_url=base_url, jurisdiction=jurisdiction)


@pytest.mark.parametrize(
    ("wire", "base_url", "url"),
    [
        (anthropic.FORMAT, None, "https://api.anthropic.com/v1/messages"),
        (anthropic.FORMAT, "https://gate.example.com", "https://gate.example.com/v1/messages"),
        (anthropic.FORMAT, "https://gate.example.com/v1/", "https://gate.example.com/v1/messages"),
        (anthropic.FORMAT, "https://gate.example.com/llm", "https://gate.example.com/llm/v1/messages"),
        (openai_chat.FORMAT, None, "https://api.openai.com/v1/chat/completions"),
        (
            openai_chat.FORMAT,
            "https://api.z.ai/api/paas/v4/",
            "https://api.z.ai/api/paas/v4/chat/completions",
        ),
        (
            openai_chat.FORMAT,
            "HTTPS://Gate.Example.COM:8443/v1",
            "https://gate.example.com:8443/v1/chat/completions",
        ),
        (openai_chat.FORMAT, "http://127.0.0.1:8080/v1", "http://127.0.0.1:8080/v1/chat/completions"),
        (openai_chat.FORMAT, "http://localhost/v1", "http://localhost/v1/chat/completions"),
        (openai_chat.FORMAT, "http://[::1]:8080/v1", "http://[::1]:8080/v1/chat/completions"),
    ],
)
def test_addresses(wire: Format[Any], base_url: str | None, url: str) -> None:
    """The path of the format goes under the base, which is the first party's where the settings name none."""
    assert endpoint(model(base_url), wire).url == url


@pytest.mark.parametrize(
    "host", ["gpu-box.internal", "10.0.0.7", "localhost.example.com", "127.0.0.1.example.com"]
)
def test_clear_text(host: str) -> None:
    """Text goes unencrypted to another machine only where the user has called it self-hosted."""
    with pytest.raises(RequestRejected, match="unencrypted") as caught:
        endpoint(model(f"http://{host}:8000/v1", "EU"), openai_chat.FORMAT)
    assert "self-hosted" in caught.value.advice
    allowed = endpoint(model(f"http://{host}:8000/v1", "self-hosted"), openai_chat.FORMAT)
    assert (allowed.host, allowed.loopback) == (host, False)


@pytest.mark.parametrize(
    "base_url",
    [
        "",
        "api.example.com/v1",
        "ftp://api.example.com",
        "file:///etc/passwd",
        "https://",
        "https:///v1",
        "https://user:sk-secret@api.example.com",
        "https://sk-secret@api.example.com",
        "https://api.example.com/v1?key=sk-secret",
        "https://api.example.com/v1#x",
        "https://api.example.com:0",
        "https://api.example.com:99999",
        "https://api.example.com:port",
        "https://[::1",
        "https://[::1%25eth0]/",
        "https://a b.example.com",
        "https://api.example.com\\@evil.example.net",
        "https://api.example.com\r\nx: y",
        "https://bücher.example",
        "https://-a.example",
        "https://a..b",
        f"https://{'a' * 64}.example",
        f"https://{'a.' * 127}example",
        "https://api.example.com/v 1",
    ],
)
def test_unusable_addresses(base_url: str) -> None:
    """An address that is not plainly one is refused without being repeated, since it may hold a key."""
    with pytest.raises(RequestRejected, match="`base_url`") as caught:
        endpoint(model(base_url), openai_chat.FORMAT)
    assert "sk-secret" not in str(caught.value)
    assert "[models.far]" in caught.value.advice


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("127.8.9.10", True),
        ("::1", True),
        ("0.0.0.0", False),
        ("localhost.localdomain", False),
        ("169.254.169.254", False),
        ("", False),
    ],
)
def test_loopback(host: str, expected: bool) -> None:
    """This machine is known by its own names alone."""
    assert is_loopback(host) is expected
