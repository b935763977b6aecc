"""Files that mention a name whose declaration a change alters, and that its model neither looked at nor changed.

Invariant: what leaves every declaration as it is asks for no other file, however many mention its name.
"""

import asyncio
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress

from turnout.act.gathering.declared import altered
from turnout.act.gathering.scope import Scope, mentions
from turnout.act.seams import Seams, Workspace
from turnout.core.edits.changes import FileChange
from turnout.errors import EditError


async def unseen(
    scope: Scope, changes: Sequence[FileChange], looked_at: Collection[str], seams: Seams
) -> tuple[str, ...]:
    """The paths of files past the limit of `scope` that `changes` may break, and that nobody has `looked_at`."""
    changed = {path for change in changes for path in (change.path, change.new_path)}
    left = [path for path in scope.unseen if path not in changed and path not in looked_at]
    if not left:
        return ()
    return await asyncio.to_thread(_unseen, left, changes, scope.names, seams)


def _unseen(
    paths: Iterable[str], changes: Iterable[FileChange], names: frozenset[str], seams: Seams
) -> tuple[str, ...]:
    others = frozenset[str]().union(*(altered(change, names, seams.syntax) for change in changes))
    return tuple(path for path in paths if others and _speaks_of(path, others, seams.workspace))


def _speaks_of(path: str, names: Collection[str], workspace: Workspace) -> bool:
    with suppress(EditError):  # what cannot be read is said where files are chosen
        file = workspace.snapshot(workspace.uri(path))
        return file is not None and bool(mentions(file, names))
    return False
