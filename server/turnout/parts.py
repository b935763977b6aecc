"""What a server and a command are both made of: what is kept about a session, and what answers its requests.

Invariant: importing this module costs nothing; what it makes objects of is imported when it makes them.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from turnout import paths
from turnout.session.editor import Editor

if TYPE_CHECKING:
    from turnout.complete.context import Gatherer
    from turnout.core.documents import Snapshot
    from turnout.core.fim.budget import Pace
    from turnout.core.models import Model
    from turnout.core.prompts import FimPrompt
    from turnout.core.repository import Repository
    from turnout.dispatch import Dispatcher, SentPrompts, Vitals
    from turnout.local import LocalBackend
    from turnout.remote import RemoteBackend
    from turnout.session.budgets import Budgets
    from turnout.session.consent import SessionConsents
    from turnout.session.editor_keys import EditorKeys
    from turnout.session.measuring import Measuring
    from turnout.session.reporting import Reporter
    from turnout.session.repositories import Chosen, Index, Repositories
    from turnout.session.workspaces import Workspaces
    from turnout.settings import Loaded
    from turnout.store import Ledger
    from turnout.telemetry import Telemetry


class Host(Editor, Protocol):
    """An editor, or a terminal in its place; `api_key` is the key that it keeps for an endpoint."""

    async def api_key(self, endpoint: str) -> str | None: ...


@dataclass(slots=True)
class Session:
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


def opened(editor: Host) -> Session:
    """What is kept for `editor`, before any folder is known."""
    from turnout.dispatch import Vitals
    from turnout.session.budgets import Budgets
    from turnout.session.consent import SessionConsents
    from turnout.session.editor_keys import EditorKeys
    from turnout.session.reporting import Reporter
    from turnout.session.repositories import Repositories
    from turnout.session.workspaces import Workspaces
    from turnout.settings import keys, trust
    from turnout.store import Ledger

    ledger = Ledger(ledger_path())
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
    session = Session(ledger, vitals, editor_keys, workspaces, budgets, reporter, consents, repositories)
    return session


@dataclass(frozen=True, slots=True)
class Models:
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

    def pace(self, model: Model) -> Pace:
        """How fast the server of `model` says that it reads; nothing where nobody knows."""
        return self.remote.pace(model)


def answering(loop: asyncio.AbstractEventLoop, editor: Host, session: Session) -> Models:
    """What answers the requests of a session; nothing is started or connected to yet."""
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
    return Models(local, backend, telemetry, measuring, dispatcher, sent)


def models_read(loop: asyncio.AbstractEventLoop, session: Session, models: Models) -> None:
    """Take over settings that were read: what is shown, what is loaded ahead, and where telemetry goes."""
    from turnout.remote import preload

    session.reporter.settings_changed()
    if session.workspaces.has_remote():
        # On a thread and ahead of time: the first request would stop typing for the 0.1 s that it takes.
        loop.run_in_executor(None, preload)
    told = session.workspaces.settings("").settings.telemetry
    loop.run_in_executor(None, partial(models.telemetry.configure, told.endpoint, prompts=told.prompts))


def around_the_cursor(
    session: Session,
    models: Models,
    repository: Callable[[str], Repository | None],
    snapshot: Callable[[str], Snapshot | None],
) -> Gatherer:
    """What finds context for completions, with the `repository` of a folder and the `snapshot` of a document."""
    from turnout.complete.context import Gatherer
    from turnout.models import speeds
    from turnout.session.surroundings import Surroundings

    files = Surroundings(session.workspaces, repository, models.local.runs, speeds.read, models.remote.pace)
    return Gatherer(files, snapshot)


async def close(session: Session, models: Models) -> None:
    """Let go of everything, the ledger last."""
    await session.repositories.close()
    await session.editor_keys.close()
    await session.consents.close()
    await models.local.close()
    await models.measuring.close()
    await asyncio.to_thread(models.telemetry.close)
    await models.remote.close()
    await asyncio.to_thread(session.ledger.close)


def ledger_path() -> Path:
    """Where receipts are kept; a place that cannot be used where there is none, which the ledger copes with."""
    try:
        return paths.state_dir() / "ledger.sqlite"
    except OSError:
        return Path(os.devnull) / "ledger.sqlite"


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
