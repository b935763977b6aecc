"""What the paths on a command line name: files one by one, and all that may be looked at in folders.

Invariant: what is named is never more than what was written: a path that names no file is an error, not "anything".
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from turnout.errors import FileUnusable, PathRefused

if TYPE_CHECKING:
    from turnout.journal import DiskWorkspace


def workspace_root(folder: Path | None) -> Path:
    """The workspace that is meant: `folder`, or the one around the current folder. Raises PathRefused for no folder."""
    from turnout.settings.workspace import find_workspace

    root = (find_workspace(Path()) if folder is None else folder).absolute()
    if not root.is_dir():
        raise PathRefused(f"{root} is not a folder.", advice="Name the folder of a workspace.")
    return root


class Named(NamedTuple):
    """The URIs of files; those that `swept` has were in a folder and not named one by one.

    `odd` are the paths of files in a folder that are left out, since no edit could name them. `folders` are those that
    were named, as in `Request`.
    """

    files: tuple[str, ...]
    swept: frozenset[str]
    odd: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()


def named_files(paths: Sequence[Path], workspace: "DiskWorkspace") -> Named:
    """The files that `paths` name, those of a folder in it and below.

    Raises PathRefused outside of the workspace, FileUnusable for a folder without a file that may be looked at.
    """
    from turnout.files import path_to_uri

    files: list[str] = []
    odd: list[str] = []
    alone: set[str] = set()
    folders: list[str] = []
    for path in paths:
        absolute = path.absolute()
        if absolute.is_dir():
            folders.append(_below(absolute, workspace.folder.root))
            listed, unsayable = _inside(path, folders[-1], workspace)
            files += map(workspace.uri, listed)
            odd += unsayable
        else:
            alone.add(workspace.uri(workspace.path(path_to_uri(absolute))))
            files += alone.difference(files)
    return Named(
        tuple(dict.fromkeys(files)), frozenset(files) - alone, tuple(dict.fromkeys(odd)), tuple(folders)
    )


def _inside(path: Path, below: str, workspace: "DiskWorkspace") -> tuple[list[str], list[str]]:
    """The files in a folder, whose paths begin with `below`, that an edit can name, and the others."""
    from turnout.act.gathering.scope import is_sayable

    found = [file for file in workspace.paths() if file.startswith(below)]
    sayable = [file for file in found if is_sayable(file)]
    if not sayable:
        raise FileUnusable(
            f"There is no file to change in {path}: it is empty, hidden or ignored by git.",
            advice="Name a folder with files in it, or the files themselves.",
        )
    return sayable, [file for file in found if not is_sayable(file)]


def _below(folder: Path, root: Path) -> str:
    """What the workspace-relative paths of all files in `folder` begin with."""
    real, real_root = folder.resolve(), root.resolve()
    if not real.is_relative_to(real_root):
        raise PathRefused(
            f"{folder} is outside of the workspace {root}.",
            advice="Name folders in it, or another one with --workspace.",
        )
    inside = real.relative_to(real_root).as_posix()
    return "" if inside == "." else f"{inside}/"
