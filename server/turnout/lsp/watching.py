"""Asking the client to say which files change on disk.

Invariant: a client that does not say that it can be asked is not.
"""

import logging

from lsprotocol import types
from pygls.exceptions import JsonRpcException

from turnout.lsp.protocol import TurnoutProtocol

logger = logging.getLogger(__name__)

_ID = "turnout-files"


async def watch_files(protocol: TurnoutProtocol) -> bool:
    """Have all files of the folders watched; whether the client does."""
    workspace = protocol.client_capabilities.workspace
    can = workspace.did_change_watched_files if workspace else None
    if not can or not can.dynamic_registration:
        return False
    options = types.DidChangeWatchedFilesRegistrationOptions(watchers=[types.FileSystemWatcher("**/*")])
    watching = types.Registration(_ID, types.WORKSPACE_DID_CHANGE_WATCHED_FILES, options)
    try:
        await protocol.send_request_async(
            types.CLIENT_REGISTER_CAPABILITY, types.RegistrationParams(registrations=[watching])
        )
    except JsonRpcException as error:
        logger.warning("the client does not watch files: %s", error)
        return False
    return True
