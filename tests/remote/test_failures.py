"""Each answer of a provider that is not a stream means one error, with advice, and without the key."""

import gzip
import json
import zlib
from types import MappingProxyType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.streams import PEER
from turnout.errors import (
    BackendError,
    OutOfCredit,
    Overloaded,
    ProtocolViolation,
    RateLimited,
    RequestRejected,
    Unauthorized,
)
from turnout.remote.failures import Peer, in_stream, not_a_stream, refusal, wait_s

JSON = MappingProxyType({"content-type": "application/json"})


def openai(kind: str | None, code: str | int | None = None, message: str = "words") -> dict[str, object]:
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


def anthropic(kind: str, message: str = "words", **more: object) -> dict[str, object]:
    return {"type": "error", "error": {"type": kind, "message": message, **more}, "request_id": "req_1"}


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        # Anthropic
        (400, anthropic("invalid_request_error"), RequestRejected),
        (400, anthropic("invalid_request_error", "Your credit balance is too low to access"), OutOfCredit),
        (
            400,
            anthropic("invalid_request_error", "prompt is too long: 5 tokens > 4 maximum"),
            RequestRejected,
        ),
        (401, anthropic("authentication_error"), Unauthorized),
        (402, anthropic("billing_error"), OutOfCredit),
        (403, anthropic("permission_error"), Unauthorized),
        (404, anthropic("not_found_error"), RequestRejected),
        (413, anthropic("request_too_large"), RequestRejected),
        (429, anthropic("rate_limit_error"), RateLimited),
        (
            429,
            anthropic("rate_limit_error", details={"error_code": "enforced_spend_limit_reached"}),
            OutOfCredit,
        ),
        (500, anthropic("api_error"), Overloaded),
        (504, anthropic("timeout_error"), Overloaded),
        (529, anthropic("overloaded_error"), Overloaded),
        # OpenAI
        (400, openai("invalid_request_error", "context_length_exceeded"), RequestRejected),
        (401, openai("invalid_request_error", "invalid_api_key"), Unauthorized),
        (404, openai("invalid_request_error", "model_not_found"), RequestRejected),
        (429, openai("insufficient_quota", "insufficient_quota"), OutOfCredit),
        (429, openai("tokens", "rate_limit_exceeded"), RateLimited),
        (503, openai("server_error"), Overloaded),
        # llama-server
        (400, openai("exceed_context_size_error", 400), RequestRejected),
        (503, openai("unavailable_error", 503, "Loading model"), Overloaded),
        # Kimi and GLM say with a 429 that they are overloaded, or that the account is empty.
        (429, openai("engine_overloaded_error"), Overloaded),
        (429, openai("exceeded_current_quota_error"), OutOfCredit),
        (429, openai(None, "1113"), OutOfCredit),
        (429, openai(None, "1302"), RateLimited),
        (429, openai(None, 1305), Overloaded),
        # DeepSeek
        (402, openai("unknown_error", "invalid_request_error", "Insufficient Balance"), OutOfCredit),
        (422, openai("invalid_request_error"), RequestRejected),
        # Gemini's array, vLLM without `error`, Ollama's plain string, FastAPI's `detail`
        (400, [{"error": {"code": 400, "message": "words", "status": "INVALID_ARGUMENT"}}], RequestRejected),
        (429, [{"error": {"code": 429, "message": "words", "status": "RESOURCE_EXHAUSTED"}}], RateLimited),
        (
            400,
            {"object": "error", "message": "words", "type": "BadRequestError", "code": 400},
            RequestRejected,
        ),
        (404, {"error": "model 'words' not found"}, RequestRejected),
        (422, {"detail": "words"}, RequestRejected),
        # Nothing that can be read
        (408, {}, Overloaded),
        (418, None, RequestRejected),
        (429, [], RateLimited),
        (500, {"error": {"message": 7, "code": True, "type": []}}, Overloaded),
        (599, {"error": {"details": [1]}}, Overloaded),
        (204, {}, ProtocolViolation),
    ],
)
def test_refusals(status: int, body: object, error: type[BackendError]) -> None:
    """A status and a body mean one error, which names model, host and status, and says what to do."""
    found = refusal(PEER, status, JSON, json.dumps(body).encode())
    assert type(found) is error
    assert (
        f"far (api.example.com) answered {'with status ' if error is ProtocolViolation else ''}{status}"
        in str(found)
    )
    assert found.advice
    if "words" in json.dumps(body) and error is not Unauthorized:
        assert "words" in found.message


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (anthropic("overloaded_error"), Overloaded),
        (anthropic("invalid_request_error"), RequestRejected),
        (openai(None, 502), Overloaded),
        (openai(None, 401), Unauthorized),
        (openai(None, "insufficient_quota"), OutOfCredit),
        ({"error": "it broke"}, Overloaded),
    ],
)
def test_in_stream(body: object, error: type[BackendError]) -> None:
    """An error inside a 200 means what it would mean as an answer of its own."""
    assert type(in_stream(PEER, body)) is error


