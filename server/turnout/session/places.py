"""Where a document is: its workspace folder, and every path under which privacy has to look at it.

Invariants: a document is found in its folder whether it was opened by the folder's name or through a link;
a path that cannot be followed is refused, not guessed; a document that is no file here (never saved, or of another
scheme) is under every folder at once, since its text may come from any of them.
"""

import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from urllib.parse import unquote, urlsplit

from turnout.errors import PathRefused
from turnout.files import uri_to_path
from turnout.ignores import Ignores, top_of
from turnout.settings.nested import files_around
from turnout.settings.workspace import policy_paths

_Key = TypeVar("_Key")
_Kept = TypeVar("_Kept")
_Held = tuple[str, Path | None]
"""A document, and the folder whose settings it is held to."""

LINKS_KEPT_S = 5.0
"""How long a link is taken to lead where it led: it can be moved, but not between two letters."""
CLOSE_LOOK_KEPT_S = 0.5
"""The time between a look on a thread and the decision behind it; a send is decided on a look of its own."""
MAX_PLACES = 4_000
_AT_ONCE = 4
"""About a millisecond of work."""

_MAX_PARTS = 64
_BETWEEN_NAMES = re.compile(r"[/\\:?#\0]+")
"""What stands between the names in a URI of any scheme: `gitsigns:///ws/.git//:0:secrets/key.py` has a path in it."""


@dataclass(frozen=True, slots=True)
class Place:
    """The folder of a document, None outside of every one, and its path there."""

    root: Path | None
    path: str
    is_file: bool = True
    """Whether it is a file of this machine, as far as its URI says."""


@dataclass(frozen=True, slots=True)
class Look:
    """What the disk says about a document in one folder."""

    paths: tuple[str, ...]
    """Every path that its privacy is decided on there, also the one that a link leads to.

    They are absolute outside of every folder: `.ssh` and `.aws` are told by their place.
    """
    files: tuple[Path, ...]
    """The absolute paths among them, and what the others are in the folder."""
    around: tuple[Path, ...]
    """The settings files around them but for that of the folder, the outermost first."""
    withheld: tuple[str, str] | None
    """That an ignore file keeps it from every model, and the line that says so; None where none does."""


