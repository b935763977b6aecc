"""Who serves a model: the names under which sums are made and circuits kept."""

from functools import lru_cache
from urllib.parse import urlsplit

from turnout.core.models import Model


def provider(model: Model) -> str:
    """Who serves a model, for sums: the host that it is reached at, or the name of its API's first party."""
    if model.api == "local":
        return "local"
    return _host(model.base_url or "") or model.api


def endpoint(model: Model) -> str:
    """What shares a circuit: everything at one host by one API; empty for this machine's own engine."""
    return "" if model.api == "local" else f"{provider(model)} {model.api}"


@lru_cache(maxsize=256)
def _host(base_url: str) -> str:
    """The host of a URL, with the port that it names; empty where there is none. Every letter asks for several."""
    try:
        parts = urlsplit(base_url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return ""
    return f"{host}:{port}" if host and port else host
