"""Texts by their paths in the place of a folder on disk, where a refactor is worked out that nobody applies.

Invariant: it has the names of files and nothing else.
"""

from collections.abc import Hashable, Mapping

from turnout.core.documents import Snapshot


class TextFolder:
    """The `Folder` of a workspace that has no disk behind it."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = texts

    def exists(self, uri: str) -> bool:
        """Nothing is on disk."""
        return False

    def names(self, folder: str) -> tuple[str, ...]:
        """Names of the files right in `folder`."""
        inside = (path.removeprefix(f"{folder}/") for path in self._texts if path.startswith(f"{folder}/"))
        return tuple(sorted(name for name in inside if "/" not in name))

    def link(self, path: str) -> str | None:
        """The texts of a tree are no links."""
        return None

    def identity(self, uri: str) -> Hashable:
        """Each file of a tree is its own."""
        return None

    def mode(self, uri: str) -> int | None:
        """Nobody can tell."""
        return None

    def missing(self, path: str) -> tuple[str, ...]:
        """A tree has no folders of its own."""
        return ()

    def remove_empty(self, path: str) -> None:
        """There is none."""

    def snapshot(self, uri: str) -> Snapshot | None:
        """Nothing is on disk."""
        return None
