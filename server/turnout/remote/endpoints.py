"""Where a request goes, and whether it may go there at all.

Invariant: what is not plainly allowed is refused. Text travels in the clear only to this machine or to a server
that the user has called self-hosted, and the address is put together again from parts that were checked one by one.
"""

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from turnout.core.hosts import is_loopback
from turnout.core.models import Model
from turnout.errors import RequestRejected
from turnout.remote.format import Format, P

_LABEL = r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?"
_HOST = re.compile(rf"(?=.{{1,253}}$){_LABEL}(\.{_LABEL})*")
_PATH = re.compile(r"[A-Za-z0-9._~/%:@-]*")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The address of one request; `host` is for messages and tables, `loopback` says that it is this machine.

    `direct`: no proxy may stand in between, because text goes there as it is, under rules that let none leave.
    """

    url: str
    host: str
    loopback: bool
    direct: bool


def endpoint(model: Model, wire: Format[P]) -> Endpoint:
    """The address for `model`; raises RequestRejected where it has none that may be used."""
    parts = _split(model, wire.base_url if model.base_url is None else model.base_url)
    host = parts.hostname or ""
    loopback = is_loopback(host)
    if parts.scheme == "http" and not loopback and model.jurisdiction != "self-hosted":
        raise RequestRejected(
            f"{model.name}: `base_url` would send text and key unencrypted to {host}.",
            advice='Use https, or set `jurisdiction = "self-hosted"` if that server is yours.',
        )
    shown = f"[{host}]" if ":" in host else host
    port = f":{parts.port}" if parts.port is not None else ""
    return Endpoint(
        f"{parts.scheme}://{shown}{port}{_join(parts.path, wire.paths.get(host, wire.path))}",
        host,
        loopback,
        direct=loopback or not model.leaves_machine,
    )


def _split(model: Model, base_url: str) -> SplitResult:
    try:
        parts = urlsplit(base_url)
        problem = _problem(parts)
    except ValueError:
        parts, problem = urlsplit(""), "is not an address"
    if problem:
        # The address itself is not repeated: someone may have put a key into it.
        raise RequestRejected(
            f"{model.name}: `base_url` {problem}.",
            advice=f"Set `base_url` of [models.{model.name}] to something like https://api.example.com/v1.",
        )
    return parts


def _problem(parts: SplitResult) -> str:
    host = parts.hostname or ""
    if parts.scheme not in ("http", "https"):
        return "has to begin with https:// or http://"
    if parts.username is not None or parts.password is not None:
        return "must not hold a user name or password; use `key`"
    if parts.query or parts.fragment:
        return "must not hold a query or fragment"
    if not (_HOST.fullmatch(host) or _is_address(host)):
        return "names no host"
    if parts.port == 0 or not _PATH.fullmatch(parts.path):
        return "is not an address"
    return ""


def _is_address(host: str) -> bool:
    try:
        ipaddress.IPv6Address(host)
    except ValueError:
        return False
    return "%" not in host


def _join(base: str, path: str) -> str:
    """`path` under `base`; a version that both of them name stands there once."""
    base = base.rstrip("/")
    if base.endswith("/v1") and path.startswith("/v1/"):
        path = path.removeprefix("/v1")
    return base + path
