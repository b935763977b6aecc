"""One file for each group of requests; each has `register(server)` and nothing else that others use."""

from turnout.lsp.features import actions, completion, lifecycle, refactor, transparency
from turnout.lsp.server import TurnoutServer

_GROUPS = (lifecycle, completion, actions, refactor, transparency)


def register_all(server: TurnoutServer) -> None:
    """Put every handler on the server."""
    for group in _GROUPS:
        group.register(server)
