"""The composition root: settings and paths become objects here, and nowhere else.

Invariant: importing this module costs what answering `initialize` needs; the rest is imported after it.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import os
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from turnout import logs, paths
from turnout.lsp.editor import LspEditor
from turnout.lsp.features import GROUPS, register_all
from turnout.lsp.protocol import TurnoutProtocol
from turnout.lsp.server import Services, TurnoutServer
from turnout.lsp.server import run as run_server
from turnout.session.editor import Editor

if TYPE_CHECKING:
    from turnout.complete import Completer, Keeper, Warmer
    from turnout.complete.context import Gatherer
    from turnout.core.documents import Snapshot
    from turnout.core.models import Model
    from turnout.core.prompts import FimPrompt
    from turnout.core.repository import Repository
    from turnout.dispatch import Dispatcher, Operation, SentPrompts, Vitals
    from turnout.local import LocalBackend
    from turnout.preview import Previewer
    from turnout.remote import RemoteBackend
    from turnout.session.budgets import Budgets
    from turnout.session.checking import FolderChecks
    from turnout.session.consent import SessionConsents
    from turnout.session.editor_keys import EditorKeys
    from turnout.session.measuring import Measuring
    from turnout.session.outlook import RecentOutlook
    from turnout.session.pulls import Pulls
    from turnout.session.reporting import Reporter
    from turnout.session.repositories import Chosen, Index, Repositories
    from turnout.session.workspaces import Workspaces
    from turnout.settings import Loaded
    from turnout.store import EditHistory, Ledger
    from turnout.telemetry import Telemetry

_LATER = (
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


@dataclass(frozen=True, slots=True)
class Bench:
    """What a command works with that does what an editor's user could ask for, in one folder."""

    workspaces: Workspaces
    operation: Callable[..., Operation]
    check: FolderChecks
    outlook: RecentOutlook
    history: EditHistory
    """How refactors went on this machine."""
    preview: Previewer
    typing: Callable[[Repository | None, Callable[[str], Snapshot | None]], tuple[Gatherer, Completer]]
    """What completes with an index beside open documents."""


@asynccontextmanager
async def bench(host: Host, root: Path) -> AsyncIterator[Bench]:
    """The same parts as a server's, for the folder `root` and whoever sits in front of `host`."""
    from turnout.preview import Previewer
    from turnout.session.checking import FolderChecks
    from turnout.session.outlook import RecentOutlook
    from turnout.store import EditHistory

    await asyncio.to_thread(logs.to_file)
    loop = asyncio.get_running_loop()
    session = _session(host)
    models = _models(loop, host, session)
    # No index is opened: one that nobody kept up to date would leave files out.
    session.settings_read = partial(_models_read, loop, session, models)
    workspaces = session.workspaces
    try:
        workspaces.set_roots([root])
        await workspaces.prepare()
        session.settings_read()
        history = EditHistory(session.ledger, _ledger_path())
        outlook = RecentOutlook(workspaces, session.ledger.last, history=history)
        yield Bench(
            workspaces,
            models.dispatcher.operation,
            FolderChecks(workspaces),
            outlook,
            history,
            Previewer(models.dispatcher, models.remote.foresee),
            partial(_typing, session, models),
        )
    finally:
        await _close(session, models)


class Host(Editor, Protocol):
    """An editor, or a terminal in its place; `api_key` is the key that it keeps for an endpoint."""

    async def api_key(self, endpoint: str) -> str | None: ...


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
    session = _session(editor)
    models = _models(loop, editor, session)
    session.settings_read = partial(_settings_read, loop, session, models)
    return _services(editor, protocol, session, models)


@dataclass(slots=True)
class _Session:
    """What is kept about the editor, its folders, and what was spent; `settings_read` is set when all is there."""

    ledger: Ledger
    vitals: Vitals
    editor_keys: EditorKeys
    workspaces: Workspaces
    budgets: Budgets
    reporter: Reporter
    consents: SessionConsents
    repositories: Repositories
    settings_read: Callable[[], None] = lambda: None


