"""What a command works with that does what an editor's user could ask for: the parts of a server without an editor.

Invariant: nothing here needs a language server's protocol.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from turnout import logs, parts
from turnout.parts import Host, Models, Session

if TYPE_CHECKING:
    from turnout.complete import Completer
    from turnout.complete.context import Gatherer
    from turnout.core.documents import Snapshot
    from turnout.core.repository import Repository
    from turnout.dispatch import Operation
    from turnout.preview import Previewer
    from turnout.session.checking import FolderChecks
    from turnout.session.outlook import RecentOutlook
    from turnout.session.workspaces import Workspaces
    from turnout.store import EditHistory


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
    session = parts.opened(host)
    models = parts.answering(loop, host, session)
    # No index is opened: one that nobody kept up to date would leave files out.
    session.settings_read = partial(parts.models_read, loop, session, models)
    workspaces = session.workspaces
    try:
        workspaces.set_roots([root])
        await workspaces.prepare()
        session.settings_read()
        history = EditHistory(session.ledger, parts.ledger_path())
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
        await parts.close(session, models)


def _typing(
    session: Session,
    models: Models,
    repository: Repository | None,
    snapshot: Callable[[str], Snapshot | None],
) -> tuple[Gatherer, Completer]:
    from turnout.complete import Completer

    context = parts.around_the_cursor(session, models, lambda _uri: repository, snapshot)
    workspaces = session.workspaces
    rules, path = workspaces.rules, workspaces.relative_path
    return context, Completer(models.dispatcher, rules, path, str, around=context.current)
