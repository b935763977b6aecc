"""Changes take effect: edits of text in one piece, then files are created, renamed and deleted one by one.

Invariant: all of it or nothing; where a step fails and an earlier one cannot be taken back, the user is told which,
and so is whoever keeps the journal.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import chain

from turnout.act.gathering.guard import detour_to
from turnout.act.seams import Workspace
from turnout.core.edits.changes import (
    DocumentEdit,
    FileChange,
    Transaction,
    apply_hunks,
    inverse,
    operation,
    text_edits,
    text_hunks,
)
from turnout.core.edits.paths import same_file
from turnout.core.edits.rebase import rebase
from turnout.errors import EditError, FileUnusable

_ATTEMPTS = 3
_VERBS = {
    "create": ("create", "created"),
    "delete": ("delete", "deleted"),
    "rename": ("rename", "renamed"),
    "edit": ("edit", "edited"),
}


@dataclass(frozen=True, slots=True)
class Conflict:
    """Why a proposal cannot be applied or undone, at which place; `line` counts from 0 in its text before.

    `is_lasting` where another proposal would fare no better: it is not that files changed.
    """

    uri: str
    message: str
    hunk: str | None = None
    line: int | None = None
    is_lasting: bool = False


Record = Callable[[Sequence[FileChange]], Awaitable[None]]
"""Writes down what is about to be done, before it is."""


async def record_nothing(changes: Sequence[FileChange]) -> None:
    """The `Record` of work that is part of something already written down."""


async def carry_out(
    workspace: Workspace, label: str, changes: Iterable[FileChange], record: Record = record_nothing
) -> tuple[tuple[FileChange, ...], tuple[Conflict, ...]]:
    """Do `changes` to the files as they are now: what was done, and the conflicts that kept all from being done.

    With conflicts, what was done is what could not be taken back: nothing, as a rule. An editor that refuses the edits
    because a document moved meanwhile is given them afresh. Editors do several operations on files as far as they get,
    so each is sent by itself, and what was done before one that fails is taken back. `record` hears the changes as
    they fit right before each attempt, with the folders that they will make: editors make them along with a file, and
    nobody takes them away with it but `tidy`.
    """
    wanted = tuple(changes)
    for _ in range(_ATTEMPTS):
        fitted, conflicts = await asyncio.to_thread(_fit_all, workspace, wanted)
        if conflicts:
            return (), conflicts
        await record(fitted)
        done = [edit for change in fitted if (edit := edit_alone(change))]
        try:
            if await _apply_edits(workspace, label, fitted):
                break
            refused = Conflict("", "The editor did not apply the edits.")
        except FileUnusable as unusable:
            refused = Conflict("", str(unusable), is_lasting=True)
        edited = await asyncio.to_thread(_edited_all_the_same, workspace, done)
        if len(edited) == len(done):
            break
        if edited:
            return await _given_up(workspace, label, fitted, edited, refused)
        if refused.is_lasting:
            return (), (refused,)
    else:
        return (), (refused,)
    for step in (step for change in fitted if (step := operation_alone(change))):
        failure = await _operate(workspace, label, step)
        if failure is not None:
            done += await asyncio.to_thread(_half_done, workspace, step)
            return await _given_up(workspace, label, fitted, done, failure)
        done.append(step)
    await tidy(workspace, fitted)
    return fitted, ()


async def tidy(workspace: Workspace, changes: Iterable[FileChange]) -> None:
    """Remove the folders of `changes` that are empty now, the innermost first: none was there before."""
    folders = {folder for change in changes for folder in change.folders}
    for folder in sorted(folders, key=lambda path: path.count("/"), reverse=True):
        await asyncio.to_thread(workspace.folder.remove_empty, folder)


def still_to_do(workspace: Workspace, changes: Iterable[FileChange]) -> list[FileChange]:
    """Those of `changes` whose files are not yet as they would leave them. Reads files: call it in a thread.

    The user may have taken some back by hand, or an editor closed a file without saving what was applied to it.
    """
    return [change for change in changes if not is_as_after(workspace, change)]


def is_as_after(workspace: Workspace, change: FileChange) -> bool:
    """Whether a file is exactly as `change` would leave it. Reads it."""
    if change.kind == "delete":
        return not workspace.exists(change.uri)
    if change.new_uri is not None and workspace.exists(change.uri):
        return False
    try:
        now = workspace.snapshot(change.new_uri or change.uri)
    except EditError:
        return False
    return now is not None and now.lines == change.after


def as_things_stand(
    workspace: Workspace, changes: Iterable[FileChange]
) -> tuple[tuple[FileChange, ...], tuple[Conflict, ...]]:
    """What of `changes` fits the files as they are now, counted there, and what keeps the rest. Reads files."""
    fits: list[FileChange] = []
    conflicts: list[Conflict] = []
    for change in changes:
        fitted, against = _fit(workspace, change)
        conflicts += against
        if fitted.hunks and all(conflict.hunk is not None for conflict in against):
            fits.append(fitted)
    return tuple(fits), tuple(conflicts)


def transaction(label: str, changes: Iterable[FileChange]) -> Transaction:
    """`changes` at once, for an editor that is handed them and not asked to carry them out."""
    given = tuple(changes)
    operations = tuple(done for change in given if (done := operation(change)))
    return Transaction(label, _document_edits(given), operations)


def _document_edits(changes: Iterable[FileChange]) -> tuple[DocumentEdit, ...]:
    return tuple(
        DocumentEdit(change.uri, change.version, text_edits(change.before, hunks), change.before)
        for change in changes
        if (hunks := text_hunks(change))
    )


async def _apply_edits(workspace: Workspace, label: str, changes: Iterable[FileChange]) -> bool:
    edits = _document_edits(changes)
    return not edits or await workspace.apply(Transaction(label, edits=edits))


def edit_alone(change: FileChange) -> FileChange | None:
    """What `change` does to the text of a file that there is."""
    hunks = text_hunks(change)
    return replace(change, kind="edit", hunks=hunks, new_uri=None, new_path=None) if hunks else None


def operation_alone(change: FileChange) -> FileChange | None:
    """What `change` does to the file itself, once its text is edited."""
    if change.kind == "rename":
        return replace(change, before=change.after, hunks=change.hunks[:1])
    return None if change.kind == "edit" else change


async def _operate(workspace: Workspace, label: str, step: FileChange) -> Conflict | None:
    """Create, rename or delete one file, or say why not: the file is looked at again right before."""
    _, conflicts = await asyncio.to_thread(_fit, workspace, step)
    if conflicts:
        return conflicts[0]
    done = operation(step)
    assert done is not None
    try:
        if await workspace.apply(Transaction(label, operations=(done,))):
            return None
    except FileUnusable as unusable:
        return Conflict(step.uri, str(unusable), is_lasting=True)
    to = f" to {step.new_path}" if step.new_path else ""
    return Conflict(step.uri, f"The editor did not {_VERBS[step.kind][0]} {step.path}{to}.")


def _half_done(workspace: Workspace, step: FileChange) -> list[FileChange]:
    """A file that an editor created although it says that it failed: with its text, or still without."""
    if step.kind != "create":
        return []
    try:
        now = workspace.snapshot(step.uri)
    except EditError:
        return []
    return [replace(step, after=now.lines)] if now and now.lines in ((), step.after) else []


def _edited_all_the_same(workspace: Workspace, edits: Iterable[FileChange]) -> list[FileChange]:
    """Those of `edits` that were made although they were refused, all together. Reads files."""
    found = []
    for edit in edits:
        with suppress(EditError):  # it has neither side of them: its user is at these lines
            if is_edited(workspace, edit, edit.uri):
                found.append(edit)
    return found


def is_edited(workspace: Workspace, change: FileChange, uri: str) -> bool:
    """Whether the hunks of `change` are in the text of `uri`. Raises EditError where it has neither side of them."""
    now = workspace.snapshot(uri)
    if now is None:
        raise EditError("The file is no longer there.")
    if now.lines in (change.before, change.after):
        return now.lines == change.after
    if not rebase(text_hunks(change), change.before, now.lines).conflicts:
        return False
    if not rebase(text_hunks(inverse(change)), change.after, now.lines).conflicts:
        return True
    raise EditError("Its lines have been edited since.")


async def _given_up(
    workspace: Workspace, label: str, changes: Sequence[FileChange], done: list[FileChange], failure: Conflict
) -> tuple[tuple[FileChange, ...], tuple[Conflict, ...]]:
    """Take back `done` of `changes`, the last first: what is left of it, and `failure` with what has become of it."""
    left = []
    for part in reversed(done):
        _, conflicts = await carry_out(workspace, f"Undo: {label}", [inverse(part)])
        if conflicts:
            left.append(part)
    await tidy(workspace, changes)
    named = "; ".join(_told(part) for part in left)
    state = f"These changes could not be taken back: {named}." if left else "Nothing is changed."
    return _joined(changes, left[::-1]), (replace(failure, message=f"{failure.message} {state}"),)


def _told(part: FileChange) -> str:
    to = f" to {part.new_path}" if part.new_path else ""
    return f"{part.path} was {_VERBS[part.kind][1]}{to}"


def _joined(changes: Iterable[FileChange], parts: Sequence[FileChange]) -> tuple[FileChange, ...]:
    """`parts` of `changes`, each to be taken back by itself: an edit and a move of one file are one."""
    found: list[FileChange] = []
    for change in changes:
        mine = [part for part in parts if part.uri == change.uri]
        found += [change] if len(mine) > 1 else mine
    return tuple(found)


def _fit_all(
    workspace: Workspace, changes: Iterable[FileChange]
) -> tuple[tuple[FileChange, ...], tuple[Conflict, ...]]:
    wanted = tuple(changes)
    results = [_fit(workspace, change) for change in wanted]
    return (
        tuple(fitted for fitted, _ in results),
        (*chain.from_iterable(conflicts for _, conflicts in results), *_doubles(workspace, wanted)),
    )


def _doubles(workspace: Workspace, changes: Iterable[FileChange]) -> list[Conflict]:
    """Files that also change under another name: of two edits only the last one would survive."""
    names: dict[Hashable, str] = {}
    conflicts = []
    for change in changes:
        identity = workspace.folder.identity(change.uri)
        if identity is not None and names.setdefault(identity, change.path) != change.path:
            conflicts.append(Conflict(change.uri, same_file(change.path, names[identity])))
    return conflicts


def _detour(workspace: Workspace, uri: str) -> str | None:
    try:
        return detour_to(workspace, workspace.path(uri))
    except EditError as failure:
        return str(failure)


def _fit(workspace: Workspace, change: FileChange) -> tuple[FileChange, list[Conflict]]:
    """`change` counted in the file as it is now, or what stands against it."""
    change = replace(change, in_editor=workspace.on_disk is not workspace)
    for uri in filter(None, (change.uri, change.new_uri)):
        if detour := _detour(workspace, uri):
            return change, [Conflict(uri, detour)]
    target = change.uri if change.kind == "create" else change.new_uri
    if target is not None and workspace.exists(target):
        is_stored = workspace.on_disk.exists(target)
        taken = (
            "There is a file already." if is_stored else "It is open, and not on disk: close it, or save it."
        )
        return change, [Conflict(target, taken)]
    if target is not None:
        missing = workspace.folder.missing(workspace.path(target))
        change = replace(change, folders=tuple(dict.fromkeys((*change.folders, *missing))))
    if change.kind == "create":
        return change, []
    try:
        now = workspace.snapshot(change.uri)
    except EditError as failure:
        return change, [Conflict(change.uri, str(failure))]
    if now is None:
        return change, [Conflict(change.uri, "The file is no longer there.")]
    try:  # an editor shows text in an encoding that nobody here could write again
        stored = workspace.folder.snapshot(change.uri) if change.kind == "delete" else None
    except EditError as failure:
        return change, [Conflict(change.uri, f"{failure} Nobody could bring it back.")]
    if change.kind == "delete" and now.lines != change.before:
        return change, [Conflict(change.uri, "The file has been edited since.")]
    moved, touched = rebase(text_hunks(change), change.before, now.lines)
    conflicts = [
        Conflict(change.uri, "These lines have been edited since.", hunk.id, hunk.start) for hunk in touched
    ]
    hunks = change.hunks[: len(change.hunks) - len(moved) - len(touched)] + moved
    after = () if change.kind == "delete" else apply_hunks(now.lines, moved)
    mark = stored.mark if stored else change.mark
    mode = None if change.kind == "edit" else workspace.folder.mode(change.uri)
    fitted = replace(
        change, before=now.lines, after=after, hunks=hunks, version=now.version, mark=mark, mode=mode
    )
    return fitted, conflicts
