"""What every Python of a check does first: it has the project's modules come from the copy.

This is written out as `sitecustomize.py`, for whichever Python a check starts, so it stands alone: it imports nothing
of Turnout. Invariant: a module of a folder that is in the copy is taken from there, whoever found it (a line in a .pth
file, PYTHONPATH, a finder of an installer); one that was not, and is another there, is noted.
"""

from __future__ import annotations

import atexit
import os
import sys

# As `typing` has it, which every Python of a check would take some milliseconds to import.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType

BEGUN, STAYED = "begun", "stayed-"
"""Notes: that there was a Python that came here, and one for each with modules that the copy has otherwise."""


def begin(root: str, copy: str, start: str, notes: str) -> None:
    """Have the modules below `root` come from `copy`; `start` is where this stands, and `notes` a folder for notes."""
    with open(os.path.join(notes, BEGUN), "w"):
        places = Places(root, copy)
    here = os.path.realpath(start)
    sys.path[:] = [places.moved(entry) for entry in sys.path if not entry or os.path.realpath(entry) != here]
    finder = Finder(places)
    sys.meta_path.insert(0, finder)
    atexit.register(_note, places, notes)
    _customize(finder)


class Places:
    """Where in the copy things of the work tree are."""

    def __init__(self, root: str, copy: str) -> None:
        self._root = os.path.realpath(root)
        self._copy = os.path.realpath(copy)
        self.around = self._around()

    def moved(self, path: str) -> str:
        """The place of `path` in the copy, where that has the folder of it; any other path as it is.

        What is not there was not copied: virtual environments, and what is built.
        """
        real = os.path.realpath(path)
        if not os.path.isabs(path) or not _is_below(real, self._root):
            return path
        there = self._copy + real[len(self._root) :]
        folder = there if os.path.isdir(real) else os.path.dirname(there)
        # Dependencies that are lent are links of the copy, which lead out of it.
        is_copied = os.path.isdir(folder) and _is_below(os.path.realpath(folder), self._copy)
        return there if is_copied else path

    def _around(self) -> dict[str, str]:
        """The folders that the copy lies in as the work tree does, with the folders in their place around that."""
        around: dict[str, str] = {}
        there, here = self._copy, self._root
        while os.path.basename(there) == os.path.basename(here) and there != os.path.dirname(there):
            there, here = os.path.dirname(there), os.path.dirname(here)
            around[there] = here
        return around


class Finder:
    """Finds a module as the other finders do, and then takes it from the copy."""

    def __init__(self, places: Places) -> None:
        self._places = places

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """A module by its full name; of a file that is not in the copy, whatever else has that name."""
        gone = False
        for other in list(sys.meta_path):
            find = getattr(other, "find_spec", None)
            if other is self or find is None:
                continue
            spec = find(name, path, target)
            if spec is not None:
                moved = self._moved(spec)
                if moved is not None:
                    return moved
                gone = True
        if gone:  # Python would go on to ask those that name the work tree
            raise ModuleNotFoundError("No module named %r" % name, name=name)
        return None if path is not None else self._above(name)

    def _above(self, name: str) -> ModuleSpec | None:
        """A module that stands above the folder that was copied, which settings from there may name."""
        around = self._places.around
        folders = [around[entry] for entry in map(os.path.realpath, sys.path) if entry in around]
        if not folders:
            return None
        from importlib.machinery import PathFinder

        spec = PathFinder.find_spec(name, folders)
        return None if spec is None else self._moved(spec)

    def _moved(self, spec: ModuleSpec) -> ModuleSpec | None:
        folders = spec.submodule_search_locations
        moved = None if folders is None else [self._places.moved(folder) for folder in folders]
        if spec.has_location and spec.origin:
            there = self._places.moved(spec.origin)
            if there != spec.origin:
                from importlib.util import spec_from_file_location

                found = spec_from_file_location(spec.name, there, submodule_search_locations=moved)
                return found if os.path.isfile(there) else None
        if moved is not None and folders is not None and moved != list(folders):
            spec.submodule_search_locations = moved
        return spec


def _is_below(path: str, folder: str) -> bool:
    return os.path.normcase(path + os.sep).startswith(os.path.normcase(folder + os.sep))


def _customize(finder: Finder) -> None:
    """Do what a `sitecustomize` of the user's does, which this one stands before."""
    spec = finder.find_spec("sitecustomize")
    if spec is not None and spec.loader is not None:
        from importlib.util import module_from_spec

        sys.modules["sitecustomize"] = module_from_spec(spec)
        spec.loader.exec_module(sys.modules["sitecustomize"])


def _note(places: Places, notes: str) -> None:
    """Write down the files of modules that were loaded past the finder, where those of the copy are others."""
    files = [file for file in _files() if _differ(file, places.moved(file))]
    if files and os.path.isdir(notes):  # which is gone where a daemon has outlived the check
        with open(os.path.join(notes, STAYED + str(os.getpid())), "w", encoding="utf-8") as note:
            note.write("\n".join(files))


def _files() -> Iterator[str]:
    for module in list(sys.modules.values()):
        try:  # a module that is loaded late would be loaded by a look at it
            known = object.__getattribute__(module, "__dict__")
        except AttributeError:
            continue
        # By now a script is no longer known by the first of the two.
        file = known.get("__file__") or getattr(known.get("__loader__"), "path", None)
        if isinstance(file, str):
            yield file


def _differ(file: str, moved: str) -> bool:
    if moved == file:
        return False
    try:
        with open(file, "rb") as there, open(moved, "rb") as here:
            return there.read() != here.read()
    except OSError:
        return True
