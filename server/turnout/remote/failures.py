"""What a provider's refusal means, as data: (body code, HTTP status) to one of our errors and what the user can do.

Invariant: every answer that is not a stream becomes exactly one BackendError, and no message holds a key.
Codes come first because statuses lie: a 429 can mean an empty balance, and a 200 can carry an overload.
"""

import email.utils
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from turnout.errors import (
    BackendError,
    OutOfCredit,
    Overloaded,
    ProtocolViolation,
    RateLimited,
    Remedy,
    RequestRejected,
    Unauthorized,
)
from turnout.remote import payload

_QUOTE_CHARACTERS = 300


@dataclass(frozen=True, slots=True)
class Peer:
    """Who answers, for messages: the model's name in the settings, its host, the reference to its key and the key."""

    model: str
    host: str
    key: str = ""
    secret: str = field(default="", repr=False)

    def __str__(self) -> str:
        return f"{self.model} ({self.host})"

    def quote(self, text: str) -> str:
        """`text` from outside on one printable line, without the key and not too long."""
        if self.secret:
            text = text.replace(self.secret, "[key]")
        line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
        return line if len(line) <= _QUOTE_CHARACTERS else f"{line[:_QUOTE_CHARACTERS]}..."


@dataclass(frozen=True, slots=True)
class Verdict:
    """The error to raise, and its advice; `{model}`, `{host}` and `{key}` stand for the peer's."""

    error: type[BackendError]
    advice: str
    remedy: Remedy | None = None
    """What may help, None where that is the same for all errors of this type."""


_KEY = Verdict(Unauthorized, "Check that {key} is a valid key for {host} and may use this model.")
_CREDIT = Verdict(OutOfCredit, "Add credit or raise the spending limit of the account at {host}.")
_SLOWER = Verdict(RateLimited, "Wait, or choose another model for this kind of request.")
_LATER = Verdict(Overloaded, "Try again later, or choose another model for this kind of request.")
_SMALLER = Verdict(RequestRejected, "Select less text, or choose a model with a larger context.")
_NAME = Verdict(RequestRejected, "Check `model` and `base_url` of [models.{model}].")
_SETTINGS = Verdict(RequestRejected, "Check the settings of [models.{model}].")

BY_CODE: Mapping[str, Verdict] = {
    # Anthropic
    "authentication_error": _KEY,
    "billing_error": _CREDIT,
    "enforced_spend_limit_reached": _CREDIT,
    "not_found_error": _NAME,
    "overloaded_error": _LATER,
    "permission_error": _KEY,
    "rate_limit_error": _SLOWER,
    "request_too_large": _SMALLER,
    "timeout_error": _LATER,
    # OpenAI and its compatibles
    "context_length_exceeded": _SMALLER,
    "insufficient_quota": _CREDIT,
    "invalid_api_key": _KEY,
    "model_not_found": _NAME,
    "rate_limit_exceeded": _SLOWER,
    # llama-server
    "exceed_context_size_error": _SMALLER,
    "unavailable_error": _LATER,
    # Kimi
    "engine_overloaded_error": _LATER,
    "exceeded_current_quota_error": _CREDIT,
    # GLM
    "1113": _CREDIT,
    "1302": _SLOWER,
    "1305": _LATER,
}

BY_PHRASE: tuple[tuple[str, Verdict], ...] = (
    ("credit balance is too low", _CREDIT),  # Anthropic, as invalid_request_error with status 400
    ("prompt is too long", _SMALLER),  # Anthropic, likewise
)

BY_STATUS: Mapping[int, Verdict] = {
    401: _KEY,
    402: _CREDIT,
    403: _KEY,
    404: _NAME,
    405: _NAME,
    408: _LATER,
    409: _LATER,
    413: _SMALLER,
    425: _LATER,
    429: _SLOWER,
}

IN_STREAM: Mapping[str, Verdict] = {"invalid_request_error": _SETTINGS}
"""Codes that say less than a status does, for errors inside a 200, which have none."""


def refusal(peer: Peer, status: int, headers: Mapping[str, str], body: bytes) -> BackendError:
    """The error that a complete answer with this status (not 200) and body (or its beginning) stands for."""
    if 300 <= status < 400:
        return _redirect(peer, status, headers.get("location", ""))
    if not 400 <= status < 600:
        return ProtocolViolation(f"{peer} answered with status {status}.", advice=_advice(_NAME, peer))
    document = _json(body)
    if document is None and _is_html(headers, body):
        return _page(peer, status)
    return _error(peer, status, document, headers)


def in_stream(peer: Peer, document: object) -> BackendError:
    """The error that an event inside a 200 stands for; a status in its body counts as one."""
    return _error(peer, _embedded_status(document) or 200, document, {})


def is_error(document: object) -> bool:
    """Whether JSON inside a 200 reports a failure, in any of the shapes that providers use."""
    if isinstance(document, list):
        return True
    return isinstance(document, dict) and bool(
        document.get("error") or "error" in (document.get("type"), document.get("object"))
    )


def not_a_stream(peer: Peer, content_type: str, body: bytes) -> BackendError:
    """The error that a 200 without an event stream stands for: some servers put their errors there."""
    document = _json(body)
    if is_error(document):
        return in_stream(peer, document)
    if _is_html({"content-type": content_type}, body):
        return _page(peer, 200)
    return ProtocolViolation(
        f"{peer} answered with {peer.quote(content_type) or 'no content type'} where a stream was asked for.",
        advice=f"Check `api` and `base_url` of [models.{peer.model}].",
    )


