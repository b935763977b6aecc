"""What tools look for above the folder that they are run in, up to the top of its repository.

Invariant: only settings of tools that look at code are named, never what says which parts a project has: those parts
are not in the copy.
"""

import os
import re
from pathlib import Path

_LOOKED_FOR = re.compile(
    r"conftest\.py|pyproject\.toml|setup\.cfg|tox\.ini|\.?pytest\.(?:ini|toml)|\.?ruff\.toml|\.?mypy\.ini"
    r"|pyrightconfig\.json|\.?pylintrc(?:\.toml)?|\.flake8|\.coveragerc|\.editorconfig"
    r"|\.(?:git|eslint|prettier|biome)ignore|[tj]sconfig.*\.json|biome\.jsonc?|\.(?:eslint|prettier|babel)rc.*"
    r"|(?:eslint|prettier|babel)\.config\.[cm]?[jt]s|\.?(?:clippy|rustfmt)\.toml|\.golangci\..+"
    r"|\.clang-(?:tidy|format)|\.rubocop.*\.yml|\.luacheckrc"
)


def above(folder: Path) -> tuple[Path, ...]:
    """The folders above `folder` in its repository, the nearest first; none where it is the top, or in none."""
    found: list[Path] = []
    for here in (folder, *folder.parents):
        if os.path.lexists(here / ".git"):
            return tuple(found)
        found.append(here.parent)
    return ()


def settings(folder: Path) -> tuple[Path, ...]:
    """The files right in `folder` that tools below it go by; none where nobody may look."""
    try:
        with os.scandir(folder) as entries:
            found = [entry.name for entry in entries if entry.is_file(follow_symlinks=False)]
    except OSError:
        return ()
    return tuple(folder / name for name in sorted(found) if _LOOKED_FOR.fullmatch(name))
