"""The words that passages are found by: identifiers, whole and taken apart at `_` and at capitals.

Invariant: the same text gives the same words on every machine and under every Python, since a passage is taken out of
the full-text index by them. So nothing here asks what Unicode says about a character.
"""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

MAX_IDENTIFIER = 80
"""Longer ones are data, not names."""

_IDENTIFIER = re.compile(r"[A-Za-z_$\x80-\U0010ffff][A-Za-z0-9_$\x80-\U0010ffff]*")
_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+|[\x80-\U0010ffff]+")
_LOWER = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")


def words_of(text: str) -> str:
    """The words of every identifier in `text`, those of an identifier once however often it stands there."""
    return " ".join(map(_split, dict.fromkeys(_IDENTIFIER.findall(text))))


def split(identifiers: Iterable[str]) -> Iterator[str]:
    """Each word of `identifiers` once: `HTTPServer_v2` is `httpserver_v2`, `http`, `server` and `v`."""
    found = (
        word for text in identifiers for name in _IDENTIFIER.findall(text) for word in _split(name).split()
    )
    return iter(dict.fromkeys(found))


def whole(name: str) -> str:
    """`name` as it is among the words; empty where it is no identifier, or one that is not kept."""
    return name.translate(_LOWER) if _IDENTIFIER.fullmatch(name) and 1 < len(name) <= MAX_IDENTIFIER else ""


@lru_cache(maxsize=32_768)
def _split(name: str) -> str:
    if not 1 < len(name) <= MAX_IDENTIFIER:
        return ""
    lowered = name.translate(_LOWER)
    parts = [part.translate(_LOWER) for part in _PART.findall(name) if len(part) > 1 or not part.isascii()]
    return " ".join((lowered, *parts)) if parts != [lowered] else lowered
