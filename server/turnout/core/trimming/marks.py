"""What is no code at all: a model's own tokens, fences of Markdown, foreign line endings."""

import re

from turnout.core import lexing
from turnout.core.trimming.place import Place

_SPECIAL = re.compile(
    r"<[|\uff5c](?:endoftext|fim|im_|file|repo|begin|end|start|user|assistant|system|cursor|pad)"
    r"|</?fim[_-]|<(?:PRE|SUF|MID|EOT|MIDDLE)>|\[(?:PREFIX|SUFFIX|MIDDLE)\]|<(?:file_sep|repo_name|jupyter_\w+)>"
)
_FENCE = re.compile(r"^(?!\s*(?://|#|\*|--))(?:.*\s)?(?=```)", re.MULTILINE)
"""The text of a line before a fence that is not in a comment."""


def unify_endings(text: str, place: Place) -> str:
    """Lines end with a line feed; editors put in what their file has."""
    return text.replace("\r\n", "\n") if "\r" in text else text


def cut_special_marks(text: str, place: Place) -> str:
    """End before a model's own marker tokens, unless the file talks about them itself."""
    for found in _SPECIAL.finditer(text):
        mark = found.group()
        if mark not in place.hole.prefix and mark not in place.hole.suffix:
            return text[: found.start()]
    return text


def cut_fence(text: str, place: Place) -> str:
    """End before a fence that the model wrapped around its code; documentation may well have some of its own."""
    hole = place.hole
    if "```" not in text or not place.is_code or not lexing.is_code(place.language or "python"):
        return text
    if "```" in hole.prefix or "```" in hole.suffix:
        return text
    found = _FENCE.search(text)
    return text[: found.end()] if found else text
