"""What the settings say of a completion: a cached one answers for as long as none of it changes.

Invariant: what only says whether, when or for how much is asked is no part of it; nor is how models are at the moment.
"""

from typing import Protocol

from turnout.complete import Rules
from turnout.core.models import Model
from turnout.core.requests import Kind, Route
from turnout.errors import TurnoutError

_KINDS: tuple[Kind, ...] = ("inline", "popup")


class Folders(Protocol):
    """The folders of the editor and their settings."""

    def permits(self, kind: Kind, uris: tuple[str, ...], input_tokens: int) -> Route: ...
    def rules(self, uri: str) -> Rules: ...


def completion_terms(folders: Folders, uri: str) -> object:
    """Who may complete in a document, and how much; equal for equal settings."""
    try:
        routes = [folders.permits(kind, (uri,), 0) for kind in _KINDS]
    except TurnoutError:
        return None  # nothing is asked about it, either
    rules = folders.rules(uri)
    models = tuple(tuple(map(_identity, route.candidates)) for route in routes)
    return rules.max_tokens, rules.multiline, models


def _identity(model: Model) -> tuple[object, ...]:
    """What tells a model from others that would answer otherwise, or hear of it elsewhere."""
    return (
        model.name,
        model.api,
        model.model,
        model.engine,
        model.path,
        model.base_url,
        model.context_tokens,
        model.family,
        model.server,
        model.leaves_machine,
    )
