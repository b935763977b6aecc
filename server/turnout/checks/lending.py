"""Lends a copy the dependencies that are installed in the folder, by links.

Invariant: what leads from these back to a file of the folder, as packages of one workspace do to each other, leads to
the copy's own.
"""

import os
from pathlib import Path

from turnout.checks.startup import Places

_GROUPS = ("@", ".bin")
"""Beginnings of names of folders in `node_modules` that hold several packages' things, not one package."""


def lend(source: Path, link: Path, places: Places) -> None:
    """Make `link` lead to the folder `source`; where that leads back, a folder of links to its entries in its stead."""
    if not _leads_back(source, places):
        link.symlink_to(source, target_is_directory=True)
        return
    link.mkdir()
    for entry in source.iterdir():
        if _is_group(entry):
            lend(entry, link / entry.name, places)
        else:
            there = _own(entry, places) or entry
            (link / entry.name).symlink_to(there, target_is_directory=entry.is_dir())


def _leads_back(source: Path, places: Places) -> bool:
    """Whether a link in a folder leads to what the copy has itself."""
    return any(
        _leads_back(entry, places) if _is_group(entry) else _own(entry, places) for entry in source.iterdir()
    )


def _is_group(entry: Path) -> bool:
    return entry.name.startswith(_GROUPS) and entry.is_dir() and not entry.is_symlink()


def _own(entry: Path, places: Places) -> Path | None:
    """The copy's own of what a link leads to; None for anything else."""
    if not entry.is_symlink():
        return None
    real = os.path.realpath(entry)
    moved = places.moved(real)
    return Path(moved) if moved != real else None
