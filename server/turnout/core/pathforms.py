"""Which pieces of text have the form of a path.

Invariant: what has the form of a word, of a number or of a piece of code is none, unless its author set it apart.
"""

import posixpath
import re
from collections.abc import Callable, Iterable, Iterator

from turnout.core.languages import language_of

_ENDINGS = frozenset(
    """
    .cfg .conf .csv .env .gradle .ini .ipynb .kt .kts .lock .mod .proto .properties .rst .scss .sql .sum .svelte .svg
    .swift .txt .vue .xml
    """.split()  # noqa: SIM905 - prose, read and edited as prose
)
_PRODUCTS = re.compile(
    r"(?:node|vue|next|nuxt|react|express|three|d3|backbone|chart|ember)\.js", re.IGNORECASE
)
_PATH = re.compile(
    r"(?:\./|/)?(?:[\w@+.*?\[\]{}$=,~\\-]|\([\w@+.-]+\))+(?:/(?:[\w@+.*?\[\]{}$=,~\\-]|\([\w@+.-]+\))+)*/?"
)
_QUOTED_PATH = re.compile(r"/?[^\s/`](?:[^/`\n]*[^\s/`])?(?:/[^\s/`](?:[^/`\n]*[^\s/`])?)*/?")
_NAME_OF_FILE = re.compile(r"[A-Z][a-z]*file|[A-Z]{4,}")  # Makefile, LICENSE

Exists = Callable[[str], bool]
"""Tells of a name whether there is such a file or folder."""


def is_path(piece: str) -> bool:
    """Whether a piece in backquotes is a path and not one of code."""
    has_form = _has_parts(piece) or is_file_or_folder(piece) or bool(_NAME_OF_FILE.fullmatch(piece))
    return has_form and is_name(piece)


def is_name(piece: str) -> bool:
    """Whether a piece in backquotes can be the name of a file or folder."""
    return bool(_QUOTED_PATH.fullmatch(piece))


def looks_like_path(text: str) -> bool:
    """Whether a word is a path and not prose: it has a slash, a wildcard or an ending."""
    return bool(_PATH.fullmatch(text)) and _has_parts(text)


def is_file_or_folder(name: str) -> bool:
    """Whether `name` has the form of a path, and not only that of a word or of a piece of code."""
    ending = posixpath.splitext(name)[1].lower()
    is_file = language_of(name) != "plaintext" or ending in _ENDINGS or name.startswith(".env")
    return (name.endswith("/") and not name.startswith("/")) or (is_file and not _PRODUCTS.fullmatch(name))


def bare_paths(words: Iterable[str]) -> Iterator[str]:
    """Those of `words` that are paths, as they are written but for `./`."""
    return _fitting(words, _PATH)


def quoted_paths(pieces: Iterable[str]) -> Iterator[str]:
    """Those of `pieces`, which stood in backquotes and may have blanks, that are paths, but for `./`."""
    return _fitting(pieces, _QUOTED_PATH)


def _fitting(written: Iterable[str], form: re.Pattern[str]) -> Iterator[str]:
    for text in written:
        path = text.strip().removeprefix("./")
        if path and path.strip("/*. ") and ".." not in path.split("/") and form.fullmatch(path):
            yield path


def _has_parts(text: str) -> bool:
    return "/" in text or "*" in text or "." in text.strip(".")
