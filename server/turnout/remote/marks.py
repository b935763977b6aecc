"""Names of special tokens, for servers that are sent plain text and read such names in it as the tokens themselves.

A text API has no way to say "these characters, not that token": a break inside the name would show the model a file
that is not the user's. So text is used from behind such a name on, or up to it: shorter, but unchanged.

Invariant: what `without_marks` leaves of a hole holds no name of a special token of its family.
Sources are the tokenizers' own lists of added tokens.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from turnout.core.fim.families import Family
from turnout.core.fim.layout import Hole

T = TypeVar("T")

_EVERYWHERE = (
    r"<\|[^<>|\s]{1,64}\|>"  # <|im_start|>
    r"|<\uff5c[^<>\uff5c\s]{1,64}\uff5c>"  # DeepSeek's, with full-width bars
    r"|<\[[^\[\]<>\s]{1,64}\]>"  # Seed-Coder's
    r"|<fim_[a-z]{1,16}>|</?s>|<(?:unk|pad|bos|eos)>"
)
_STARCODER = (
    r"<(?:filename|reponame|gh_stars|pr|code_to_intermediate|intermediate_to_code)>"
    r"|<(?:issue|jupyter|commit|empty|repo|file|pr)_[a-z_]{1,24}>"
)
# By how the family's name begins: sizes of one family share their tokenizer.
_BY_FAMILY: Mapping[str, str] = {
    "qwen-coder": r"</?(?:tool_call|tool_response|think)>",
    "starcoder2": _STARCODER,
    "granite": _STARCODER,
    "mellum": _STARCODER,
    "codellama": r"<(?:PRE|SUF|MID|EOT)>|<</?SYS>>|\[/?INST\]",
    "codestral": r"\[/?(?:INST|PREFIX|MIDDLE|SUFFIX|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS"
    r"|TOOL_CONTENT|ARGS|CALL_ID|THINK|IMG|IMG_BREAK|IMG_END|AUDIO)\]",
    "codegemma": r"<(?:start|end)_of_turn>|<(?:mask|2mass|unused\d{1,3})>|\[@BOS@\]",
}
_ENDS: Mapping[str, tuple[str, ...]] = {
    "qwen-coder": ("<|endoftext|>", "<|fim_pad|>", "<|im_end|>"),
    "starcoder2": ("<|endoftext|>", "<fim_pad>"),
    "deepseek-coder": ("<\uff5cend\u2581of\u2581sentence\uff5c>", "<|EOT|>"),
    "codellama": ("<EOT>", "</s>"),
    "codestral": ("</s>", "[INST]"),
    "codegemma": ("<eos>", "<end_of_turn>"),
    "granite": ("<|endoftext|>", "<fim_pad>", "<filename>"),
    "seed-coder": ("<[end\u2581of\u2581sentence]>",),
    "mellum": ("<|endoftext|>", "<fim_pad>"),
}


@dataclass(frozen=True, slots=True)
class Marks:
    """What to leave out of a prompt (`names`), and the tokens with which an answer is over (`ends`).

    A model that goes on writes the next file, so the tokens that begin a part of a prompt are among its ends.
    """

    names: re.Pattern[str]
    ends: tuple[str, ...]


def marks_of(family: Family) -> Marks:
    """The marks of one family, the likeliest end first."""
    tokens = [family.file, family.repo, family.prefix, family.suffix, family.middle]
    names = [_EVERYWHERE, *_of(family, _BY_FAMILY), *map(re.escape, family.tokens)]
    ends = [end for group in _of(family, _ENDS) for end in group] + [token for token in tokens if token]
    return Marks(re.compile("|".join(names)), tuple(dict.fromkeys(ends)))


def without_marks(hole: Hole, names: re.Pattern[str]) -> Hole:
    """The largest unbroken piece of `hole` around the cursor, and its other files, without any of `names`."""
    chunks = () if names.search(hole.path) else hole.chunks
    return replace(
        hole,
        prefix=_behind_last(hole.prefix, names),
        suffix=_before_first(hole.suffix, names),
        chunks=tuple(chunk for chunk in chunks if not any(names.search(text) for text in chunk)),
    )


def _of(family: Family, table: Mapping[str, T]) -> list[T]:
    return [value for name, value in table.items() if family.name.startswith(name)]


def _behind_last(text: str, names: re.Pattern[str]) -> str:
    while found := list(names.finditer(text)):
        # One character suffices to break the name, and what overlaps with its end is looked at again.
        text = text[found[-1].start() + 1 :]
    return text


def _before_first(text: str, names: re.Pattern[str]) -> str:
    found = names.search(text)
    return text[: found.start()] if found else text
