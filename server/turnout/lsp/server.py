"""The language server: one client, its documents, and the services that answer for them.

Invariant: `initialize` is answered before anything heavy is imported; requests that come while the services are
being built wait for them.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lsprotocol import types
from pygls.exceptions import JsonRpcException
from pygls.lsp.server import LanguageServer

from turnout import __version__
from turnout.core.documents import Document, Position, Snapshot
from turnout.errors import EditError, FileUnusable, PathRefused, ProposalUnknown, Unrecorded
from turnout.files import Folder, uri_to_path
from turnout.lsp.editor import LspEditor
from turnout.lsp.protocol import TurnoutProtocol
from turnout.lsp.services import Services
from turnout.lsp.stdio import open_input, open_output
from turnout.paths import lies_in_workspace

if TYPE_CHECKING:  # the use cases are imported when the services are built
    from turnout.act.plans import Plan
    from turnout.act.proposals import Proposal
    from turnout.act.shelf import Shelf
    from turnout.lsp.workspace import EditorWorkspace

logger = logging.getLogger(__name__)

_SETTINGS_TIMEOUT_S = 5.0
_WATCH_EVERY_S = 1.0


Build = Callable[[LspEditor, TurnoutProtocol], Awaitable[Services]]


class TurnoutServer(LanguageServer):
    """The server object that pygls' decorators register handlers on."""

    protocol: TurnoutProtocol

    def __init__(self, build: Build) -> None:
        super().__init__("turnout", __version__, protocol_cls=TurnoutProtocol)
        self.editor = LspEditor(self.protocol)
        self._build = build
        self._services: asyncio.Future[Services] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._reading: asyncio.Task[None] | None = None
        """The newest reading of changed settings."""
        self.early_cursor: tuple[str, Position | None] = ("", None)
        """The document and place of a cursor that was told before there was anything to get ready."""
        self._owners: dict[str, EditorWorkspace] = {}
        """Folders that proposals were made for, by their names in the journal."""

    @cached_property
    def plans(self) -> Shelf[Plan]:
        """The plans of refactors, for their users to approve."""
        from turnout.act.shelf import Shelf

        return Shelf()

    def hold(self, work: Coroutine[None, None, None], name: str) -> asyncio.Task[None]:
        """Run `work` beside the handlers; a fault in it is logged, and it ends with the server."""
        task = asyncio.get_running_loop().create_task(self._logged(work, name), name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _logged(self, work: Coroutine[None, None, None], name: str) -> None:
        try:
            await work
        except Exception:
            logger.exception("%s failed", name)

    def start_services(self) -> None:
        """Begin to build the services; called once, when the client is initialized."""
        if self._services is None:
            self._services = asyncio.get_running_loop().create_future()
            self.hold(self._build_services(self._services), "build services")

    async def services(self) -> Services:
        """The services, as soon as they are there and settings that changed are read."""
        self.start_services()  # a client that never says `initialized` is served all the same
        assert self._services is not None
        services = await asyncio.shield(self._services)
        # What the user just forbade must not be done under the settings of a moment ago.
        while self._reading is not None and not self._reading.done():
            await asyncio.wait({self._reading})
        return services

    def services_now(self) -> Services | None:
        """The services if they are there already; for notifications, which must not wait."""
        future = self._services
        return future.result() if future is not None and future.done() and not future.exception() else None

    async def close_services(self) -> None:
        """End everything that the services hold."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.editor.close()
        services = self.services_now()
        if services is not None:
            await services.close()

    @property
    def initialization_options(self) -> Any:
        """What the client sent with `initialize`."""
        params = self.protocol.initialize_params
        return params.initialization_options if params else None

    def take_settings(self, services: Services, changed: object = None) -> None:
        """Use the client's settings from now on: those it changed to, else those it came with.

        An empty change says nothing (Neovim sends one at every start), unless a client of ours says so.
        """
        self._use_settings(services, changed)
        self.settings_changed(services)

    def settings_changed(self, services: Services) -> None:
        """Let go of what held before, at once, and read the settings beside the handlers."""
        services.settings_changed()
        self._reading = self.hold(self._read_settings(services), "changed settings")

    async def ask_settings(self) -> object:
        """The client's `turnout` section, from one that sends no settings but answers for them; else nothing."""
        workspace = self.protocol.client_capabilities.workspace
        if not workspace or not workspace.configuration:
            return {}
        params = types.ConfigurationParams(items=[types.ConfigurationItem(section="turnout")])
        try:
            async with asyncio.timeout(_SETTINGS_TIMEOUT_S):
                answer = await self.protocol.send_request_async(types.WORKSPACE_CONFIGURATION, params)
        except (JsonRpcException, TimeoutError) as error:
            logger.warning("the client does not say its settings: %r", error)
            return {}
        return answer[0] if answer else {}

    def _use_settings(self, services: Services, changed: object) -> None:
        first, client = settings_from(self.initialization_options)
        newer, newer_client = settings_from(changed)
        known = {**client, **newer_client}
        trusted = known.get("trusted")
        chosen = newer if newer or newer_client else first
        self.editor.wants_status = isinstance(known.get("name"), str)
        self.editor.keeps_keys = known.get("keepsKeys") is True
        services.settings.set_client(
            chosen,
            trusted=trusted if isinstance(trusted, bool) else None,
            workspace=table_of(known.get("workspace")),
            folders=folders_from(known.get("folders")),
        )

    async def _read_settings(self, services: Services) -> None:
        await services.settings.prepare()
        services.settings_read()

    async def _watch_settings(self, services: Services) -> None:
        """See what changes outside of the editor: the user's own file, a checkout, trust given in a terminal."""
        while True:
            await asyncio.sleep(_WATCH_EVERY_S)
            if await asyncio.to_thread(services.settings.changed_on_disk):
                services.settings.reload()
                self.settings_changed(services)

    async def _build_services(self, future: asyncio.Future[Services]) -> None:
        try:
            services = await self._build(self.editor, self.protocol)
            services.settings.set_roots(self.roots())
            # Nothing is served before the client's settings are known: they may forbid it.
            self._use_settings(
                services, await self.ask_settings() if self.initialization_options is None else None
            )
            await self._read_settings(services)
            future.set_result(services)
            self.hold(self._watch_settings(services), "watch settings")
            self.hold(self.recover(), "recover")
        except Exception as error:
            logger.exception("the services could not be built")
            future.set_exception(error)
            future.exception()  # looked at here, so that nobody has to
            self.editor.say(f"Turnout could not start: {error}", "error")

    def snapshot(self, uri: str) -> Snapshot | None:
        """The open document as it is now; None where it is not open or not worked on."""
        return self.protocol.snapshot(uri)

    def document(self, uri: str) -> Document | None:
        """The open document."""
        return self.protocol.documents.get(uri)

    def folder_of(self, services: Services, uri: str) -> EditorWorkspace:
        """The workspace folder that holds a document; the document's own directory where no folder does.

        Raises FileUnusable where there is neither.
        """
        from turnout.lsp.workspace import EditorWorkspace

        folder = services.settings.folder(uri)
        if folder is None:
            if not uri.startswith("file:"):
                raise FileUnusable(
                    "There is no folder to work in.", advice="Open a folder, or save the file first."
                )
            folder = Folder(uri_to_path(uri).parent)
        return EditorWorkspace(self.protocol, folder, services.settings.may_read)

    async def keep(self, services: Services, proposal: Proposal, workspace: EditorWorkspace) -> None:
        """Keep a proposal and the workspace folder that it is for. Raises Unrecorded."""
        from turnout.act.applying.transactions import real_root

        root = real_root(workspace.folder.root)
        self._owners[root] = workspace
        await asyncio.to_thread(services.proposals.keep, proposal, root)

    async def offer(self, services: Services, proposal: Proposal, workspace: EditorWorkspace) -> None:
        """Keep a proposal that is shown in any case: where it could not be applied later, the user is told why."""
        try:
            await self.keep(services, proposal, workspace)
        except Unrecorded as failure:
            self.editor.say_once(
                f"Turnout: What is proposed can be read, and not be applied. {failure}", "warning"
            )

    async def owner(self, services: Services, proposal_id: str) -> EditorWorkspace:
        """The workspace folder of a proposal, also of one made before this process. Raises ProposalUnknown."""
        root = await asyncio.to_thread(services.proposals.root, proposal_id)
        found = (await self.reachable(services)).get(root)
        if found is None:
            raise ProposalUnknown(
                f"That change is for {root}, which is not open here.", advice="Open that folder first."
            )
        return found

    def journalled(self, services: Services) -> dict[str, EditorWorkspace]:
        """The workspace folders whose proposals can be applied here, by their names in the journal."""
        from turnout.act.applying.transactions import real_root
        from turnout.lsp.workspace import EditorWorkspace

        may_read = services.settings.may_read
        opened = {
            real_root(root): EditorWorkspace(self.protocol, Folder(root), may_read) for root in self.roots()
        }
        return {**self._owners, **opened}

    async def reachable(self, services: Services) -> dict[str, EditorWorkspace]:
        """Those of `journalled`, and the folders in open ones that a command changed as workspaces."""
        known = self.journalled(services)
        return {**await asyncio.to_thread(self._inside, services, self.roots()), **known}

    def _inside(self, services: Services, opened: Iterable[Path]) -> dict[str, EditorWorkspace]:
        from turnout.act.applying.transactions import real_root
        from turnout.lsp.workspace import EditorWorkspace

        may_read = services.settings.may_read
        return {
            inner: EditorWorkspace(self.protocol, Folder(root / Path(inner).relative_to(real)), may_read)
            for root, real in [(root, real_root(root)) for root in opened]
            for inner in services.proposals.roots()
            if lies_in_workspace(inner, real)
        }

    async def recover(self) -> None:
        """Put right what a crash left in the middle of a change in an open folder, and say so, or why that failed."""
        services = await self.services()
        for root, workspace in (await self.reachable(services)).items():
            try:
                for text in await services.proposals.recover(workspace, root):
                    self.editor.say(f"Turnout: {text}", "warning")
            except EditError as failure:  # the next folder may be another's
                self.editor.say_once(f"Turnout: {failure}", "warning")

    def roots(self) -> list[Path]:
        """The client's workspace folders that are folders of this machine."""
        found = []
        for uri in self.protocol.folders:
            try:
                found.append(uri_to_path(uri))
            except PathRefused:
                logger.info("a workspace folder is not on this machine: %s", uri)
        return found

    def report_server_error(self, error: Exception, source: Any) -> None:
        """Log; a popup for each fault would punish the user for it."""
        if isinstance(error, JsonRpcException):
            logger.info("a request was answered with an error: %s", type(error).__name__)
        else:
            logger.error("%s", source, exc_info=error)


async def run(server: TurnoutServer) -> int:
    """Serve over stdin and stdout until the client leaves; returns the exit status."""
    # The output first: the answer to a message must have somewhere to go.
    server.protocol.set_writer(await open_output())
    closed = await open_input(server.protocol.receive)
    left = asyncio.create_task(server.protocol.left.wait(), name="exit notification")
    ended = asyncio.create_task(closed.wait(), name="end of input")
    try:
        await asyncio.wait({left, ended}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        left.cancel()
        ended.cancel()
        await server.close_services()
    return 0 if server.protocol.was_shut_down else 1


def table_of(value: Any) -> Mapping[str, object]:
    """A table of settings as a client sent it; nothing where it is none."""
    return {str(key): item for key, item in value.items()} if isinstance(value, Mapping) else {}


def folders_from(value: Any) -> Mapping[Path, Mapping[str, object]]:
    """A client's tables of settings by the URI of a workspace folder, without what is no folder of this machine."""
    found = {}
    for uri, table in table_of(value).items():
        with suppress(PathRefused):
            found[uri_to_path(uri)] = table_of(table)
    return found


def settings_from(value: Any) -> tuple[Mapping[str, object], Mapping[str, object]]:
    """A client's settings, under `turnout` or bare, and what it says about itself under `client`."""
    if not isinstance(value, Mapping):
        return {}, {}
    inner = value.get("turnout", value)
    if not isinstance(inner, Mapping):
        return {}, {}
    client = inner.get("client")
    settings = {key: item for key, item in table_of(inner).items() if key != "client"}
    return settings, client if isinstance(client, Mapping) else {}
