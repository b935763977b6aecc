"""A file that an editor has open is there twice: what its user sees, and what is on disk.

Invariant: an undo counts a file as taken back already only where no side of it that anybody can know of still has the
change; what is only on the other side is refused by name, before anything is touched.
"""

from collections.abc import Iterable

from turnout.act.applying.effects import Conflict, is_as_after, is_edited
from turnout.act.seams import Workspace
from turnout.core.edits.changes import FileChange
from turnout.errors import EditError

_IN_AN_EDITOR = (
    "On disk it is as it was before the change, which an editor made: it is not saved yet, or was closed without, "
    "or somebody put it back. Save it in that editor, or undo the change there."
)
_ON_DISK = (
    "It is open as it was before the change, and is not so on disk. "
    "Load it again from disk, or save it, and undo once more."
)


def taken_back_on_one_side(workspace: Workspace, inverses: Iterable[FileChange]) -> tuple[Conflict, ...]:
    """Files that look as `inverses` would leave them, and are not so where nobody looked. Reads files."""
    return tuple(
        Conflict(change.uri, why)
        for change in inverses
        if is_as_after(workspace, change) and (why := _other_side(workspace, change))
    )


def _other_side(workspace: Workspace, change: FileChange) -> str | None:
    """What is wrong with the side of a file that `workspace` does not show; None for nothing."""
    disk = workspace.on_disk
    if disk is workspace:
        # An editor creates, renames and deletes files on disk at once: only texts wait for their user.
        waits = change.in_editor and change.kind not in ("create", "delete")
        return _IN_AN_EDITOR if waits else None
    if is_as_after(disk, change):
        return None
    try:
        is_free = change.kind == "edit" and is_edited(disk, change, change.uri)
    except EditError:
        is_free = False
    return None if is_free else _ON_DISK


def shown_otherwise(workspace: Workspace, changes: Iterable[FileChange]) -> list[str]:
    """The paths of files of `changes` that are open with another text than on disk. Reads files."""
    paths = dict.fromkeys(path for change in changes for path in (change.path, change.new_path) if path)
    return [path for path in paths if _differs(workspace, path)]


def _differs(workspace: Workspace, path: str) -> bool:
    try:
        uri = workspace.uri(path)
        seen, stored = workspace.snapshot(uri), workspace.folder.snapshot(uri)
    except EditError:
        return False
    return (seen and seen.lines) != (stored and stored.lines)