def wait_s(headers: Mapping[str, str]) -> float | None:
    """Seconds that the provider asks to wait, None where it does not say.

    A date is compared with the answer's own `date`, so that a wrong clock on this machine does not matter.
    """
    for name, unit_s in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        seconds = _number(headers.get(name, ""))
        if seconds is not None:
            return seconds * unit_s
    until, now = _date(headers.get("retry-after", "")), _date(headers.get("date", ""))
    return max(0.0, until - now) if until is not None and now is not None else None


def _error(peer: Peer, status: int, document: object, headers: Mapping[str, str]) -> BackendError:
    codes, message = list(_codes(document)), _message(document)
    verdict = _verdict(status, codes, message)
    what = f"answered {status}" if status != 200 else "reported an error"
    named = next((code for code in codes if not code.isdigit()), *codes[:1] or [""])
    shown = f" ({peer.quote(named)})" if named else ""
    # A provider may echo parts of a key that it refuses, so those words are not repeated.
    said = "" if verdict.error is Unauthorized or not message else f": {peer.quote(message)}"
    text, advice = f"{peer} {what}{shown}{said}".rstrip(".") + ".", _advice(verdict, peer)
    return verdict.error(text, advice=advice, remedy=_remedy(verdict, headers), retry_after_s=wait_s(headers))


def _remedy(verdict: Verdict, headers: Mapping[str, str]) -> Remedy:
    """What may help, where the provider says itself whether to ask again."""
    remedy = verdict.remedy or verdict.error.remedy
    asked = headers.get("x-should-retry", "").strip().lower()
    if asked == "false" and remedy == "retry":
        return "fall_back"
    # A key or an account that was refused is none the better for asking again, whatever a proxy adds.
    return "retry" if asked == "true" and remedy != "stop" and verdict.error is not OutOfCredit else remedy


def _verdict(status: int, codes: list[str], message: str) -> Verdict:
    for code in codes:
        if code in BY_CODE:
            return BY_CODE[code]
    lowered = message.lower()
    for phrase, verdict in BY_PHRASE:
        if phrase in lowered:
            return verdict
    if status in BY_STATUS:
        return BY_STATUS[status]
    if 400 <= status < 500:
        return _SETTINGS
    return next((IN_STREAM[code] for code in codes if code in IN_STREAM), _LATER)


def _codes(document: object) -> Iterator[str]:
    """Codes of an error body, the most specific first."""
    error = _error_object(document)
    details = error.get("details")
    candidates = [details.get("error_code")] if isinstance(details, dict) else []
    candidates += [error.get("code"), error.get("type"), error.get("status")]
    for candidate in candidates:
        if isinstance(candidate, str | int) and not isinstance(candidate, bool) and candidate != "":
            yield str(candidate)[:64]


def _message(document: object) -> str:
    error = _error_object(document)
    for key in ("message", "detail", "error"):
        if isinstance(error.get(key), str):
            return str(error[key])
    return ""


def _embedded_status(document: object) -> int | None:
    error = _error_object(document)
    for key in ("code", "status"):
        value = payload.count(error, key)
        if value is not None and 400 <= value < 600:
            return value
    return None


def _error_object(document: object) -> dict[str, object]:
    """The object with code and message: `{"error": {...}}`, the same in an array, or the fields at the top."""
    if isinstance(document, list) and document:
        document = document[0]
    if not isinstance(document, dict):
        return {}
    inner = document.get("error")
    return inner if isinstance(inner, dict) else document


def _redirect(peer: Peer, status: int, location: str) -> BackendError:
    try:
        target = urlsplit(location).hostname or peer.host
    except ValueError:
        target = "an unreadable address"
    return RequestRejected(
        f"{peer} redirects to {peer.quote(target)} ({status}); redirects are not followed, so nothing was sent there.",
        advice=f"If that host is right, set it as `base_url` of [models.{peer.model}].",
    )


def _page(peer: Peer, status: int) -> BackendError:
    verdict = _verdict(status, [], "") if status != 200 else _NAME
    error = ProtocolViolation if status == 200 else verdict.error
    return error(
        f"{peer} answered {status} with an HTML page.",
        advice=f"Check `base_url` of [models.{peer.model}], and whether a proxy answers in its place.",
    )


def _json(body: bytes) -> object:
    try:
        return payload.parse(body.decode("utf-8"))
    except ValueError:
        return None


def _is_html(headers: Mapping[str, str], body: bytes) -> bool:
    return "html" in headers.get("content-type", "").lower() or body.lstrip()[:1] == b"<"


def _advice(verdict: Verdict, peer: Peer) -> str:
    key = f"`{peer.key}`" if peer.key else "the key"
    return verdict.advice.format(model=peer.model, host=peer.host, key=key)


def _number(value: str) -> float | None:
    if not re.fullmatch(r"\s*\d{1,12}(\.\d{1,12})?\s*", value):
        return None
    number = float(value)
    return number if math.isfinite(number) else None


def _date(value: str) -> float | None:
    try:
        return email.utils.parsedate_to_datetime(value).timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
