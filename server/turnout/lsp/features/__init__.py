"""Every method and command, and the module of its group, imported when the first request of the group comes.

Invariant: registering imports no group, because an editor waits for the answer to `initialize` meanwhile.
"""

import asyncio
import importlib
from collections.abc import Callable, Coroutine
from typing import Any

from lsprotocol import types

from turnout.lsp.features import lifecycle
from turnout.lsp.server import TurnoutServer

Handler = Callable[[TurnoutServer, Any], Coroutine[Any, Any, Any]]

GROUPS = tuple(
    f"{__name__}.{group}"
    for group in (
        "completion",
        "offers",
        "actions",
        "refactor",
        "commit",
        "transparency",
        "preview",
        "settings_file",
    )
)
"""The modules that `register_all` leaves for later."""

_METHODS = {
    types.INITIALIZED: "lifecycle.initialized",
    types.WORKSPACE_DID_CHANGE_CONFIGURATION: "lifecycle.configuration",
    types.WORKSPACE_DID_CHANGE_WATCHED_FILES: "lifecycle.watched",
    types.TEXT_DOCUMENT_DID_SAVE: "lifecycle.saved",
    "turnout/cursor": "lifecycle.cursor",
    types.TEXT_DOCUMENT_INLINE_COMPLETION: "completion.inline",
    types.TEXT_DOCUMENT_COMPLETION: "completion.popup",
    "turnout/didShow": "completion.shown",
    "turnout/didAccept": "completion.accepted",
    "turnout/didReject": "completion.rejected",
    types.TEXT_DOCUMENT_CODE_ACTION: "offers.code_actions",
    types.CODE_ACTION_RESOLVE: "actions.resolve",
    "turnout/plan": "refactor.plan",
    "turnout/refactor": "refactor.refactor",
    "turnout/proposal": "refactor.proposal",
    "turnout/apply": "refactor.apply",
    "turnout/undo": "refactor.undo",
    "turnout/discard": "refactor.discard",
    "turnout/preview": "preview.preview",
    "turnout/sent": "preview.sent",
    "turnout/explain": "transparency.explain",
    "turnout/models": "transparency.models",
    "turnout/why": "transparency.why",
    "turnout/receipts": "transparency.receipts",
    "turnout/spend": "transparency.spend",
    "turnout/settingsFile": "settings_file.look",
}

_COMMANDS = {
    "turnout.didAccept": "completion.accepted_by_command",
    "turnout.fix": "actions.run_command",
    "turnout.rewrite": "actions.run_command",
    "turnout.document": "actions.run_command",
    "turnout.test": "actions.run_command",
    "turnout.explain": "actions.run_command",
    "turnout.commitMessage": "commit.message",
}


def register_all(server: TurnoutServer) -> None:
    """Put every handler on the server."""
    for method, name in _METHODS.items():
        server.feature(method)(_later(name))
    for command, name in _COMMANDS.items():
        server.command(command)(_later(name))
    lifecycle.listen(server)


def _later(name: str) -> Handler:
    """A handler that finds the function `group.function` when it is called."""
    group, _, function = name.partition(".")
    found: Callable[[TurnoutServer, Any], Any] | None = None

    async def handle(ls: TurnoutServer, params: Any) -> Any:
        nonlocal found
        if found is None:
            found = getattr(importlib.import_module(f"{__name__}.{group}"), function)
        result = found(ls, params)
        return await result if asyncio.iscoroutine(result) else result

    return handle
