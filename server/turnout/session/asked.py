"""What the routing is asked about documents: made once, for as long as nothing that it is made of changes.

Invariant: a request that is kept says what a new one would; every letter asks the same twice.
"""

from collections.abc import Sequence
from pathlib import Path

from turnout.core.languages import language_of
from turnout.core.objections import RouteRequest
from turnout.core.requests import COMPLETION_KINDS, Kind
from turnout.session.opening import Opened
from turnout.session.places import Look
from turnout.settings.nested import local_only, never_read

_REPLY_TOKENS = 2048
"""What a chat may answer at most, for the estimate of its cost."""

Asked = tuple[Kind, tuple[str, ...], int, str]
"""A kind of request, the documents, the tokens of its text, and what its user said."""


class Requests:
    """The last request in each folder."""

    def __init__(self) -> None:
        self._last: dict[Path | None, tuple[tuple[object, ...], RouteRequest]] = {}

    def forget(self) -> None:
        """Let go of them all."""
        self._last = {}

    def about(
        self, asked: Asked, root: Path | None, opened: Opened, looks: Sequence[Look], keys: frozenset[str]
    ) -> RouteRequest:
        """The request about documents in `root`, where `opened` holds; the same one as before where all is the same."""
        made_of = (asked, opened, keys, *looks)
        last = self._last.get(root)
        if last is None or last[0] != made_of:
            last = self._last[root] = made_of, _request(asked, root, opened, looks, keys)
        return last[1]


def _request(
    asked: Asked, root: Path | None, opened: Opened, looks: Sequence[Look], keys: frozenset[str]
) -> RouteRequest:
    kind, uris, input_tokens, instruction = asked
    filling, nested = kind in COMPLETION_KINDS, opened.loaded.nested
    files = [file for look in looks for file in look.files] if nested else []
    kept_from_all = (look.withheld for look in looks)
    return RouteRequest(
        kind=kind,
        paths=tuple(path for look in looks for path in look.paths),
        language=language_of(uris[0]) if uris else "",
        withheld=never_read(nested, files) or next(filter(None, kept_from_all), None),
        stays=local_only(nested, files),
        keys_present=keys,
        input_tokens=input_tokens,
        output_tokens=opened.rules.max_tokens if filling else _REPLY_TOKENS,
        files=len(uris),
        workspace=str(root or ""),
        instruction=instruction,
    )
