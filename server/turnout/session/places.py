"""Where a document is: its workspace folder, and every path under which privacy has to look at it.

Invariants: a document is found in its folder whether it was opened by the folder's name or through a link;
a path that cannot be followed is refused, not guessed.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from turnout.errors import PathRefused
from turnout.files import uri_to_path
from turnout.ignores import Ignores, top_of
from turnout.settings.workspace import policy_paths

_Key = TypeVar("_Key")
_Kept = TypeVar("_Kept")

LINKS_KEPT_S = 5.0
"""How long a link is taken to lead where it led: it can be moved, but not between two letters."""
MAX_PLACES = 1_000


@dataclass(frozen=True, slots=True)
class Place:
    """The folder of a document, None outside of every one, and its path there."""

    root: Path | None
    path: str


class Places:
    """The places of documents, kept while their user types."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.roots: tuple[Path, ...] = ()
        self._clock = clock
        self._places: dict[str, Place] = {}
        self._looked_up: dict[str, tuple[float, tuple[str, ...]]] = {}
        self._ignores: dict[Path, Ignores] = {}
        self._withheld: dict[str, tuple[float, tuple[str, str] | None]] = {}

    def set_roots(self, roots: Sequence[Path]) -> None:
        """The folders that the editor has open, replacing those before."""
        self.roots = tuple(roots)
        self._places = {}
        self._looked_up = {}
        self._ignores = {}
        self._withheld = {}

    def find(self, uri: str) -> Place:
        """The place of a document in its innermost folder."""
        place = self._places.get(uri)
        if place is None:
            place = _keep_few(self._places)[uri] = _find(uri, self.roots)
        return place

    def policy_paths(self, uri: str, *, typing: bool = False) -> tuple[str, ...]:
        """Every path that a document's privacy is decided on, also the one that a link leads to.

        They are absolute outside of every folder: `.ssh` and `.aws` are told by their place.
        While `typing`, what the links said a moment ago will do: a letter does not wait for the disk.
        Raises PathRefused for a path that cannot be followed.
        """
        now_s = self._clock()
        looked_s, paths = self._looked_up.get(uri, (float("-inf"), ()))
        if not typing or now_s - looked_s > LINKS_KEPT_S:
            paths = _policy_paths(uri, self.find(uri).root)
            _keep_few(self._looked_up)[uri] = (now_s, paths)
        return paths

    def withheld(self, uri: str, *, typing: bool = False) -> tuple[str, str] | None:
        """That an ignore file keeps a document from every model, and the line that says so; None where none does.

        While `typing`, what was found a moment ago will do. Raises as `policy_paths` does.
        """
        now_s = self._clock()
        looked_s, found = self._withheld.get(uri, (float("-inf"), None))
        if not typing or now_s - looked_s > LINKS_KEPT_S:
            found = self._look_for_keeper(uri, self.policy_paths(uri, typing=typing))
            _keep_few(self._withheld)[uri] = (now_s, found)
        return found

    def _look_for_keeper(self, uri: str, paths: Sequence[str]) -> tuple[str, str] | None:
        root = self.find(uri).root
        for path in paths:
            file = Path(path) if root is None else root / path
            if not file.is_absolute():
                continue  # no file: there is nothing around it
            base = root.resolve() if root and not Path(path).is_absolute() else top_of(file.parent)
            if base not in self._ignores:
                _keep_few(self._ignores)[base] = Ignores(base)
            inside = path if not Path(path).is_absolute() else file.relative_to(base).as_posix()
            if keeper := self._ignores[base].withheld(inside):
                return f"{path} is kept from every model by an ignore file", keeper
        return None


def _keep_few(kept: dict[_Key, _Kept]) -> dict[_Key, _Kept]:
    """Make room in what can be found again."""
    if len(kept) >= MAX_PLACES:
        kept.clear()
    return kept


def _find(uri: str, roots: Sequence[Path]) -> Place:
    try:
        path = uri_to_path(uri)
        return (
            _inside(path, {root: root for root in roots})
            or _by_real_path(path, roots)
            or Place(None, path.name)
        )
    except (OSError, RuntimeError, ValueError):
        return Place(None, path.name)
    except PathRefused:
        return Place(None, uri)


def _by_real_path(path: Path, roots: Sequence[Path]) -> Place | None:
    """The folder that holds what `path` leads to: an editor may open a folder by a link and its files without it."""
    return _inside(path.resolve(), {root: root.resolve() for root in roots})


def _inside(path: Path, bases: dict[Path, Path]) -> Place | None:
    holding = [root for root, base in bases.items() if path.is_relative_to(base)]
    if not holding:
        return None
    root = max(holding, key=lambda root: len(bases[root].parts))
    return Place(root, path.relative_to(bases[root]).as_posix())


def _policy_paths(uri: str, root: Path | None) -> tuple[str, ...]:
    try:
        path = uri_to_path(uri)
    except PathRefused:
        return (uri.rsplit("/", 1)[-1],)
    try:
        if root is not None:
            return policy_paths(path, root)
        return tuple(dict.fromkeys((path.as_posix(), path.resolve().as_posix())))
    except (OSError, RuntimeError, ValueError) as error:
        raise PathRefused(f"{uri} cannot be followed on this machine: {error}.") from error
