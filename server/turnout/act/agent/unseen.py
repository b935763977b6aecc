"""Files that mention a name whose declaration a change alters, and that its model neither looked at nor changed.

Invariant: what leaves every declaration as it is asks for no other file, however many mention its name.
"""

import asyncio
import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from pathlib import PurePosixPath

from turnout.act.gathering.finding import declaration_of
from turnout.act.gathering.scope import Scope, mentions
from turnout.act.seams import Seams, Syntax, Workspace
from turnout.core.documents import line_body
from turnout.core.edits.changes import FileChange
from turnout.core.languages import language_of
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
    altered = frozenset[str]().union(*(_altered(change, names, seams.syntax) for change in changes))
    return tuple(path for path in paths if altered and _speaks_of(path, altered, seams.workspace))


def _speaks_of(path: str, names: Collection[str], workspace: Workspace) -> bool:
    with suppress(EditError):  # what cannot be read is said where files are chosen
        file = workspace.snapshot(workspace.uri(path))
        return file is not None and bool(mentions(file, names))
    return False


def _altered(change: FileChange, names: frozenset[str], syntax: Syntax) -> set[str]:
    """Those of `names` that are declared otherwise after `change`, or not in this file any more."""
    if change.kind == "create":
        return set()
    language, gone = language_of(change.path), _gone(change)
    found = set(declaration_of(names).findall(gone)) | set(_assigned(names).findall(gone))
    before, after = (syntax.defined(language, "".join(lines)) for lines in (change.before, change.after))
    found |= names & (before - after)
    return found if change.kind == "edit" else found | (names & {PurePosixPath(change.path).stem})


def _gone(change: FileChange) -> str:
    """The lines that `change` takes out of its file, in any order."""
    before, after = (Counter(map(line_body, lines)) for lines in (change.before, change.after))
    return "\n".join(before - after)


def _assigned(names: Collection[str]) -> re.Pattern[str]:
    """Where one of `names` is given its value for a whole file: indented ones are those of a function or a class."""
    words = "|".join(map(re.escape, sorted(names)))
    return re.compile(rf"^(?:export\s+)?({words})\s*(?::[^=\n]*)?=(?!=)", re.MULTILINE)