class Places:
    """The places of documents, kept while their user types."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.roots: tuple[Path, ...] = ()
        self._clock = clock
        self._places: dict[str, Place] = {}
        self._looks: dict[_Held, tuple[float, Look]] = {}
        self._closely: dict[_Held, float] = {}
        """When a look ended that was taken for what is decided right behind it."""
        self._ignores: dict[Path, Ignores] = {}
        self._above: dict[Path | None, tuple[float, tuple[Path, ...]]] = {}

    def set_roots(self, roots: Sequence[Path]) -> None:
        """The folders that the editor has open, replacing those before."""
        self.roots = tuple(roots)
        self._places = {}
        self._ignores = {}
        self.look_again()

    def look_again(self) -> None:
        """Let go of what was found on the disk a moment ago."""
        self._looks = {}
        self._closely = {}
        self._above = {}

    def find(self, uri: str) -> Place:
        """The place of a document in its innermost folder."""
        place = self._places.get(uri)
        if place is None:
            place = _keep_few(self._places)[uri] = _find(uri, self.roots)
        return place

    def deciding(self, uri: str) -> tuple[Path | None, ...]:
        """The folders whose settings a document is held to: its own, and all of them where it is no file here."""
        place = self.find(uri)
        return (place.root,) if place.is_file else self.roots or (None,)

    def look(self, uri: str, root: Path | None, *, typing: bool = False) -> Look:
        """What the disk says about a document in `root`.

        While `typing`, what it said a moment ago will do: a letter does not wait for the disk. For anything else it is
        asked, but right after `look_closely`.
        Raises PathRefused for a path that cannot be followed.
        """
        looked_s, found = self._looks.get((uri, root), (float("-inf"), None))
        closely_s = self._closely.get((uri, root), float("-inf"))
        now_s = self._clock()
        if found is None or now_s > (looked_s + LINKS_KEPT_S if typing else closely_s + CLOSE_LOOK_KEPT_S):
            found = self._look(uri, root)
            _keep_few(self._looks)[uri, root] = (now_s, found)
        return found

    def look_closely(self, uris: Iterable[str], root: Path | None) -> list[Look]:
        """Ask the disk now, on a thread, for what is decided right behind it on the event loop. Raises as `look`."""
        found: dict[_Held, Look] = {}
        for uri in uris:
            began_s = self._clock()
            self._closely.pop((uri, root), None)
            found[uri, root] = self._look(uri, root)
            _keep_few(self._looks)[uri, root] = (began_s, found[uri, root])
        now_s = self._clock()
        for held in found:
            _keep_few(self._closely)[held] = now_s
        return list(found.values())

    def keep_close(self, uris: Iterable[str], root: Path | None) -> None:
        """Have what `look_closely` found in several steps count from the last of them on."""
        now_s = self._clock()
        for uri in uris:
            if (uri, root) in self._closely:
                self._closely[uri, root] = now_s

    def above(self, root: Path | None) -> tuple[Path, ...]:
        """The settings files in the folders above `root`, as they were found a moment ago; none outside of folders."""
        if root is None:
            return ()
        now_s = self._clock()
        looked_s, found = self._above.get(root, (float("-inf"), ()))
        if now_s - looked_s > LINKS_KEPT_S:
            found = files_around([root.resolve()], None)
            _keep_few(self._above)[root] = (now_s, found)
        return found

    def looked_lately(self, uri: str, root: Path | None) -> bool:
        """Whether deciding about a document while its user is typing needs no look at the disk."""
        looked_s, _ = self._looks.get((uri, root), (float("-inf"), None))
        return looked_s >= self._clock() - LINKS_KEPT_S

    def _look(self, uri: str, root: Path | None) -> Look:
        paths = _policy_paths(uri, root)
        real = root.resolve() if root else None
        files = tuple(file for path in paths if (file := (real or Path()) / path).is_absolute())
        return Look(paths, files, files_around(files, real), self._look_for_keeper(paths, root))

    def _look_for_keeper(self, paths: Sequence[str], root: Path | None) -> tuple[str, str] | None:
        for path in paths:
            file = Path(path) if root is None else root / path
            if not file.is_absolute():
                continue  # no file: there is nothing around it
            if keeper := self._keeper(path, file, root):
                return f"{path} is kept from every model by an ignore file", keeper
        return None

    def _keeper(self, path: str, file: Path, root: Path | None) -> str | None:
        """The line that keeps `file` from every model, which is `path` in `root`."""
        base = root.resolve() if root and not Path(path).is_absolute() else top_of(file.parent)
        if base not in self._ignores:
            _keep_few(self._ignores)[base] = Ignores(base)
        inside = path if not Path(path).is_absolute() else file.relative_to(base).as_posix()
        return self._ignores[base].withheld(inside)


def few_at_once(items: Sequence[_Kept]) -> Iterator[Sequence[_Kept]]:
    """`items` a few at a time: what a thread may look at in one go, since the event loop waits for it then."""
    return (items[first : first + _AT_ONCE] for first in range(0, len(items), _AT_ONCE))


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
        return Place(None, uri, is_file=False)


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
        path: Path | None = uri_to_path(uri)
        names: tuple[str, ...] = ()
    except PathRefused:
        path, names = _path_in(uri), _names_in(uri)
    try:
        return tuple(dict.fromkeys((*_named_and_real(path, root), *names)))
    except (OSError, RuntimeError, ValueError) as error:
        raise PathRefused(f"{uri} cannot be followed on this machine: {error}.") from error


def _named_and_real(path: Path | None, root: Path | None) -> tuple[str, ...]:
    if path is None:
        return ()
    return (path.as_posix(), path.resolve().as_posix()) if root is None else policy_paths(path, root)


def _path_in(uri: str) -> Path | None:
    """The absolute path in a URI that is no file's, which may be that of a file here all the same."""
    try:
        text = unquote(urlsplit(uri).path, errors="surrogateescape")
    except ValueError:
        return None
    return Path(text) if text.startswith("/") and "\0" not in text else None


def _names_in(uri: str) -> tuple[str, ...]:
    """The path in a URI of any scheme, from each of its names on: which of them a workspace begins at is not known.

    What follows `?` and `#` is left out in some and is in others: not every editor escapes what it puts into a URI.
    Raises PathRefused for one with more names than any path has.
    """
    text = uri.partition(":")[2] or uri
    found = []
    for part in (re.split(r"[?#]", text, maxsplit=1)[0], text):
        split = _BETWEEN_NAMES.split(unquote(part, errors="surrogateescape"))
        names = [name for name in split if name not in ("", ".", "..")]
        if len(names) > _MAX_PARTS:
            raise PathRefused(f"{uri[:200]} has too long a path.")
        found += ["/".join(names[start:]) for start in range(len(names))]
    return tuple(found)
