"""The composition root: settings and paths become objects here, and nowhere else.

Invariant: importing this module costs what answering `initialize` needs; the rest is imported after it.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import logging
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from turnout import paths
from turnout.lsp.editor import LspEditor
from turnout.lsp.features import GROUPS, register_all
from turnout.lsp.protocol import TurnoutProtocol
from turnout.lsp.server import Services, TurnoutServer
from turnout.lsp.server import run as run_server

if TYPE_CHECKING:
    from turnout.settings import Loaded

logger = logging.getLogger(__name__)

_LATER = (
    "turnout.automatic",
    "turnout.dispatch",
    "turnout.local",
    *GROUPS,
    "turnout.models",
    "turnout.remote",
    "turnout.session.budgets",
    "turnout.session.checking",
    "turnout.session.consent",
    "turnout.session.failures",
    "turnout.session.measuring",
    "turnout.session.outlook",
    "turnout.session.pulls",
    "turnout.session.reporting",
    "turnout.session.workspaces",
    "turnout.settings.keys",
    "turnout.settings.loading",
    "turnout.settings.trust",
    "turnout.store",
    "turnout.telemetry",
)
"""Imported on a thread after `initialized`, so that the event loop goes on answering meanwhile."""

LOG_BYTES = 2_000_000


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
    _log_to_file()
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
    from turnout import models
    from turnout import remote as remote_models
    from turnout.complete import Completer, Warmer
    from turnout.dispatch import Dispatcher, Vitals
    from turnout.local import LocalBackend
    from turnout.models import on_gpu, speeds
    from turnout.session.budgets import Budgets
    from turnout.session.checking import FolderChecks
    from turnout.session.consent import SessionConsents
    from turnout.session.editor_keys import EditorKeys, WithEditorKeys
    from turnout.session.failures import Failures
    from turnout.session.measuring import Measuring
    from turnout.session.outlook import RecentOutlook
    from turnout.session.pulls import Pulls
    from turnout.session.reporting import Reporter
    from turnout.session.workspaces import Workspaces
    from turnout.settings import keys, trust
    from turnout.store import Ledger
    from turnout.telemetry import Telemetry, Watched

    loop = asyncio.get_running_loop()
    ledger = Ledger(_ledger_path())
    vitals = Vitals()
    editor_keys = EditorKeys(editor.api_key, keys.resolve, on_answer=lambda: settings_read())
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
    local = LocalBackend(
        models.locate, folder=on_gpu.folder, gpu_needs=on_gpu.needs, on_progress=reporter.loading
    )
    remote = remote_models.RemoteBackend(editor_keys.resolve)
    consents = SessionConsents(editor)
    telemetry = Telemetry(reporter.record, lambda text: _warn_later(loop, editor, text))
    elsewhere = Watched(WithEditorKeys(remote, editor_keys), telemetry)
    backends = {"local": Watched(local, telemetry), **dict.fromkeys(remote_models.APIS, elsewhere)}
    measuring = Measuring(telemetry.record, speeds.Keeper(), local.runs)
    dispatcher = Dispatcher(
        budgets,
        backends,
        consents,
        measuring,
        purse=budgets,
        vitals=vitals,
        permits=workspaces.permits,
    )
    pulls = Pulls(editor, _pull, on_ready=lambda _name: reporter.settings_changed())

    def settings_read() -> None:
        reporter.settings_changed()
        if workspaces.has_remote():
            # On a thread and ahead of time: the first request would stop typing for the 0.1 s that it takes.
            loop.run_in_executor(None, remote_models.preload)
        told = workspaces.settings("").settings.telemetry
        loop.run_in_executor(None, partial(telemetry.configure, told.endpoint, prompts=told.prompts))

    warmer = Warmer(
        local,
        lambda uri: workspaces.model(uri, "inline"),
        workspaces.rules,
        workspaces.relative_path,
        protocol.snapshot,
    )

    async def close() -> None:
        await editor_keys.close()
        await consents.close()
        await warmer.close()
        await pulls.close()
        await local.close()
        await measuring.close()
        await asyncio.to_thread(telemetry.close)
        await remote.close()
        await asyncio.to_thread(ledger.close)

    return Services(
        settings=workspaces,
        completer=Completer(
            dispatcher,
            workspaces.rules,
            workspaces.relative_path,
            Failures(editor, pulls),
            busy=warmer.completing,
        ),
        warmer=warmer,
        operation=dispatcher.operation,
        records=ledger,
        check=FolderChecks(workspaces),
        outlook=RecentOutlook(workspaces, ledger.last),
        close=close,
        settings_changed=consents.forget,
        settings_read=settings_read,
    )


def _warn_later(loop: asyncio.AbstractEventLoop, editor: LspEditor, text: str) -> None:
    loop.call_soon_threadsafe(editor.say_once, text, "warning")


def _load(
    workspace: Path | None,
    editor: Mapping[str, object] | None,
    *,
    trusted: bool,
    editor_workspace: Sequence[Mapping[str, object]],
) -> Loaded:
    from turnout import automatic
    from turnout.settings import approvals, load

    return load(
        workspace,
        editor,
        trusted=trusted,
        editor_workspace=editor_workspace,
        auto_model=automatic.model_name,
        approve=partial(approvals.approved, workspace) if workspace and trusted else approvals.approve_none,
    )


def _pull(name: str, report: Callable[[int, int, str], None], cancelled: Callable[[], bool]) -> Path:
    from turnout import automatic, models

    def pass_on(progress: models.Progress) -> None:
        report(progress.done_bytes, progress.total_bytes, progress.notice or progress.phase)

    return models.pull(name, automatic.form_of(name), progress=pass_on, cancelled=cancelled)


def _log_to_file() -> None:
    """Log to a file of the user's: editors show a server's stderr in odd places, or not at all."""
    from logging.handlers import RotatingFileHandler

    try:
        folder = paths.state_dir() / "logs"
        folder.mkdir(exist_ok=True, mode=0o700)
    except OSError as error:
        sys.stderr.write(f"turnout: no log and no receipts are kept: {error}\n")
        logging.basicConfig(handlers=[logging.NullHandler()])
        return
    handler = RotatingFileHandler(
        folder / "server.log", maxBytes=LOG_BYTES, backupCount=1, encoding="utf-8", delay=True
    )
    handler.setFormatter(logging.Formatter("%(asctime)s %(process)d %(levelname)s %(name)s: %(message)s"))
    handler.addFilter(_without_users_text)
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    # pygls logs whole messages, and with them the user's text, at INFO.
    logging.getLogger("pygls").setLevel(logging.WARNING)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    logging.captureWarnings(capture=True)


def _without_users_text(record: logging.LogRecord) -> bool:
    """Take the traceback off what was only answered with an error: its message may quote the user's code."""
    if record.exc_info and any(
        kind.__name__ == "JsonRpcException" for kind in type(record.exc_info[1]).__mro__
    ):
        record.exc_info = None
    return True


def _ledger_path() -> Path:
    """Where receipts are kept; a place that cannot be used where there is none, which the ledger copes with."""
    try:
        return paths.state_dir() / "ledger.sqlite"
    except OSError:
        return Path(os.devnull) / "ledger.sqlite"
