"""Whether what was computed for a document still answers: settings may have changed since.

Invariant: settings are looked at once for each document after they were read, not at each letter.
"""

from collections.abc import Callable


class Terms:
    """The settings that each document's completions were made under."""

    def __init__(self, of: Callable[[str], object]) -> None:
        """`of` gives, for a URI, all that the settings say now of what a completion there would be."""
        self._of = of
        self._reading = 0
        self._known: dict[str, tuple[int, object]] = {}

    def settings_read(self) -> None:
        """The settings may be others from now on."""
        self._reading += 1

    def note(self, uri: str) -> None:
        """Something was computed for a document."""
        if uri not in self._known:
            self._known[uri] = self._reading, self._of(uri)

    def changed(self, uri: str) -> bool:
        """Whether the settings were others when something was computed for a document; says so once."""
        if uri not in self._known or self._known[uri][0] == self._reading:
            return False
        _, before = self._known[uri]
        self._known[uri] = self._reading, self._of(uri)
        return self._known[uri][1] != before

    def forget(self, uri: str) -> None:
        """Drop what is kept for a closed document."""
        self._known.pop(uri, None)
