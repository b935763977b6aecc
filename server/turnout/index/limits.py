"""Which files the settings let anybody read: the workspace's `never_read`, and that of settings files around a file.

Invariant: a settings file that is there and cannot be understood keeps its whole folder out.
"""

import os
import tomllib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from turnout.core.globs import PathSet, Pattern, fold_path
from turnout.paths import WORKSPACE_SETTINGS

_EVERYTHING = "**"
_MAX_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class _Limit:
    """Patterns for what is below a folder; `prefix` is the way from it to the index's folder, `inside` the way back."""

    prefix: str
    inside: str
    never_read: PathSet

    def allows(self, path: str) -> bool:
        subject = self.prefix + path[len(self.inside) :]
        return self.never_read.match(fold_path(subject)) is None


def allowed_in(root: Path, never_read: Sequence[str]) -> Callable[[str], bool]:
    """Whether a path of `root` may be read, by `never_read` and the settings files as they are when first asked about.

    `root` is resolved.
    """
    above = [_Limit("", "", _patterns(never_read))]
    above += _limits((root.relative_to(folder).as_posix() + "/", "", folder) for folder in root.parents)
    kept: dict[str, tuple[_Limit, ...]] = {"": tuple(above)}

    def limits_of(folder: str) -> tuple[_Limit, ...]:
        if folder not in kept:
            around = limits_of(folder.rpartition("/")[0])
            kept[folder] = (*around, *_limits([("", folder + "/", root / folder)]))
        return kept[folder]

    return lambda path: all(limit.allows(path) for limit in limits_of(path.rpartition("/")[0]))


def _limits(folders: Iterable[tuple[str, str, Path]]) -> list[_Limit]:
    return [
        _Limit(prefix, inside, _patterns(found))
        for prefix, inside, folder in folders
        if (found := _never_read_of(folder / WORKSPACE_SETTINGS))
    ]


def _never_read_of(file: Path) -> Sequence[str]:
    """The patterns of a settings file; none where there is no such file."""
    if not os.path.lexists(file):
        return ()
    try:
        if not file.is_file() or file.stat().st_size > _MAX_BYTES:
            return (_EVERYTHING,)
        privacy = tomllib.loads(file.read_text("utf-8")).get("privacy", {})
        found = privacy.get("never_read", [])
    except (OSError, ValueError, AttributeError, RecursionError):
        return (_EVERYTHING,)
    sound = isinstance(found, list) and all(isinstance(pattern, str) for pattern in found)
    return tuple(found) if sound else (_EVERYTHING,)


def _patterns(texts: Sequence[str]) -> PathSet:
    try:
        return PathSet(Pattern(text, "") for text in texts)
    except ValueError:
        return PathSet([Pattern(_EVERYTHING, "")])
