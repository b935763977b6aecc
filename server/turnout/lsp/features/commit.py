"""`turnout.commitMessage`: a message for what is staged in the repository nearest around a folder."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lsprotocol import types
from pygls.exceptions import JsonRpcInvalidParams

from turnout import git
from turnout.act.commit_message import write_message
from turnout.files import path_to_uri, uri_to_path
from turnout.lsp.server import TurnoutServer
from turnout.lsp.work import failures_as_errors, seams_for, told


async def message(ls: TurnoutServer, params: types.ExecuteCommandParams) -> dict[str, Any]:
    """Write the message; nothing is committed."""
    folder = _folder(params)
    services = await ls.services()
    async with failures_as_errors():
        workspace = ls.folder_of(services, f"{folder.rstrip('/')}/.turnout" if folder else "")
    operation = services.operation()
    async with (
        failures_as_errors(operation),
        ls.editor.progress("Turnout: Commit message", params.work_done_token) as progress,
    ):
        staged = await git.staged(uri_to_path(folder) if folder else workspace.folder.root)
        seams = seams_for(services, operation, workspace, told(progress))
        written = await write_message(staged, lambda path: path_to_uri(Path(staged.root) / path), seams)
    return {"message": written.text, "receipt": written.receipt.to_wire()}


def _folder(params: types.ExecuteCommandParams) -> str:
    """The URI of the folder that was named; empty for the first one of the editor."""
    argument = next(iter(params.arguments or ()), None)
    if argument is None:
        return ""
    folder = argument.get("folder") if isinstance(argument, Mapping) else None
    if not isinstance(folder, str):
        raise JsonRpcInvalidParams(message="turnout.commitMessage takes an object with the URI of a folder.")
    return folder