def _session(editor: Host) -> _Session:
    from turnout.dispatch import Vitals
    from turnout.session.budgets import Budgets
    from turnout.session.consent import SessionConsents
    from turnout.session.editor_keys import EditorKeys
    from turnout.session.reporting import Reporter
    from turnout.session.repositories import Repositories
    from turnout.session.workspaces import Workspaces
    from turnout.settings import keys, trust
    from turnout.store import Ledger

    ledger = Ledger(_ledger_path())
    vitals = Vitals(told=ledger.health)
    editor_keys = EditorKeys(editor.api_key, keys.resolve, on_answer=lambda: session.settings_read())
    workspaces = Workspaces(
        editor,
        _load,
        trust.is_trusted,
        keys.resolve,
        ledger.spent,
        editor_keys=editor_keys,
        health=vitals.health,
    )

    def first_model() -> str | None:
        model = workspaces.model("", "inline")
        return model.name if model else None

    budgets = Budgets(workspaces, ledger, editor)
    reporter = Reporter(budgets, editor, first_model)
    consents, repositories = SessionConsents(editor), Repositories(editor, workspaces, _open_index)
    session = _Session(ledger, vitals, editor_keys, workspaces, budgets, reporter, consents, repositories)
    return session


@dataclass(frozen=True, slots=True)
class _Models:
    """Everything that answers a request, and what watches it do so."""

    local: LocalBackend
    remote: RemoteBackend
    telemetry: Telemetry
    measuring: Measuring
    dispatcher: Dispatcher
    sent: SentPrompts

    async def warm(self, model: Model, prompt: FimPrompt) -> None:
        """Have `model` read `prompt` ahead, in its process or on its server."""
        await (self.local if model.api == "local" else self.remote).warm(model, prompt)


def _models(loop: asyncio.AbstractEventLoop, editor: Host, session: _Session) -> _Models:
    from turnout import models, remote
    from turnout.dispatch import Dispatcher, SentPrompts
    from turnout.local import LocalBackend
    from turnout.models import on_gpu, speeds
    from turnout.session.editor_keys import WithEditorKeys
    from turnout.session.measuring import Measuring
    from turnout.telemetry import Telemetry, Watched

    reporter, editor_keys = session.reporter, session.editor_keys
    local = LocalBackend(
        models.locate, folder=on_gpu.folder, gpu_needs=on_gpu.needs, on_progress=reporter.loading
    )
    backend = remote.RemoteBackend(editor_keys.resolve)
    telemetry = Telemetry(reporter.record, lambda text: _warn_later(loop, editor, text))
    elsewhere = Watched(WithEditorKeys(backend, editor_keys), telemetry)
    measuring, sent = Measuring(telemetry.record, speeds.Keeper(), local.runs), SentPrompts()
    dispatcher = Dispatcher(
        session.budgets,
        {"local": Watched(local, telemetry), **dict.fromkeys(remote.APIS, elsewhere)},
        session.consents,
        measuring,
        purse=session.budgets,
        vitals=session.vitals,
        permits=session.workspaces.permits,
        ready=session.workspaces.ready,
        sent=sent,
    )
    return _Models(local, backend, telemetry, measuring, dispatcher, sent)


def _settings_read(loop: asyncio.AbstractEventLoop, session: _Session, models: _Models) -> None:
    session.repositories.settings_read()
    _models_read(loop, session, models)


def _models_read(loop: asyncio.AbstractEventLoop, session: _Session, models: _Models) -> None:
    from turnout.remote import preload

    session.reporter.settings_changed()
    if session.workspaces.has_remote():
        # On a thread and ahead of time: the first request would stop typing for the 0.1 s that it takes.
        loop.run_in_executor(None, preload)
    told = session.workspaces.settings("").settings.telemetry
    loop.run_in_executor(None, partial(models.telemetry.configure, told.endpoint, prompts=told.prompts))


