"""What is staged for the next commit, under the rules that decide who may see it."""

import asyncio
import os
from collections.abc import Sequence, Set
from dataclasses import replace
from pathlib import Path, PurePosixPath

from turnout.core.commits import Staged, StagedFile
from turnout.core.patches import staged_files
from turnout.errors import GitFailed
from turnout.git.calls import MAX_BYTES, RENAMES, run, toplevel
from turnout.git.committed import content, is_blob
from turnout.ignores import AI_FILES
from turnout.paths import WORKSPACE_SETTINGS

RULES = (WORKSPACE_SETTINGS, *AI_FILES)
"""The names of the files that say who may see what is around and below them."""

_DIFF = (
    "--no-ext-diff", "--no-textconv", "--no-color", "--submodule=short", "--no-relative",
    "--src-prefix=a/", "--dst-prefix=b/", *RENAMES,
)  # fmt: skip
_STAGED = ("--raw", "--numstat", "--patch", "-z", "--no-abbrev", "--full-index")
"""All in one run: nothing is staged between two parts of what it says."""
_SUBJECTS = 12


async def staged(folder: Path) -> Staged:
    """What is staged in the repository around `folder`, and the last subjects of its history.

    Raises GitFailed where there is no repository.
    """
    root = await toplevel(folder)
    said = await run(root, "diff", "--cached", *_STAGED, *_DIFF)
    files = await _ruled(root, staged_files(said))
    try:
        said = await run(root, "log", f"--max-count={_SUBJECTS}", "--no-merges", "--format=%s", "--no-color")
    except GitFailed:
        said = b""  # there is no commit yet
    subjects = tuple(said.decode("utf-8", "replace").splitlines())
    return Staged(str(root), files, subjects)


async def _ruled(root: Path, files: Sequence[StagedFile]) -> tuple[StagedFile, ...]:
    """The files, without the diff of those that stood under rules which are not on disk as git has them.

    Who may see a file is decided by the settings and ignore files on disk. For the text of a file that is gone these
    say nothing: they may well have gone with it.
    """
    gone = await asyncio.to_thread(_gone, root, files)
    unlike = await _unlike_disk(root, {folder for name in gone for folder in PurePosixPath(name).parents})

    def is_ruled(file: StagedFile) -> bool:
        names = gone.intersection((file.path, file.old_path))
        return not any(unlike.intersection(PurePosixPath(name).parents) for name in names)

    return tuple(file if is_ruled(file) else replace(file, diff="", is_ruled=False) for file in files)


def _gone(root: Path, files: Sequence[StagedFile]) -> frozenset[str]:
    """The names of `files` that no file on disk stands for."""

    def is_here(name: str) -> bool:
        folder = (root / name).parent
        return os.path.lexists(root / name) and os.path.realpath(folder) == str(folder)

    old = {file.old_path for file in files if file.old_path}
    return frozenset(old | {file.path for file in files if file.is_deleted or not is_here(file.path)})


async def _unlike_disk(root: Path, folders: Set[PurePosixPath]) -> frozenset[PurePosixPath]:
    """Those of `folders` with a file of rules in the last commit or the index that is not like that on disk."""
    odd = {folder for folder in folders if "\n" in str(folder)}
    files = [folder / name for folder in sorted(folders - odd) for name in RULES]
    asked = [(file, f"{tree}{file}\n") for file in files for tree in ("HEAD:", ":0:")]
    given = "".join(line for _, line in asked).encode("utf-8", "surrogateescape")
    if not asked:
        return frozenset(odd)
    said = await run(root, "cat-file", "--batch-check=%(objectname)", given=given, most_bytes=8 * MAX_BYTES)
    lines = said.split(b"\n")[:-1]
    if len(lines) != len(asked):
        return frozenset(folders)
    known = [
        (file, line.decode("ascii", "replace"))
        for (file, _), line in zip(asked, lines, strict=True)
        if not line.endswith(b" missing")
    ]
    unlike = await asyncio.to_thread(
        lambda: {file.parent for file, blob in known if not is_blob(content(root / file), blob)}
    )
    return frozenset(unlike | odd)
