"""Which files of a workspace a command may read, by the settings on disk."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from turnout.settings import Loaded


def readable(loaded: "Loaded", workspace: Path) -> Callable[[str], bool]:
    """Whether the settings let anybody read a path of the workspace, those around the file among them."""
    from turnout.core.globs import fold_path
    from turnout.settings.nested import files_around, never_read, path_limits
    from turnout.settings.workspace import policy_paths, real_files

    unread = loaded.policy.privacy.never_read
    limits = cache(lambda folder: path_limits(files_around([folder / "file"], workspace.resolve())))

    def may_read(path: str) -> bool:
        file = workspace / path
        if any(unread.match(fold_path(each)) for each in policy_paths(file, workspace)):
            return False
        return not any(never_read(limits(real.parent), [real]) for real in real_files(file, workspace))

    return may_read