@pytest.mark.parametrize(
    ("content_type", "body", "error", "words"),
    [
        (
            "application/json",
            json.dumps(openai("insufficient_quota")).encode(),
            OutOfCredit,
            "insufficient_quota",
        ),
        (
            "application/json",
            b'{"choices": [{"message": {"content": "a"}}]}',
            ProtocolViolation,
            "application/json",
        ),
        ("text/html", b"<html>sign in</html>", ProtocolViolation, "HTML page"),
        ("", b"", ProtocolViolation, "no content type"),
        ("application/octet-stream", b"\xff\xfe", ProtocolViolation, "application/octet-stream"),
    ],
)
def test_not_a_stream(content_type: str, body: bytes, error: type[BackendError], words: str) -> None:
    """A 200 that is no event stream is an error: the one that its body reports, or that it is none."""
    found = not_a_stream(PEER, content_type, body)
    assert type(found) is error
    assert words in str(found)


@pytest.mark.parametrize(
    ("status", "error"), [(403, Unauthorized), (404, RequestRejected), (502, Overloaded), (503, Overloaded)]
)
def test_html_page(status: int, error: type[BackendError]) -> None:
    """A page of HTML, as proxies send it, is not quoted; the advice names base_url and proxies."""
    found = refusal(PEER, status, {"content-type": "text/html"}, b"<!doctype html><p>Blocked by Example Corp")
    assert type(found) is error
    assert "HTML page" in found.message
    assert "proxy" in found.advice
    assert "Blocked" not in str(found)


@pytest.mark.parametrize(
    ("location", "host"),
    [
        ("https://evil.example.net/v1?a=b", "evil.example.net"),
        ("//other.example.net", "other.example.net"),
        ("/elsewhere", "api.example.com"),
        ("", "api.example.com"),
        ("http://[broken", "an unreadable address"),
    ],
)
def test_redirect(location: str, host: str) -> None:
    """A redirect is an error that names the host it points to."""
    found = refusal(PEER, 307, {"location": location}, b"")
    assert type(found) is RequestRejected
    assert f"redirects to {host} (307)" in found.message


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        (
            {"retry-after": "Wed, 21 Oct 2015 07:28:30 GMT", "date": "Wed, 21 Oct 2015 07:28:00 GMT"},
            30.0,
        ),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT", "date": "Wed, 21 Oct 2015 07:28:30 GMT"}, 0.0),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:30 GMT"}, None),
        ({"retry-after": "Thu, 31 Dec 2099 23:59:59 GMT"}, None),
        (
            {"retry-after": "Wed, 21 Oct 2025 07:28:00 GMT", "date": "Wed, 21 Oct 2015 07:28:00 GMT"},
            315_619_200.0,
        ),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "9" * 400}, None),
        ({}, None),
    ],
)
def test_retry_after(headers: dict[str, str], seconds: float | None) -> None:
    """The wish to wait is read in all its forms, by the provider's clock; nonsense is no wish."""
    assert wait_s(headers) == seconds
    limited = refusal(PEER, 429, {**JSON, **headers}, b"{}")
    assert isinstance(limited, RateLimited)
    assert limited.retry_after_s == seconds


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        ("a\r\nb\tc", "a b c"),
        ("\x1b[31mred\x00", "[31mred"),
        (f"key {PEER.secret}!", "key [key]!"),
        ("x" * 299 + PEER.secret, "x" * 299 + "[..."),
        ("y" * 400, "y" * 300 + "..."),
    ],
)
def test_quote(text: str, quoted: str) -> None:
    """Words from outside are quoted on one printable line, cut short, without the key or a part of it."""
    assert PEER.quote(text) == quoted


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (403, "Key limit exceeded (total limit). Manage it using https://openrouter.ai/settings/keys"),
        (403, "Your newly created team doesn't have any credits yet."),
        (403, "Your team has either used all available credits or reached its monthly spending limit."),
        (429, "Insufficient funds"),
        (402, ""),
        (400, "Your credit balance is too low to access the API."),
        (200, "Insufficient Balance"),
    ],
)
def test_empty_balance(status: int, message: str) -> None:
    """An account without money is called that under every status, and the next model is asked; no key is to blame."""
    body = openai(None, None, message)
    found = refusal(PEER, status, JSON, json.dumps(body).encode()) if status != 200 else in_stream(PEER, body)
    assert type(found) is OutOfCredit
    assert found.remedy == "fall_back"
    assert "Add credit or raise the spending limit of the account at api.example.com." in str(found)


@pytest.mark.parametrize("status", [200, 400, 404, 422])
@pytest.mark.parametrize(
    "message",
    [
        "The model `gpt-9` does not exist or you do not have access to it.",
        "The model `zai-org/GLM-9` does not exist.",
        "models/gemini-9 is not found for API version v1beta, or is not supported for generateContent.",
        "model 'qwen9' not found, try pulling it first",
        "Model not found, inaccessible, and/or not deployed",
        "Invalid model: mistral-9",
        "Model Not Exist",
        "mistralai/none is not a valid model ID",
        "Unknown Model, please check the model code.",
        "Unable to access model meta/none. Please visit the models page.",
        "Invalid model name passed in model=none. Call `/v1/models` to view available models for your key.",
        "No models loaded. Please load a model in the developer page.",
    ],
)
def test_a_model_that_is_not_there(status: int, message: str) -> None:
    """Whatever a provider calls it, the advice is to look at the name of the model."""
    body = openai("invalid_request_error", None, message)
    found = refusal(PEER, status, JSON, json.dumps(body).encode()) if status != 200 else in_stream(PEER, body)
    assert type(found) is RequestRejected
    assert "Check `model` and `base_url` of [models.far]" in found.advice


