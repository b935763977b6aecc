"""A file of a Hugging Face repository over HTTPS, resumed where the connection broke.

Standard library on purpose: size and hash are pinned here and the partial file is ours, so huggingface_hub
(286 ms to import, its own cache and locks) would add nothing. urllib honours the user's proxy and certificates.
"""

import http.client
import os
import queue
import re
import socket
import ssl
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from typing import IO

from turnout.errors import DownloadFailed
from turnout.models.manifest import HuggingFace
from turnout.models.sources import Item, Source, Stream, Underway

_TIMEOUT_S = 8.0
_PAUSE_S = 1.0
# A connection that breaks is opened again, up to this many times in a row without this much progress.
_SETBACKS = 3
_PROGRESS_BYTES = 1 << 20
_CHUNK_BYTES = 1 << 20

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


def source(
    item: Item,
    where: HuggingFace,
    *,
    timeout_s: float | None = None,
    pause: Callable[[float], None] = time.sleep,
) -> Source:
    """The file on the hub, or on the mirror that `HF_ENDPOINT` names.

    Silence ends a connection after `timeout_s`, by default `HF_HUB_DOWNLOAD_TIMEOUT` or 8 s.
    """
    silence_s = _silence_s(timeout_s)

    def read(offset: int, underway: Underway) -> Stream:
        return _read(_address(where), offset, item.bytes, underway, silence_s, pause)

    return Source("Hugging Face", read)


def _silence_s(given_s: float | None) -> float:
    return given_s or _seconds("HF_HUB_DOWNLOAD_TIMEOUT") or _TIMEOUT_S


def _seconds(variable: str) -> float | None:
    try:
        return max(float(os.environ[variable]), 0.0)
    except (KeyError, ValueError):
        return None


def endpoint() -> str:
    """Where the hub is, without a slash at the end; raises DownloadFailed where it may or can not be asked."""
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}:
        raise DownloadFailed("HF_HUB_OFFLINE forbids it.")
    address = os.environ.get("HF_ENDPOINT") or "https://huggingface.co"
    if not address.startswith(("https://", "http://")):
        raise DownloadFailed(f"HF_ENDPOINT is {address!r}, which is not an http address.")
    return address.rstrip("/")


def read(path: str, limit_bytes: int) -> bytes:
    """A short answer of the hub, such as its listing of a repository; raises DownloadFailed with the reason.

    Nothing pins it, so it is as good as the way that it came: a redirect to a less safe one is not followed.
    """
    timeout_s = _silence_s(None)
    # The scheme is https or http: endpoint refuses every other.
    request = urllib.request.Request(  # noqa: S310
        f"{endpoint()}/{urllib.parse.quote(path, safe='/?=&')}", headers={"User-Agent": "turnout"}
    )
    try:
        opener = urllib.request.build_opener(SafeRedirects)
        with _open_within(request, timeout_s, opener.open) as response:
            data = response.read(limit_bytes + 1)
    except (OSError, http.client.HTTPException) as exc:
        raise DownloadFailed(f"{_reason(exc, timeout_s)}.") from exc
    if len(data) > limit_bytes:
        raise DownloadFailed(f"its answer is longer than {limit_bytes} bytes.")
    return data


class SafeRedirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects over HTTPS, and on this machine those from plain http."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        """The request that follows; raises URLError for one over plain http."""
        address = urllib.parse.urlsplit(newurl)
        local = req.type == "http" and address.hostname in LOOPBACK
        if address.scheme != "https" and not local:
            fp.close()
            raise urllib.error.URLError("it redirects to plain http")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _address(where: HuggingFace) -> str:
    path = f"{where.repo}/resolve/{where.revision}/{where.file}"
    return f"{endpoint()}/{urllib.parse.quote(path)}"


class _BrokenError(Exception):
    """A connection that failed or fell silent; another one may get further."""


def _read(
    address: str,
    offset: int,
    total: int,
    underway: Underway,
    timeout_s: float,
    pause: Callable[[float], None],
) -> Stream:
    first, setbacks = offset, 0
    while offset < total:
        begun, problem = offset, "it was closed early"
        try:
            with _open(address, offset, total, timeout_s) as response:
                for data in _body(response, offset, underway, timeout_s):
                    offset += len(data)
                    yield data
        except _BrokenError as exc:
            problem = str(exc)
        if offset == first:
            raise DownloadFailed(f"{problem}.")
        if offset < total:
            setbacks = 1 if offset - begun >= _PROGRESS_BYTES else setbacks + 1
            if setbacks > _SETBACKS:
                raise DownloadFailed(f"the connection broke {setbacks} times in a row ({problem}).")
            underway(0)
            pause(_PAUSE_S)


def _body(response: http.client.HTTPResponse, offset: int, underway: Underway, timeout_s: float) -> Stream:
    """The file from `offset` on, also out of an answer that begins at 0; raises _BrokenError."""
    skip = offset if response.status == http.HTTPStatus.OK else 0
    try:
        while skip and (dropped := len(response.read1(min(skip, _CHUNK_BYTES)))):
            underway(0)
            skip -= dropped
        while data := response.read1(_CHUNK_BYTES):
            yield data
    except (OSError, http.client.HTTPException) as exc:
        raise _BrokenError(_reason(exc, timeout_s)) from exc


def _open(address: str, offset: int, total: int, timeout_s: float) -> http.client.HTTPResponse:
    """A response whose body begins at `offset`, or at 0 with status 200 where the server knows no ranges."""
    headers = {"User-Agent": "turnout", "Accept-Encoding": "identity"}
    if offset:
        headers["Range"] = f"bytes={offset}-"
    # The scheme is https or http: _address refuses every other.
    request = urllib.request.Request(address, headers=headers)  # noqa: S310
    try:
        response = _open_within(request, timeout_s)
    except (OSError, http.client.HTTPException) as exc:
        raise _BrokenError(_reason(exc, timeout_s)) from exc
    try:
        _require_right_file(response, offset, total)
    except DownloadFailed:
        response.close()
        raise
    return response


def _open_within(
    request: urllib.request.Request,
    timeout_s: float,
    connect: Callable[..., http.client.HTTPResponse] = urllib.request.urlopen,
) -> http.client.HTTPResponse:
    """Open a request or raise TimeoutError; urllib's own limit holds for each address and not for the resolver."""
    box: queue.SimpleQueue[http.client.HTTPResponse | Exception] = queue.SimpleQueue()
    abandoned = threading.Event()

    def work() -> None:
        try:
            response = connect(request, timeout=timeout_s)
        except Exception as exc:  # a thread's boundary: the caller raises it
            box.put(exc)
            return
        if abandoned.is_set():
            response.close()
        box.put(response)

    threading.Thread(target=work, name="turnout-hub-connect", daemon=True).start()
    try:
        outcome = box.get(timeout=timeout_s)
    except queue.Empty:
        abandoned.set()
        raise TimeoutError from None
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


def _require_right_file(response: http.client.HTTPResponse, offset: int, total: int) -> None:
    length = response.headers.get("Content-Length")
    size, start = (int(length) if length and length.isdecimal() else total), 0
    if response.status == http.HTTPStatus.PARTIAL_CONTENT:
        span = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", ""))
        if span is None:
            raise DownloadFailed("its answer to a range request has no usable Content-Range.")
        start, size = int(span[1]), total if span[2] == "*" else int(span[2])
    if start != offset and response.status != http.HTTPStatus.OK:
        raise DownloadFailed(f"it was asked for bytes from {offset} and sent them from {start}.")
    if size != total:
        raise DownloadFailed(f"it offers a file of {size} bytes, not the pinned {total}.")


def _reason(exc: BaseException | str, timeout_s: float) -> str:
    match exc:
        case urllib.error.HTTPError():
            exc.close()
            return f"it answered HTTP {exc.code}"
        case urllib.error.URLError():
            return _reason(exc.reason, timeout_s)
        case socket.gaierror():
            return "its host name cannot be resolved"
        case ssl.SSLCertVerificationError():
            return f"its certificate is not trusted ({exc.verify_message}); SSL_CERT_FILE may name your own"
        case TimeoutError():
            return f"no answer for {timeout_s:g} s"
        case ConnectionRefusedError():
            return "the connection was refused"
        case _:
            return str(exc) or type(exc).__name__
