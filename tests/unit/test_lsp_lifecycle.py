"""What an editor tells while the server is still getting ready."""

import asyncio
from types import SimpleNamespace
from typing import cast

import pytest
from lsprotocol import types

from turnout.core.documents import Document, Position
from turnout.lsp.features import lifecycle
from turnout.lsp.server import TurnoutServer
from turnout.lsp.services import Services

FIRST, LAST = "file:///w/first.py", "file:///w/last.py"


async def _never(*_: object) -> Services:
    raise AssertionError("nothing is built here")


class Late(TurnoutServer):
    """Has services once somebody waits for them, and keeps which places they are to get ready for."""

    def __init__(self) -> None:
        super().__init__(_never)
        self.places: asyncio.Queue[tuple[str, Position | None]] = asyncio.Queue()
        warmer = SimpleNamespace(touch=lambda uri, _version, place: self.places.put_nowait((uri, place)))
        self._made = cast(
            "Services", SimpleNamespace(warmer=warmer, repositories=SimpleNamespace(is_active=False))
        )
        self._there = False
        for uri in (FIRST, LAST):
            self.protocol.documents[uri] = Document(uri, "python", 1, "one\ntwo\n")

    def start_services(self) -> None:
        """They are there as soon as somebody waits."""

    async def services(self) -> Services:
        self._there = True
        return self._made

    def services_now(self) -> Services | None:
        return self._made if self._there else None


@pytest.mark.parametrize(
    ("told", "place"),
    [
        ((FIRST, 1), (FIRST, Position(1, 0))),
        (None, (LAST, None)),
        (("file:///w/closed.py", 1), (LAST, None)),
    ],
    ids=["told", "not told", "told of no document"],
)
async def test_a_cursor_that_was_told_too_early_is_not_forgotten(
    told: tuple[str, int] | None, place: tuple[str, Position | None]
) -> None:
    """Otherwise a model would read the top of the file, and the place with the cursor only once somebody types."""
    server = Late()
    if told is not None:
        uri, line = told
        lifecycle.cursor(server, {"textDocument": {"uri": uri}, "position": {"line": line, "character": 0}})
    lifecycle.initialized(server, types.InitializedParams())
    async with asyncio.timeout(30):
        assert await server.places.get() == place
    assert server.places.empty()
