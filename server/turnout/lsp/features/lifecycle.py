"""`initialized`, settings that change, folders that come and go, documents that close."""

from functools import partial

from lsprotocol import types

from turnout.core.documents import Document
from turnout.lsp.server import TurnoutServer
from turnout.paths import WORKSPACE_SETTINGS


def listen(server: TurnoutServer) -> None:
    """Hear of documents and folders that come and go."""
    server.protocol.on_close = partial(closed, server)
    server.protocol.on_folders = partial(folders_changed, server)


def initialized(ls: TurnoutServer, params: types.InitializedParams) -> None:
    """Build the services; a client that sent no settings is asked for them."""
    ls.start_services()
    if ls.initialization_options is None:
        ls.hold(_take_over(ls, None), "first settings")


def configuration(ls: TurnoutServer, params: types.DidChangeConfigurationParams) -> None:
    """Take over changed editor settings."""
    ls.hold(_take_over(ls, params.settings), "changed settings")


def watched(ls: TurnoutServer, params: types.DidChangeWatchedFilesParams) -> None:
    """Read a workspace's settings again when their file changed on disk."""
    if any(_is_settings(change.uri) for change in params.changes):
        _reload(ls)


def saved(ls: TurnoutServer, params: types.DidSaveTextDocumentParams) -> None:
    """Read a workspace's settings again when the user saved them."""
    if _is_settings(params.text_document.uri):
        _reload(ls)


def closed(server: TurnoutServer, document: Document) -> None:
    """Drop what is kept for a document."""
    services = server.services_now()
    if services is not None:
        services.completer.forget(document.uri)


def folders_changed(server: TurnoutServer) -> None:
    """Use the settings of the folders that are open now."""
    services = server.services_now()
    if services is not None:
        services.settings.set_roots(server.roots())
        server.hold(server.settings_changed(services), "settings of other folders")


def _is_settings(uri: str) -> bool:
    return uri.endswith("/" + WORKSPACE_SETTINGS)


def _reload(server: TurnoutServer) -> None:
    services = server.services_now()
    if services is not None:
        services.settings.reload()
        server.hold(server.settings_changed(services), "changed settings")


async def _take_over(server: TurnoutServer, value: object) -> None:
    """Use the settings that the client sent, or asks us to fetch where it sent none."""
    services = await server.services()
    await server.take_settings(services, value if value is not None else await _pull_settings(server))


async def _pull_settings(server: TurnoutServer) -> object:
    """Ask for the `turnout` section, from a client that sends no settings but answers for them."""
    workspace = server.protocol.client_capabilities.workspace
    if not workspace or not workspace.configuration:
        return {}
    params = types.ConfigurationParams(items=[types.ConfigurationItem(section="turnout")])
    answer = await server.protocol.send_request_async(types.WORKSPACE_CONFIGURATION, params)
    return answer[0] if answer else {}
