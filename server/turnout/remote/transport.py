"""HTTP by httpx: connections, proxies, certificates, and every way in which they fail.

Invariant: no httpx exception leaves this module, and the key is in no value here but the request on its way out.
Redirects are never followed, cookies are never kept, and what counts as inside is never reached through a proxy.
Importing this module takes about 150 ms, so `backend` does it in a thread.
"""

import asyncio
import contextlib
import datetime
import ssl
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import cast
from urllib.request import getproxies_environment

import httpx

from turnout import __version__
from turnout.errors import (
    BackendError,
    ConnectionFailed,
    ConnectionLost,
    ProtocolViolation,
    RequestRejected,
    StreamTruncated,
)
from turnout.remote.endpoints import Endpoint
from turnout.remote.failures import Peer
from turnout.remote.watchdog import Watchdog

with contextlib.suppress(ImportError):
    # httpx would load this inside its first request and hold up the event loop for 20 ms.
    import anyio._backends._asyncio  # noqa: F401

KEEPALIVE_S = 30.0

_UNREAD_S = 1.0
"""Where a kept connection breaks within this, it was closed as the request came; later, that may have been read."""

_NOT_YET_VALID, _EXPIRED, _OTHER_NAME, _OTHER_ADDRESS = 9, 10, 62, 64
"""What OpenSSL calls X509_V_ERR_CERT_NOT_YET_VALID, _CERT_HAS_EXPIRED, _HOSTNAME_MISMATCH, _IP_ADDRESS_MISMATCH."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request, ready to be sent; the key is in `peer` and goes into `key_header` on the way out."""

    peer: Peer
    endpoint: Endpoint
    headers: Mapping[str, str]
    key_header: str
    key_prefix: str
    body: bytes


