"""Half of a word, or nothing that one could see."""

import re

from turnout.core.trimming.place import Place

_HALF_WORD = re.compile(r"(?:[.:]{1,2}|->|\?\.)?\s*[\w$]+\Z")


def cut_half_word(text: str, place: Place) -> str:
    """Drop the line, or at least the word, that the token limit cut in two."""
    if not place.cut_short:
        return text
    kept, newline, _ = text.rstrip().rpartition("\n")
    if newline and kept.strip():
        return kept
    return _HALF_WORD.sub("", text)


def strip_end(text: str, place: Place) -> str:
    """Drop trailing white space, which nobody wants to accept."""
    return text.rstrip()
