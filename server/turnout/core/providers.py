"""Who serves a model: the names under which sums are made and circuits kept."""

from urllib.parse import urlsplit

from turnout.core.models import Model


def provider(model: Model) -> str:
    """Who serves a model, for sums: the host that it is reached at, or the name of its API's first party."""
    if model.api == "local":
        return "local"
    try:
        parts = urlsplit(model.base_url or "")
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return model.api
    return f"{host}:{port}" if host and port else host or model.api


def endpoint(model: Model) -> str:
    """What shares a circuit: everything at one host by one API; empty for this machine's own engine."""
    return "" if model.api == "local" else f"{provider(model)} {model.api}"
