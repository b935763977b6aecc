"""Settings files around a document that are not its workspace's own: a `.turnout.toml` in a folder below, or above it.

Invariant: such a file only takes away, trusted or not. What it says of privacy and budgets counts for the files below
it, on top of what holds there anyway, its paths from its own folder on; whatever else it says is reported.
"""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from turnout.core.globs import PathSet, Pattern, fold_path
from turnout.paths import WORKSPACE_SETTINGS
from turnout.settings.layers import Checked, Layer, Leaf, check_layer, dotted
from turnout.settings.problems import Problem
from turnout.settings.tighten import only_tightens, tighten
from turnout.settings.toml import Document, KeyPath, read_toml

Objection = tuple[str, str]
"""A reason, and the setting that it comes from."""

_LOCAL_ONLY: KeyPath = ("privacy", "local_only")
_NEVER_READ: KeyPath = ("privacy", "never_read")


@dataclass(frozen=True, slots=True)
class PathLimits:
    """The path patterns of one file, for what is below `folder`."""

    folder: Path
    local_only: PathSet
    never_read: PathSet


@dataclass(frozen=True, slots=True)
class Nested:
    """What one file takes away, and what of it does not count."""

    limits: dict[KeyPath, Leaf]
    paths: PathLimits
    problems: tuple[Problem, ...]


def files_around(paths: Iterable[Path], own: Path | None) -> tuple[Path, ...]:
    """The settings files in the folders around absolute `paths`, the outermost first, without that in the folder `own`.

    Looks at the disk. One that is there and cannot be used is among them: it may have meant to forbid something.
    """
    folders = {folder for path in paths for folder in path.parents}
    folders.discard(own or Path())
    found = (folder / WORKSPACE_SETTINGS for folder in folders)
    return tuple(sorted((file for file in found if os.path.lexists(file)), key=outermost_first))


def outermost_first(file: Path) -> tuple[int, str]:
    """The order in which settings files are applied."""
    return len(file.parts), str(file)


def path_limits(files: Iterable[Path]) -> tuple[PathLimits, ...]:
    """The path patterns of settings files alone."""
    read = ((file, read_toml(file)) for file in files)
    layers = (
        Layer("workspace", found.data, str(file), found.lines)
        for file, found in read
        if isinstance(found, Document)
    )
    return tuple(held_to(check_layer(layer), {}).paths for layer in layers)


def held_to(checked: Checked, leaves: Mapping[KeyPath, Leaf]) -> Nested:
    """What a file takes away from the effective values `leaves`."""
    folder = Path(checked.layer.file).parent
    paths = {path: leaf for path, leaf in checked.leaves.items() if path in (_LOCAL_ONLY, _NEVER_READ)}
    others = {path: leaf for path, leaf in checked.leaves.items() if path not in paths}
    counting = {path: leaf for path, leaf in others.items() if only_tightens(path)}
    asked = tighten(counting, leaves, folder, trusted=False)
    idle = [dotted(path) for path in others if path not in counting] + ["rules"] * bool(checked.rules)
    problems = (*asked.problems, *([_without_effect(checked, idle)] if idle else []))
    local, unread = (_path_set(paths.get(path), path) for path in (_LOCAL_ONLY, _NEVER_READ))
    return Nested(asked.limits, PathLimits(folder, local, unread), problems)


def never_read(limits: Sequence[PathLimits], files: Iterable[Path]) -> Objection | None:
    """That one of absolute `files` is read by no model, and the setting that says so."""
    found = _first(limits, files, lambda one: one.never_read)
    return (f"{found[0]} is never read (`{found[1].text}`)", found[1].source) if found else None


def local_only(limits: Sequence[PathLimits], files: Iterable[Path]) -> Objection | None:
    """That one of absolute `files` does not leave this machine, and the setting that says so."""
    found = _first(limits, files, lambda one: one.local_only)
    return (f"{found[0]} may not leave this machine (`{found[1].text}`)", found[1].source) if found else None


def _first(
    limits: Sequence[PathLimits], files: Iterable[Path], patterns: Callable[[PathLimits], PathSet]
) -> tuple[str, Pattern] | None:
    for file in files:
        for one in limits:
            if file.is_relative_to(one.folder):
                path = file.relative_to(one.folder).as_posix()
                if pattern := patterns(one).match(fold_path(path)):
                    return path, pattern
    return None


def _path_set(leaf: Leaf | None, path: KeyPath) -> PathSet:
    patterns = leaf.value if leaf else ()
    return PathSet(Pattern(text, leaf.item_source(path, text)) for text in patterns if leaf)


def _without_effect(checked: Checked, keys: Sequence[str]) -> Problem:
    message = (
        f"{', '.join(keys)} ignored: another folder is the workspace here, and this file can only tighten "
        "`privacy` and `budget`, and where a route's text may go"
    )
    return Problem(checked.layer.file, "", message)
