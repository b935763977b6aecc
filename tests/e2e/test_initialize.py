"""What the server offers to each kind of client, and what it never asks of one."""

from typing import Any

import pytest
from lsprotocol import types
from pytest_lsp import client_capabilities

from support.editor import editing, neovim, vscode
from support.home import Home

CLIENTS = {
    "VS Code": vscode,
    "VS Code 1.65": lambda: client_capabilities("visual-studio-code@v1.65.2"),
    "Neovim with the plugin": neovim,
    "Neovim 0.11": lambda: client_capabilities("neovim@v0.11.0"),
    "Neovim 0.6": lambda: client_capabilities("neovim@v0.6.1"),
    "Emacs": lambda: client_capabilities("emacs"),
    "nothing": types.ClientCapabilities,
}


@pytest.mark.parametrize("client", CLIENTS)
async def test_what_is_offered(home: Home, client: str) -> None:
    """A client is offered what it says it can take, statically, and asked to register the watching of files alone."""
    can = CLIENTS[client]()
    async with editing(home, can, options={}) as editor:
        text, offered = can.text_document, editor.server
        assert bool(offered.inline_completion_provider) == bool(text and text.inline_completion)
        assert bool(offered.completion_provider) == bool(text and text.completion)
        assert bool(offered.code_action_provider) == bool(text and text.code_action)
        sync = offered.text_document_sync
        assert isinstance(sync, types.TextDocumentSyncOptions)
        assert (sync.open_close, sync.change) == (True, types.TextDocumentSyncKind.Incremental)
        # An answer proves that everything behind `initialized` has happened; `leave` that nothing was said.
        assert (await editor.request("turnout/explain", {"kind": "inline"}))["chosen"] == "near"
        files = can.workspace.did_change_watched_files if can.workspace else None
        assert all(
            files and files.dynamic_registration and one.id == "turnout-files" for one in editor.registered
        )


async def test_where_the_logs_are(home: Home) -> None:
    """A client learns at once in which folder the server and the model processes keep their logs."""
    async with editing(home, vscode()) as editor:
        experimental: Any = editor.server.experimental
        assert experimental["turnout"]["logs"] == str(home.state / "logs")
