"""What a crash left of a transaction, found by looking at the files, and put right.

Invariant: a file is only touched where it is exactly what the transaction made of it, other lines that its user edited
aside; everything is brought back to before, unless all of it was done. Looking again after another crash finds the
same, so recovery may be cut off as well.
"""

import asyncio
from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import NamedTuple

from turnout.act.applying.effects import Conflict, carry_out, edit_alone, is_edited, operation_alone, tidy
from turnout.act.seams import Workspace
from turnout.core.edits.changes import (
    DeleteFile,
    FileChange,
    FileOperation,
    Hunk,
    RenameFile,
    Transaction,
    inverse,
)
from turnout.core.edits.paths import aside_of, draft_of
from turnout.errors import EditError, FileUnusable, PathRefused


@dataclass(frozen=True, slots=True)
class Found:
    """The parts of a transaction that were done, and files that are neither as before nor as after."""

    done: tuple[FileChange, ...]
    unclear: tuple[Conflict, ...]
    all_done: bool


async def look(workspace: Workspace, label: str, changes: Collection[FileChange]) -> Found:
    """How far `changes` got, once files that were taken aside to be removed have their names again."""
    aside = await _put_back(workspace, label, changes)
    found = await asyncio.to_thread(_look, workspace, changes)
    return replace(found, unclear=(*aside, *found.unclear))


def _look(workspace: Workspace, changes: Iterable[FileChange]) -> Found:
    done: list[FileChange] = []
    unclear: list[Conflict] = []
    all_done = True
    for change in changes:
        try:
            parts = _done_of(workspace, change)
        except EditError as failure:
            unclear.append(Conflict(change.uri, str(failure)))
            all_done = False
            continue
        done += parts
        all_done &= bool(parts) and parts[-1] is change
    return Found(tuple(done), tuple(unclear), all_done)


async def settle(workspace: Workspace, label: str, found: Found) -> tuple[tuple[FileChange, ...], str]:
    """Take back what was done of a transaction, unless all of it was: what is still done, and that in a sentence."""
    if found.all_done:
        return found.done, " ".join(["All of it had been done.", *_listed(workspace, found.unclear)])
    left: list[FileChange] = []
    conflicts = list(found.unclear)
    for part in reversed(found.done):
        _, refused = await carry_out(workspace, f"Take back: {label}", [inverse(part)])
        if refused:
            left.append(part)
            conflicts += refused
    if conflicts:
        return tuple(reversed(left)), " ".join(_listed(workspace, conflicts))
    return (), "What had been done is taken back." if found.done else "Nothing had been changed."


def _listed(workspace: Workspace, conflicts: Collection[Conflict]) -> list[str]:
    named = [": ".join(filter(None, (_name(workspace, one.uri), one.message))) for one in conflicts]
    return ["Look at these files yourself:", *named] if named else []


def _name(workspace: Workspace, uri: str) -> str:
    """What a user calls a file: its path in the folder, or else its URI."""
    try:
        return workspace.path(uri) if uri else ""
    except PathRefused:
        return uri


async def sweep(workspace: Workspace, label: str, changes: Collection[FileChange]) -> None:
    """Remove what a process left when it was killed: drafts beside its files, and folders without any."""
    for draft in await asyncio.to_thread(_drafts, workspace, changes):
        await _operate(workspace, label, DeleteFile(draft))
    await tidy(workspace, changes)


def _drafts(workspace: Workspace, changes: Iterable[FileChange]) -> list[str]:
    found = []
    for path in _paths(changes):
        with suppress(EditError):  # a link is on the way by now: what is behind it is not ours
            draft = workspace.uri(draft_of(path))
            if workspace.folder.exists(draft):
                found.append(draft)
    return found


async def _put_back(workspace: Workspace, label: str, changes: Collection[FileChange]) -> list[Conflict]:
    """Give files that were taken aside their names again; those that cannot have them, as others do, are left."""
    return [
        left.conflict
        for left in await asyncio.to_thread(_left_aside, workspace, changes)
        if left.way_back is None or not await _operate(workspace, label, left.way_back)
    ]


class _Aside(NamedTuple):
    """A file that was taken aside: what puts that right (None: nothing does), and what to tell where it is not."""

    way_back: FileOperation | None
    conflict: Conflict


