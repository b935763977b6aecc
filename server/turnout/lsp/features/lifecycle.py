"""`initialized`, settings that change, folders and files that come and go, documents, and where the cursor rests."""

from functools import partial
from typing import Any

from lsprotocol import types

from turnout.core.documents import Document, Position, Span
from turnout.lsp.fields import fields_of, position_of, uri_of
from turnout.lsp.positions import position_from_lsp
from turnout.lsp.server import TurnoutServer
from turnout.lsp.watching import watch_files
from turnout.paths import WORKSPACE_SETTINGS


def listen(server: TurnoutServer) -> None:
    """Hear of documents and folders that come and go."""
    server.protocol.on_open = partial(touched, server)
    server.protocol.on_change = partial(touched, server)
    server.protocol.on_edit = partial(edited, server)
    server.protocol.on_close = partial(closed, server)
    server.protocol.on_folders = partial(folders_changed, server)


def initialized(ls: TurnoutServer, params: types.InitializedParams) -> None:
    """Build the services, and look at what was opened meanwhile."""
    ls.start_services()
    ls.hold(_catch_up(ls), "get ready")


def configuration(ls: TurnoutServer, params: types.DidChangeConfigurationParams) -> None:
    """Use changed editor settings, at once where they are here, so that the next request is under them."""
    services = ls.services_now()
    if services is not None and params.settings is not None:
        ls.take_settings(services, params.settings)
    else:
        ls.hold(_take_over(ls, params.settings), "changed settings")


def watched(ls: TurnoutServer, params: types.DidChangeWatchedFilesParams) -> None:
    """Read a workspace's settings again when their file changed on disk, and have its index look at the others."""
    services = ls.services_now()
    if services is not None:
        services.repositories.changed([change.uri for change in params.changes])
    if any(_is_settings(change.uri) for change in params.changes):
        _reload(ls)


def saved(ls: TurnoutServer, params: types.DidSaveTextDocumentParams) -> None:
    """Read a workspace's settings again when the user saved them; one who saves is about to go on."""
    document = ls.document(params.text_document.uri)
    if document is not None:
        touched(ls, document)
    services = ls.services_now()
    if services is not None:
        services.repositories.saved(params.text_document.uri)
    if _is_settings(params.text_document.uri):
        _reload(ls)


def touched(server: TurnoutServer, document: Document, position: Position | None = None) -> None:
    """Get ready for the place where an editor seems to be: not every editor says where its cursor is."""
    services = server.services_now()
    if services is not None:
        services.warmer.touch(document.uri, document.version, position)
        if position is not None:
            services.completer.moved(document, position)
    elif position is not None:
        server.early_cursor = document.uri, position


def edited(server: TurnoutServer, document: Document, span: Span, text: str) -> None:
    """Follow what was accepted in a document through its edits."""
    services = server.services_now()
    if services is not None:
        services.kept.edited(document, span, text)


def cursor(ls: TurnoutServer, params: Any) -> None:
    """Get ready for the place where the cursor came to rest: `turnout/cursor`."""
    fields = fields_of(params)
    document, place = ls.document(uri_of(fields)), position_of(fields)
    if document is not None and not document.skipped and place is not None:
        at = position_from_lsp(document.snapshot(), place, ls.protocol.encoding)
        touched(ls, document, at)


def closed(server: TurnoutServer, document: Document) -> None:
    """Drop what is kept for a document."""
    services = server.services_now()
    if services is not None:
        services.kept.closing(document)
        services.completer.forget(document.uri)
        services.warmer.forget(document.uri)


def folders_changed(server: TurnoutServer) -> None:
    """Use the settings of the folders that are open now, and finish what a crash cut off in them."""
    services = server.services_now()
    if services is not None:
        services.settings.set_roots(server.roots())
        server.settings_changed(services)
        server.hold(server.recover(), "recover")


def _is_settings(uri: str) -> bool:
    return uri.endswith("/" + WORKSPACE_SETTINGS)


def _reload(server: TurnoutServer) -> None:
    services = server.services_now()
    if services is not None:
        services.settings.reload()
        server.settings_changed(services)


async def _catch_up(server: TurnoutServer) -> None:
    """Editors open their documents before anything here can take notice."""
    services = await server.services()
    documents = server.protocol.documents
    uri, position = server.early_cursor
    if uri in documents:
        touched(server, documents[uri], position)
    elif documents:
        touched(server, list(documents.values())[-1])
    if services.repositories.is_active:
        services.repositories.is_watching = await watch_files(server.protocol)


async def _take_over(server: TurnoutServer, value: object) -> None:
    """Use the settings that the client sent, or asks us to fetch where it sent none."""
    services = await server.services()
    server.take_settings(services, value if value is not None else await server.ask_settings())