class Transport:
    """Connections to all endpoints, kept for a while after use."""

    def __init__(self, connect_timeout_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._timeout = httpx.Timeout(None, connect=connect_timeout_s)
        self._clients: dict[bool, httpx.AsyncClient] = {}
        self._lock = asyncio.Lock()

    @asynccontextmanager
    async def post(self, call: Call, watchdog: Watchdog) -> AsyncIterator["Response"]:
        """Send `call` and give its response, whose connection is closed or returned on leaving; raises BackendError."""
        client = await self._client(call.peer, call.endpoint)
        response = await _send(client, call, watchdog, self._clock)
        reading = Response(call.peer, response)
        try:
            yield reading
        finally:
            await reading.close()

    async def close(self) -> None:
        """Close every connection; a later request opens new ones."""
        clients, self._clients = self._clients, {}
        for client in clients.values():
            await client.aclose()

    async def prepare(self, peer: Peer, endpoint: Endpoint) -> None:
        """Read ahead what the environment says of proxies and certificates; raises BackendError where it cannot be."""
        await self._client(peer, endpoint)

    async def _client(self, peer: Peer, endpoint: Endpoint) -> httpx.AsyncClient:
        direct = endpoint.direct
        async with self._lock:
            if direct not in self._clients:
                self._clients[direct] = await asyncio.to_thread(self._open, peer, direct=direct)
            return self._clients[direct]

    def _open(self, peer: Peer, *, direct: bool) -> httpx.AsyncClient:
        try:
            return httpx.AsyncClient(
                timeout=self._timeout,
                limits=httpx.Limits(max_connections=None, keepalive_expiry=KEEPALIVE_S),
                follow_redirects=False,
                trust_env=not direct,
                verify=httpx.create_ssl_context(),
                cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
            )
        except (OSError, ValueError, ImportError, httpx.InvalidURL) as exc:
            raise ConnectionFailed(
                f"{peer} cannot be reached: the proxy or certificate settings of the environment cannot be used.",
                advice="Check HTTPS_PROXY, ALL_PROXY, SSL_CERT_FILE and SSL_CERT_DIR.",
            ) from exc


class Response:
    """The answer to one call, as it arrives; header names are in lower case."""

    def __init__(self, peer: Peer, response: httpx.Response) -> None:
        self.status = response.status_code
        self.headers: Mapping[str, str] = dict(response.headers)
        self._peer = peer
        self._response = response
        self._chunks = cast("AsyncGenerator[bytes, None]", response.aiter_raw())

    async def read(self) -> bytes:
        """The next bytes of the body, empty at its end; raises StreamTruncated where the connection breaks."""
        try:
            return await anext(self._chunks, b"")
        except httpx.HTTPError as exc:
            raise _interrupted(self._peer, exc) from exc

    async def read_at_most(self, limit_bytes: int, limit_s: float) -> bytes:
        """The beginning of the body, as much of it as comes within both limits, whatever happens after."""
        body = b""
        with contextlib.suppress(TimeoutError, BackendError):
            async with asyncio.timeout(limit_s):
                while len(body) < limit_bytes and (chunk := await self.read()):
                    body += chunk
        return body[:limit_bytes]

    async def close(self) -> None:
        """Give the connection back where the body was read to its end, close it where not."""
        await self._chunks.aclose()
        await self._response.aclose()


async def _send(
    client: httpx.AsyncClient, call: Call, watchdog: Watchdog, clock: Callable[[], float]
) -> httpx.Response:
    """Send `call`, on a new connection if those that were kept turn out to have been closed by the server.

    Many servers close after a few idle seconds, just when a request is on its way; nobody has read that one then.
    What breaks off later is not sent again here: it may cost twice, which is for others to decide.
    Raises BackendError, which does not say that nothing went out where an earlier connection may have taken it.
    """
    repeated = False
    while True:
        connection, started_s = _Connection(), clock()
        try:
            request = _request(client, call, connection)
            return await watchdog.wait(partial(client.send, request, stream=True, auth=_KeyAuth(call)))
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as exc:
            # UnicodeError is what a host name that is no valid IDNA ends in.
            if connection.opened or not _broke_off(exc) or clock() - started_s > _UNREAD_S:
                error = _unanswered(call, exc)
                error.extent = "taken" if repeated else error.extent
                raise error from exc
            repeated = True


def _request(client: httpx.AsyncClient, call: Call, connection: "_Connection") -> httpx.Request:
    headers = {
        "content-type": "application/json",
        "accept": "text/event-stream, application/json",
        # Compression would hold back small pieces of text, and a bomb needs it.
        "accept-encoding": "identity",
        "user-agent": f"turnout/{__version__}",
        **call.headers,
    }
    extensions = {"trace": connection.trace}
    return client.build_request(
        "POST", call.endpoint.url, content=call.body, headers=headers, extensions=extensions
    )


class _Connection:
    """Whether a request had a connection `opened` for it, or was given one that had served another."""

    def __init__(self) -> None:
        self.opened = False

    async def trace(self, event: str, _info: object) -> None:
        """Hear what httpx does."""
        self.opened |= event.startswith("connection.connect")


class _KeyAuth(httpx.Auth):
    """Puts the key into the request as it leaves, so that no frame above holds it in a dictionary of headers."""

    def __init__(self, call: Call) -> None:
        self._call = call

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        if self._call.peer.secret:
            request.headers[self._call.key_header] = self._call.key_prefix + self._call.peer.secret
        yield request


def _unanswered(call: Call, exc: Exception) -> BackendError:
    """The error for a request that got no status line; the text of `exc` may hold headers and is not repeated."""
    peer = call.peer
    if isinstance(exc, httpx.ProxyError):
        return ConnectionFailed(
            f"{peer} cannot be reached: the proxy refused the connection.",
            advice="Check HTTPS_PROXY and NO_PROXY.",
        )
    if isinstance(exc, httpx.ConnectTimeout):
        return ConnectionFailed(f"{peer} did not take the connection in time.", advice=_network(call))
    failure = _tls_failure(exc)
    if isinstance(failure, ssl.SSLCertVerificationError):
        return _untrusted(peer, failure.verify_code)
    if failure is not None:
        return ConnectionFailed(f"{peer} cannot be spoken to by TLS.", advice=_settings(peer))
    if isinstance(
        exc, httpx.LocalProtocolError | httpx.UnsupportedProtocol | httpx.InvalidURL | UnicodeError
    ):
        return RequestRejected(
            f"{peer}: the request cannot be written as HTTP.", advice=_settings(peer), extent="unsent"
        )
    if isinstance(exc, httpx.RemoteProtocolError) and not _hung_up(exc):
        return ProtocolViolation(f"{peer} did not answer with HTTP.", advice=_settings(peer))
    if isinstance(exc, httpx.ConnectError):
        return ConnectionFailed(f"{peer} refused the connection or has no address.", advice=_network(call))
    return ConnectionLost(f"{peer} closed the connection without an answer.", advice=_NETWORK)


def _untrusted(peer: Peer, code: int) -> BackendError:
    """The error for a certificate that OpenSSL rejects with `code`."""
    if code in (_NOT_YET_VALID, _EXPIRED):
        what = "is not valid yet" if code == _NOT_YET_VALID else "has expired"
        today = datetime.date.today().isoformat()
        return ConnectionFailed(
            f"{peer} showed a certificate that {what} by this machine's clock, which says {today}.",
            advice="Set the clock if it is wrong; if it is right, that server needs a new certificate.",
        )
    if code in (_OTHER_NAME, _OTHER_ADDRESS):
        return ConnectionFailed(f"{peer} showed the certificate of another host.", advice=_settings(peer))
    return ConnectionFailed(
        f"{peer} showed a certificate that this machine does not trust.",
        advice="If a proxy of your company signs it, set SSL_CERT_FILE to that company's certificates.",
    )


def _broke_off(exc: Exception) -> bool:
    """Whether the connection ended, in whatever way, rather than to bring what is not HTTP."""
    if isinstance(exc, httpx.RemoteProtocolError):
        return _hung_up(exc)
    return isinstance(exc, httpx.ReadError | httpx.WriteError)


def _hung_up(exc: httpx.RemoteProtocolError) -> bool:
    """Whether the other side closed the connection, rather than to send what is not HTTP."""
    return "disconnected" in str(exc)


def _interrupted(peer: Peer, exc: httpx.HTTPError) -> BackendError:
    """The error for a body that broke off."""
    if isinstance(exc, httpx.RemoteProtocolError) and "closed" not in str(exc):
        return ProtocolViolation(f"{peer} sent a body that is not HTTP.", advice=_settings(peer))
    return StreamTruncated(
        f"{peer} lost the connection in the middle of its answer.",
        advice="Try again; the answer was not used.",
    )


_NETWORK = "Check the network, and `base_url` if the model has one."


def _network(call: Call) -> str:
    """What to do where no connection comes about."""
    inside = call.endpoint.direct and not call.endpoint.loopback
    if not inside or getproxies_environment().keys().isdisjoint(("http", "https", "all")):
        return _NETWORK
    return (
        f"{_NETWORK} A model with `leaves_machine = false` is never reached through a proxy; "
        f"if it needs yours, set `leaves_machine = true` in [models.{call.peer.model}]."
    )


def _settings(peer: Peer) -> str:
    return f"Check `base_url` of [models.{peer.model}]."


def _tls_failure(exc: BaseException | None) -> ssl.SSLError | None:
    while exc is not None and not isinstance(exc, ssl.SSLError):
        exc = exc.__cause__ or exc.__context__
    return exc
