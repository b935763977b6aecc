"""What the editor is shown where it does not keep to the protocol."""

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from lsprotocol import types
from pygls.exceptions import JsonRpcInternalError

from turnout.lsp import editor as lsp_editor
from turnout.lsp.editor import LspEditor
from turnout.lsp.protocol import TurnoutProtocol

SHOWS = types.ClientCapabilities(
    window=types.WindowClientCapabilities(show_document=types.ShowDocumentClientCapabilities(support=True))
)


async def _never() -> None:
    await asyncio.Event().wait()


async def _fails() -> None:
    raise JsonRpcInternalError(message="cannot show it")


@pytest.mark.parametrize("answer", [_never, _fails])
async def test_a_page_that_is_not_shown(answer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a client says that it can show, and then does not, is told in a message instead."""
    monkeypatch.setenv("TURNOUT_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setattr(lsp_editor, "_SHOW_TIMEOUT_S", 0.01)
    told: list[tuple[str, Any]] = []
    protocol = SimpleNamespace(
        client_capabilities=SHOWS,
        send_request_async=lambda _method, _params: answer(),
        notify=lambda method, params: told.append((method, params)),
    )
    await LspEditor(cast("TurnoutProtocol", protocol)).show_page("Explain total", "It adds **prices**.")
    message = types.ShowMessageParams(types.MessageType.Info, "It adds **prices**.")
    assert told == [(types.WINDOW_SHOW_MESSAGE, message)]