def _services(editor: LspEditor, protocol: TurnoutProtocol, session: _Session, models: _Models) -> Services:
    from turnout.act.transactions import Proposals
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
    context = _context(session, models, session.repositories.of, protocol.snapshot)
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
        outlook=RecentOutlook(workspaces, ledger.last, history=EditHistory(ledger, _ledger_path())),
        preview=Previewer(models.dispatcher, models.remote.foresee),
        sent=models.sent,
        repositories=session.repositories,
        proposals=Proposals(Journal(paths.state_dir() / "journal")),
        close=partial(_close_all, session, models, completer, kept, warmer, pulls),
        settings_changed=session.consents.forget,
        settings_read=partial(_settings_read_by_all, session, completer),
    )


def _settings_read_by_all(session: _Session, completer: Completer) -> None:
    session.settings_read()
    completer.settings_read()


def _context(
    session: _Session,
    models: _Models,
    repository: Callable[[str], Repository | None],
    snapshot: Callable[[str], Snapshot | None],
) -> Gatherer:
    from turnout.complete.context import Gatherer
    from turnout.models import speeds
    from turnout.session.surroundings import Surroundings

    files = Surroundings(session.workspaces, repository, models.local.runs, speeds.read)
    return Gatherer(files, snapshot)


def _typing(
    session: _Session,
    models: _Models,
    repository: Repository | None,
    snapshot: Callable[[str], Snapshot | None],
) -> tuple[Gatherer, Completer]:
    from turnout.complete import Completer

    context, workspaces = _context(session, models, lambda _uri: repository, snapshot), session.workspaces
    rules, path = workspaces.rules, workspaces.relative_path
    return context, Completer(models.dispatcher, rules, path, str, around=context.current)


async def _close_all(
    session: _Session, models: _Models, completer: Completer, kept: Keeper, warmer: Warmer, pulls: Pulls
) -> None:
    kept.close()
    await completer.close()
    await warmer.close()
    await pulls.close()
    await _close(session, models)


async def _close(session: _Session, models: _Models) -> None:
    await session.repositories.close()
    await session.editor_keys.close()
    await session.consents.close()
    await models.local.close()
    await models.measuring.close()
    await asyncio.to_thread(models.telemetry.close)
    await models.remote.close()
    await asyncio.to_thread(session.ledger.close)


def _warn_later(loop: asyncio.AbstractEventLoop, editor: Host, text: str) -> None:
    loop.call_soon_threadsafe(editor.say_once, text, "warning")


def _open_index(root: Path, chosen: Chosen, told: Callable[[], None]) -> Index:
    from turnout.index import RepositoryIndex, Spec, database_of

    return RepositoryIndex(Spec(root, database_of(root), chosen.never_read, chosen.max_files), told)


def _load(
    workspace: Path | None,
    editor: Mapping[str, object] | None,
    *,
    trusted: bool,
    editor_workspace: Sequence[Mapping[str, object]],
    nested: Sequence[Path],
) -> Loaded:
    from turnout import automatic
    from turnout.settings import approvals, load

    return load(
        workspace,
        editor,
        trusted=trusted,
        editor_workspace=editor_workspace,
        nested=nested,
        auto_model=automatic.model_name,
        approve=partial(approvals.approved, workspace) if workspace and trusted else approvals.approve_none,
    )


def _pull(name: str, report: Callable[[int, int, str], None], cancelled: Callable[[], bool]) -> Path:
    from turnout import automatic, models

    def pass_on(progress: models.Progress) -> None:
        report(progress.done_bytes, progress.total_bytes, progress.notice or progress.phase)

    return models.pull(name, automatic.form_of(name), progress=pass_on, cancelled=cancelled)


def _ledger_path() -> Path:
    """Where receipts are kept; a place that cannot be used where there is none, which the ledger copes with."""
    try:
        return paths.state_dir() / "ledger.sqlite"
    except OSError:
        return Path(os.devnull) / "ledger.sqlite"
