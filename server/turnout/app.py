"""The composition root: settings and paths become objects here, and nowhere else.

Invariant: importing this module costs what answering `initialize` needs; the rest is imported after it.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from turnout import logs, parts, paths
from turnout.lsp.editor import LspEditor
from turnout.lsp.features import GROUPS, register_all
from turnout.lsp.protocol import TurnoutProtocol
from turnout.lsp.server import TurnoutServer
from turnout.lsp.server import run as run_server
from turnout.lsp.services import Services
from turnout.parts import Models, Session

if TYPE_CHECKING:
    from turnout.complete import Completer, Keeper, Warmer
    from turnout.session.pulls import Pulls

_LATER = (
    "turnout.lsp.features.offers",  # an editor asks for them as soon as it shows a document
    "tree_sitter",
    "turnout.automatic",
    "turnout.complete.context",
    "turnout.dispatch",
    "turnout.local",
    "turnout.journal",
    *GROUPS,
    "turnout.index",
    "turnout.models",
    "turnout.preview",
    "turnout.remote",
    "turnout.session.budgets",
    "turnout.session.checking",
    "turnout.session.consent",
    "turnout.session.failures",
    "turnout.session.measuring",
    "turnout.session.outlook",
    "turnout.session.pulls",
    "turnout.session.reporting",
    "turnout.session.repositories",
    "turnout.session.surroundings",
    "turnout.session.terms",
    "turnout.session.workspaces",
    "turnout.settings.keys",
    "turnout.settings.loading",
    "turnout.settings.trust",
    "turnout.store",
    "turnout.telemetry",
)
"""Imported on a thread after `initialized`, so that the event loop goes on answering meanwhile."""


def serve() -> int:
    """Run the language server over stdin and stdout; returns the exit status."""
    server = TurnoutServer(_build)
    register_all(server)
    return asyncio.run(run_server(server))


async def _build(editor: LspEditor, protocol: TurnoutProtocol) -> Services:
    await asyncio.to_thread(_prepare)
    return _compose(editor, protocol)


def _prepare() -> None:
    """Everything that takes time and nobody waits for: on a thread, after `initialized`."""
    logs.to_file()
    try:
        for name in _LATER:
            importlib.import_module(name)
        # The first time on a machine this takes half a second, which no settings should wait for later.
        importlib.import_module("turnout.automatic").model()
    finally:
        # What was imported stays: without it, a collection takes microseconds and not a keystroke's time.
        gc.collect()
        gc.freeze()
        gc.enable()


def _compose(editor: LspEditor, protocol: TurnoutProtocol) -> Services:
    loop = asyncio.get_running_loop()
    session = parts.opened(editor)
    models = parts.answering(loop, editor, session)
    session.settings_read = partial(_settings_read, loop, session, models)
    return _services(editor, protocol, session, models)


def _settings_read(loop: asyncio.AbstractEventLoop, session: Session, models: Models) -> None:
    session.repositories.settings_read()
    parts.models_read(loop, session, models)


def _services(editor: LspEditor, protocol: TurnoutProtocol, session: Session, models: Models) -> Services:
    from turnout.act.applying.transactions import Proposals
    from turnout.complete import Completer, Keeper, Warmer
    from turnout.journal import Journal
    from turnout.preview import Previewer
    from turnout.session.checking import FolderChecks
    from turnout.session.failures import Failures
    from turnout.session.outlook import RecentOutlook
    from turnout.session.pulls import Pulls
    from turnout.session.terms import completion_terms
    from turnout.store import EditHistory, Suggestions

    workspaces, ledger = session.workspaces, session.ledger
    pulls = Pulls(editor, _pull, on_ready=lambda _name: session.reporter.settings_changed())
    context = parts.around_the_cursor(session, models, session.repositories.of, protocol.snapshot)
    warmer = Warmer(
        models,
        partial(workspaces.model_when_ready, "inline"),
        workspaces.rules,
        workspaces.relative_path,
        protocol.snapshot,
        context=context,
    )
    kept = Keeper(Suggestions(ledger), protocol.documents.get)
    completer = Completer(
        models.dispatcher,
        workspaces.rules,
        workspaces.relative_path,
        Failures(editor, pulls),
        busy=warmer.completing,
        around=context.current,
        on_shown=kept.offered,
        terms=partial(completion_terms, workspaces),
    )
    return Services(
        settings=workspaces,
        completer=completer,
        warmer=warmer,
        operation=models.dispatcher.operation,
        records=ledger,
        kept=kept,
        check=FolderChecks(workspaces),
        outlook=RecentOutlook(workspaces, ledger.last, history=EditHistory(ledger, parts.ledger_path())),
        preview=Previewer(models.dispatcher, models.remote.foresee),
        sent=models.sent,
        repositories=session.repositories,
        proposals=Proposals(Journal(paths.state_dir() / "journal")),
        close=partial(_close_all, session, models, completer, kept, warmer, pulls),
        settings_changed=session.consents.forget,
        settings_read=partial(_settings_read_by_all, session, completer),
    )


def _settings_read_by_all(session: Session, completer: Completer) -> None:
    session.settings_read()
    completer.settings_read()


async def _close_all(
    session: Session, models: Models, completer: Completer, kept: Keeper, warmer: Warmer, pulls: Pulls
) -> None:
    kept.close()
    await completer.close()
    await warmer.close()
    await pulls.close()
    await parts.close(session, models)


def _pull(name: str, report: Callable[[int, int, str], None], cancelled: Callable[[], bool]) -> Path:
    from turnout import automatic, models

    def pass_on(progress: models.Progress) -> None:
        report(progress.done_bytes, progress.total_bytes, progress.notice or progress.phase)

    return models.pull(name, automatic.form_of(name), progress=pass_on, cancelled=cancelled)