def _left_aside(workspace: Workspace, changes: Collection[FileChange]) -> list[_Aside]:
    """Files that lost their names to be removed.

    Only the disk counts: what is open under a name is no file yet, and is gone when its user closes it.
    """
    known = {lines for change in changes for lines in (change.before, change.after)}
    found = []
    for path in _paths(changes):
        with suppress(EditError):  # as in `_drafts`
            uri, aside = workspace.uri(path), workspace.uri(aside_of(path))
            if workspace.folder.exists(aside):
                way_back = _way_back(workspace, aside, uri, known)
                found.append(_Aside(way_back, Conflict(aside, f"It was {path} before.")))
    return found


def _way_back(
    workspace: Workspace, aside: str, uri: str, known: Collection[tuple[str, ...]]
) -> FileOperation | None:
    if not workspace.folder.exists(uri):
        return RenameFile(aside, uri)
    return DeleteFile(aside) if _is_spare(workspace, aside, uri, known) else None


def _is_spare(workspace: Workspace, aside: str, uri: str, known: Collection[tuple[str, ...]]) -> bool:
    """Whether nothing is lost with the file `aside`: it has another name, or its text is in the journal."""
    identity = workspace.folder.identity(aside)
    if identity is not None and identity == workspace.folder.identity(uri):
        return True
    try:
        now = workspace.folder.snapshot(aside)
    except FileUnusable:  # nobody can compare it
        return False
    return now is not None and now.lines in known


def _paths(changes: Iterable[FileChange]) -> list[str]:
    """The names that `changes` give and take, each once."""
    return list(dict.fromkeys(path for change in changes for path in (change.path, change.new_path) if path))


async def _operate(workspace: Workspace, label: str, operation: FileOperation) -> bool:
    with suppress(EditError):  # it says why it must not be, and what is told says where to look
        return await workspace.apply(Transaction(f"Take back: {label}", operations=(operation,)))
    return False


def _done_of(workspace: Workspace, change: FileChange) -> list[FileChange]:
    """What was done of `change`; `change` itself where that is all. Raises EditError where that cannot be told."""
    match change.kind:
        case "edit":
            return [change] if is_edited(workspace, change, change.uri) else []
        case "create":
            return _created(workspace, change)
        case "delete":
            return _deleted(workspace, change)
        case "rename":
            return _renamed(workspace, change)


def _deleted(workspace: Workspace, change: FileChange) -> list[FileChange]:
    if workspace.folder.exists(change.uri):
        return []
    if workspace.exists(change.uri):
        raise EditError("It is open here, and no longer on disk: save it to keep it.")
    return [change]


def _created(workspace: Workspace, change: FileChange) -> list[FileChange]:
    if not workspace.exists(change.uri):
        return []
    now = workspace.snapshot(change.uri)
    if now is None or now.lines not in ((), change.after):
        raise EditError("It was created and has been edited since.")
    return [change if now.lines == change.after else replace(change, after=now.lines)]


def _renamed(workspace: Workspace, change: FileChange) -> list[FileChange]:
    assert change.new_uri is not None
    old, new = workspace.exists(change.uri), workspace.exists(change.new_uri)
    if old and new and (linked := _linked(workspace, change)):
        return linked
    if old == new:
        raise EditError(f"It is {'there' if old else 'gone'}, and so is {change.new_path}.")
    edit, move = edit_alone(change), operation_alone(change)
    assert move is not None
    edited = edit is not None and is_edited(workspace, edit, change.uri if old else change.new_uri)
    if old:
        return [edit] if edit and edited else []
    if edited or edit is None:
        return [change]
    now = workspace.snapshot(change.new_uri)
    return [replace(move, before=now.lines, after=now.lines)] if now else []


def _linked(workspace: Workspace, change: FileChange) -> list[FileChange]:
    """The parts of a rename that was cut off while the file had both names; none where there are two files."""
    assert change.new_uri is not None
    one, other = workspace.folder.identity(change.uri), workspace.folder.identity(change.new_uri)
    now = workspace.snapshot(change.uri)
    if one is None or one != other or now is None:
        return []
    edit = edit_alone(change)
    name = replace(
        change, kind="create", uri=change.new_uri, path=change.new_path or "", new_uri=None, new_path=None,
        before=(), after=now.lines, hunks=(Hunk("", 0, (), now.lines),),
    )  # fmt: skip
    return [edit, name] if edit and is_edited(workspace, edit, change.uri) else [name]
