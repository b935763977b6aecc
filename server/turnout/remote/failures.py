"""From what a provider answers in place of a stream, or in the middle of one, to one of our errors.

What each refusal means stands in `taxonomy`.
Invariant: every answer that is not a stream becomes exactly one BackendError, and no message holds a key.
"""

import email.utils
import math
import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from turnout.core.models import Server
from turnout.errors import (
    BackendError,
    OutOfCredit,
    ProtocolViolation,
    Remedy,
    RequestRejected,
    Unauthorized,
)
from turnout.remote import payload, taxonomy
from turnout.remote.taxonomy import Verdict

_QUOTE_CHARACTERS = 300
_MOST_PLAIN_BYTES = 64 * 1024
"""Bytes of a refusal that are looked at, however many a bomb would unpack to."""
_SKEW_S = 300.0
"""How far apart two clocks may be before a key that is good for some time is refused."""


@dataclass(frozen=True, slots=True)
class Peer:
    """Who answers, for messages: the model's name in the settings, its host, the reference to its key and the key.

    `server` is what program or provider it is, where that is known.
    """

    model: str
    host: str
    key: str = ""
    secret: str = field(default="", repr=False)
    server: Server | None = None

    def __str__(self) -> str:
        return f"{self.model} ({self.host})"

    def quote(self, text: str) -> str:
        """`text` from outside on one printable line, without the key and not too long."""
        if self.secret:
            text = text.replace(self.secret, "[key]")
        line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
        return line if len(line) <= _QUOTE_CHARACTERS else f"{line[:_QUOTE_CHARACTERS]}..."


def refusal(
    peer: Peer, status: int, headers: Mapping[str, str], body: bytes, now_s: float | None = None
) -> BackendError:
    """The error that a complete answer with this status (not 200) and body (or its beginning) stands for.

    `now_s` is the time on this machine in seconds of the epoch, to notice a clock that is wrong.
    """
    if 300 <= status < 400:
        return _redirect(peer, status, headers.get("location", ""))
    if not 400 <= status < 600:
        return ProtocolViolation(
            f"{peer} answered with status {status}.", advice=_advice(taxonomy.NAME, peer)
        )
    body = _plain(headers, body)
    document = _json(body)
    if document is None and _is_html(headers, body):
        return _page(peer, status)
    error = _error(peer, status, document, headers)
    if isinstance(error, Unauthorized):
        error.advice += _skew(headers, now_s)
    return error


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
        return page(peer)
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
    codes, message = list(_codes(peer, document)), _message(document)
    verdict = taxonomy.verdict(peer.server, status, codes, message)
    what = f"answered {status}" if status != 200 else "reported an error"
    # A provider may echo parts of a key that it refuses, so neither its words nor a code of its own are repeated.
    known = [c for c in codes if verdict.error is not Unauthorized or taxonomy.is_code(peer.server, c)]
    named = next((code for code in known if not code.isdigit()), *known[:1] or [""])
    shown = f" ({named})" if named else ""
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


def _skew(headers: Mapping[str, str], now_s: float | None) -> str:
    """What to say of this machine's clock where it is far from the server's, because keys can be refused for that."""
    served_s = _date(headers.get("date", ""))
    if served_s is None or now_s is None or abs(now_s - served_s) < _SKEW_S:
        return ""
    minutes, way = abs(now_s - served_s) / 60, "ahead of" if now_s > served_s else "behind"
    return (
        f" This machine's clock is {minutes:.0f} minutes {way} the server's, which alone can be why: set it."
    )


def _codes(peer: Peer, document: object) -> Iterator[str]:
    """Codes of an error body, the most specific first, and without the key, also where it is longer than they are."""
    error = _error_object(document)
    details = error.get("details")
    candidates = [details.get("error_code")] if isinstance(details, dict) else []
    candidates += [error.get("code"), error.get("type"), error.get("status")]
    for candidate in candidates:
        if isinstance(candidate, str | int) and not isinstance(candidate, bool) and candidate != "":
            yield peer.quote(str(candidate))[:64]


def _message(document: object) -> str:
    error = _error_object(document)
    return next((said for key in ("message", "detail", "error") if (said := _words(error.get(key)))), "")


def _words(value: object) -> str:
    """A message, or what FastAPI and Mistral have in its place: a list of what is wrong with which field."""
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        value = value.get("detail")
    if not isinstance(value, list):
        return ""
    found = [entry for entry in value[:3] if isinstance(entry, dict) and isinstance(entry.get("msg"), str)]
    return "; ".join(f"{_place(entry.get('loc'))}{entry['msg']}" for entry in found)


def _place(loc: object) -> str:
    """Where a field stands, as `body.stream_options: `."""
    return f"{'.'.join(map(str, loc[:8]))}: " if isinstance(loc, list) and loc else ""


def _embedded_status(document: object) -> int | None:
    error = _error_object(document)
    for key in ("code", "status"):
        value = error.get(key)
        # LiteLLM writes the number as text.
        if isinstance(value, str | int) and re.fullmatch(r"[45]\d\d", str(value)):
            return int(value)
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
        target = urlsplit(peer.quote(location)).hostname or peer.host
    except ValueError:
        target = "an unreadable address"
    return RequestRejected(
        f"{peer} redirects to {peer.quote(target)} ({status}); redirects are not followed, so nothing was sent there.",
        advice=f"If that host is right, set it as `base_url` of [models.{peer.model}].",
    )


def page(peer: Peer) -> BackendError:
    """The error that a page of HTML in the place of an answer stands for, such as the sign-in page of a proxy."""
    return _page(peer, 200)


def _page(peer: Peer, status: int) -> BackendError:
    verdict = taxonomy.verdict(None, status, [], "") if status != 200 else taxonomy.NAME
    error = ProtocolViolation if status == 200 else verdict.error
    return error(
        f"{peer} answered {status} with an HTML page.",
        advice=f"Check `base_url` of [models.{peer.model}], and whether a proxy answers in its place.",
        # No API says in HTML what it thinks of a key.
        remedy="fall_back" if error.remedy == "stop" else None,
        # Nor has a model anything to do with it.
        extent="refused",
    )


def _plain(headers: Mapping[str, str], body: bytes) -> bytes:
    """A body without the compression that some send unasked, or its beginning; empty where it cannot be undone."""
    if headers.get("content-encoding", "").strip().lower() not in ("gzip", "x-gzip", "deflate"):
        return body
    try:
        return zlib.decompressobj(zlib.MAX_WBITS | 32).decompress(body, _MOST_PLAIN_BYTES)
    except zlib.error:
        return b""


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
