"""Path patterns with braces, as a shell reads them.

Invariant: what is returned covers all that the pattern stands for, in a bounded number of patterns: where that would be
too many, a wildcard takes the place of the braces.
"""

import re

_MOST = 64

_BRACES = re.compile(r"\{([^{}]*)\}")
_CHOICE = re.compile(r",|\.\.")


def unbraced(pattern: str) -> list[str]:
    """What `pattern` stands for in a shell, with wildcards for braces where that would be too much."""
    found = [pattern]
    while any(ways := [_ways(text) for text in found]):
        if sum(map(len, ways)) > _MOST:
            return [_with_wildcards(pattern)]
        found = [way for text, some in zip(found, ways, strict=True) for way in some or [text]]
    return found


def _ways(text: str) -> list[str]:
    """`text` with each of the pieces of the first braces without braces in them; empty where there are none."""
    braces = next((found for found in _BRACES.finditer(text) if _CHOICE.search(found[1])), None)
    if braces is None:
        return []
    pieces = braces[1].split(",") if "," in braces[1] else ["*"]
    if len(pieces) > _MOST:
        return [_with_wildcards(text)]
    return [text[: braces.start()] + piece + text[braces.end() :] for piece in pieces]


def _with_wildcards(text: str) -> str:
    """`text` with a wildcard for braces; where they hold several levels of folders, all of the folder around them."""
    while any(_CHOICE.search(piece) for piece in _BRACES.findall(text)):
        if any("/" in piece for piece in _BRACES.findall(text)):
            return text.partition("{")[0].rpartition("/")[0] + "/**"
        text = _BRACES.sub("*", text)
    return text
