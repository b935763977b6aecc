"""What an editor tells while the server is still getting ready."""

import asyncio
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from lsprotocol import types

from turnout.act.applying.transactions import real_root
from turnout.core.documents import Document, Position
from turnout.errors import Unrecorded
from turnout.lsp.editor import LspEditor
from turnout.lsp.features import completion, lifecycle
from turnout.lsp.protocol import TurnoutProtocol
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
            "Services",
            SimpleNamespace(
                warmer=warmer,
                repositories=SimpleNamespace(is_active=False),
                completer=SimpleNamespace(moved=lambda *_: None),
            ),
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


async def test_a_folder_that_cannot_be_recovered_keeps_no_other_from_it(tmp_path: Path) -> None:
    """Each open folder is put right by itself, and the same failure of several is told once."""
    told: list[str] = []

    def tell(_method: str, params: types.ShowMessageParams) -> None:
        told.append(params.message)

    async def recover(_workspace: object, root: str) -> tuple[str, ...]:
        if Path(root).name != "c":
            raise Unrecorded("The journal of changes cannot be opened.")
        return ("An undo was cut off.",)

    class Recovering(Late):
        async def services(self) -> Services:
            settings = SimpleNamespace(may_read=lambda _uri: True)
            proposals = SimpleNamespace(recover=recover, roots=tuple)
            made: Any = SimpleNamespace(settings=settings, proposals=proposals)
            return cast("Services", made)

        def roots(self) -> list[Path]:
            return [Path(real_root(tmp_path / name)) for name in "abcd"]

    server = Recovering()
    server.editor = LspEditor(cast("TurnoutProtocol", SimpleNamespace(notify=tell)))
    await server.recover()
    assert told == [
        "Turnout: The journal of changes cannot be opened.",
        "Turnout: An undo was cut off.",
    ]


def test_actions_are_offered_before_anything_can_carry_them_out() -> None:
    """An editor asks for them as soon as it shows a document: they need nothing that only the work behind them does."""
    script = "import sys, turnout.app, turnout.lsp.features.offers; print(*sys.modules)"
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = set(ran.stdout.split())
    assert "turnout.syntax" in loaded
    work = ("turnout.act.perform", "turnout.act.drafting", "turnout.act.gathering", "turnout.core.secrets")
    assert [name for name in loaded if name.startswith((*work, "turnout.core.edits.changes"))] == []


class Leaving(Late):
    """Its user closes a document, and maybe opens another text by its name, before the services are there."""

    opened_anew = False

    async def services(self) -> Services:
        del self.protocol.documents[FIRST]
        if self.opened_anew:
            self.protocol.documents[FIRST] = Document(FIRST, "python", 1, "another\n")
        return await super().services()


@pytest.mark.parametrize("opened_anew", [False, True])
async def test_nothing_is_asked_of_a_document_that_was_closed(opened_anew: bool) -> None:
    """A request that waited for the services until its document was closed is answered with nothing."""
    server = Leaving()
    server.opened_anew = opened_anew
    server.protocol.client_capabilities = types.ClientCapabilities()
    context = types.InlineCompletionContext(types.InlineCompletionTriggerKind.Automatic)
    place = types.TextDocumentIdentifier(FIRST), types.Position(0, 3)
    answer = await completion.inline(server, types.InlineCompletionParams(context, *place))
    assert not answer.items
    menu = await completion.popup(server, types.CompletionParams(*place))
    assert not menu.items