@pytest.mark.parametrize(
    "message",
    [
        "Unsupported parameter: 'max_tokens' is not supported with this model.",
        "The model produced an invalid tool call; the tool was not found.",
        "This model does not support images",
        "File not found",
    ],
)
def test_a_model_that_is_there(message: str) -> None:
    """What a model cannot do is no wrong name of a model."""
    found = refusal(PEER, 400, JSON, json.dumps(openai("invalid_request_error", None, message)).encode())
    assert "does not know that model" not in found.advice


@pytest.mark.parametrize("encoding", ["gzip", "x-gzip", "deflate", " GZip "])
@pytest.mark.parametrize(
    ("status", "body", "error", "words"),
    [
        (401, openai("invalid_request_error", "invalid_api_key"), Unauthorized, "`env:KEY`"),
        (429, openai("insufficient_quota"), OutOfCredit, "Add credit"),
        (400, openai(None, None, "The model `a` does not exist"), RequestRejected, "Check `model`"),
    ],
)
def test_compressed(encoding: str, status: int, body: object, error: type[BackendError], words: str) -> None:
    """A refusal that is compressed, which nobody asked for, means the same; garbage means what its status does."""
    whole = json.dumps(body).encode()
    packed = zlib.compress(whole) if encoding == "deflate" else gzip.compress(whole)
    headers = {**JSON, "content-encoding": encoding}
    found = refusal(PEER, status, headers, packed)
    assert type(found) is error
    assert words in found.advice
    for garbage in (b"", b"\x1f\x8bgarbage", packed[:9], b"\x00" * 99, whole):
        assert isinstance(refusal(PEER, 401, headers, garbage), Unauthorized)
    bomb = gzip.compress(b"[" * 10_000_000)
    assert isinstance(refusal(PEER, 401, headers, bomb), Unauthorized)


def test_refused_key_is_not_repeated() -> None:
    """A provider that echoes a part of the key it refuses is not quoted; the advice names the reference to it."""
    body = json.dumps(openai(None, "invalid_api_key", "Incorrect API key provided: sk-01***789")).encode()
    found = refusal(PEER, 401, JSON, body)
    assert "sk-01" not in str(found)
    assert "`env:KEY`" in found.advice


LONG_KEY = "sk-proj-" + "aB3dE5gH7j" * 12


@pytest.mark.parametrize("field", ["code", "type", "status", "error_code", "message"])
@pytest.mark.parametrize("status", [400, 401, 429, 500])
@pytest.mark.parametrize("around", ["{}", "x{}", "Incorrect API key provided: {}"])
def test_no_part_of_a_key_is_repeated(status: int, field: str, around: str) -> None:
    """A key longer than what is quoted of a code is taken out before anything is cut."""
    peer = Peer("far", "h.example", "env:KEY", LONG_KEY)
    said = around.format(LONG_KEY)
    error = {"message": "words", "details": {"error_code": said}} if field == "error_code" else {field: said}
    for found in (
        refusal(peer, status, JSON, json.dumps({"error": error}).encode()),
        in_stream(peer, {"error": error}),
        refusal(peer, 302, {"location": f"https://{said}.example/"}, b""),
    ):
        shown = str(found) + found.advice
        assert not any(
            LONG_KEY[:8].lower() in part.lower() or "gH7jaB3" in part for part in (shown, repr(found))
        )


@pytest.mark.parametrize("code", ["sk-01-a-part-of-the-key", "incorrect key sk-01"])
def test_a_refused_key_shows_no_code_but_a_known_one(code: str) -> None:
    """A provider may put a part of the key into any field; a code that Turnout knows is shown."""
    assert "sk-01" not in str(refusal(PEER, 401, JSON, json.dumps(openai(None, code)).encode()))
    assert "(invalid_api_key)" in str(
        refusal(PEER, 401, JSON, json.dumps(openai(code, "invalid_api_key")).encode())
    )


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["error", "message", "code", "type", "details", "error_code", "object", "status"]
            ),
            inner,
        )
    ),
    max_leaves=12,
)


@settings(deadline=None, max_examples=200)
@given(
    status=st.integers(100, 999), body=JSON_VALUES.map(lambda value: json.dumps(value).encode()) | st.binary()
)
def test_any_body(status: int, body: bytes) -> None:
    """Whatever a server answers becomes one error of ours."""
    assert isinstance(refusal(Peer("far", "h"), status, {}, body), BackendError)
    assert isinstance(not_a_stream(Peer("far", "h"), "", body), BackendError)
