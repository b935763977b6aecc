"""Model families as data: their fill-in-the-middle tokens, the order of parts, and what was measured to work.

Sources are the families' own model cards and tokenizers.
Invariant: a family's tokens are single tokens of its vocabulary; engines check that when they load a model.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

Order = Literal["PSM", "SPM", "SP"]
"""Prefix, suffix, middle; suffix, prefix, middle; or suffix, prefix without a middle token."""

Heal = Literal["nothing", "word", "blanks"]
"""What at the cursor is left out and forced back: nothing, an unfinished word, or blanks without a word too."""


@dataclass(frozen=True, slots=True)
class Family:
    """How the models of one family want a hole described.

    `tail_lines` lines of the prefix go after the middle token (0: none, plain order). What `heal` names is left
    out and forced back, so that it may be tokenized together with what follows.
    `file` introduces another file: token, path, newline, text. `repo` comes before the first of them. Where a family
    or a vocabulary has no such token, comments do. With `path_inside` the path of the file with the hole follows the
    prefix token instead of preceding it.
    """

    name: str
    models: re.Pattern[str]
    prefix: str
    suffix: str
    middle: str = ""
    order: Order = "PSM"
    begin: str = ""
    repo: str = ""
    file: str = ""
    tail_lines: int = 0
    heal: Heal = "nothing"
    path_inside: bool = False

    def in_plain_order(self) -> "Family":
        """The family without what Turnout found to be better than its makers' own order."""
        return replace(self, tail_lines=0, heal="nothing")

    @property
    def tokens(self) -> tuple[str, ...]:
        """Every special token that a prompt of this family may hold."""
        named = (self.begin, self.repo, self.file, self.prefix, self.suffix, self.middle)
        return tuple(token for token in named if token)


def _models(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


_QWEN_CODER = Family(
    "qwen-coder",
    _models(r"qwen.*coder"),
    prefix="<|fim_prefix|>",
    suffix="<|fim_suffix|>",
    middle="<|fim_middle|>",
    repo="<|repo_name|>",
    file="<|file_sep|>",
)

# Sizes whose layout was measured, as `PYTHONPATH=tests python -m bench --only holes --model FILE` does it.
# Exact in the plain order and in this one: 0.5B 15 and 29 of 69 holes; 1.5B 30 and 31 of 77, with 75.8 and 75.3 % of
# the letters.
_MEASURED: tuple[Family, ...] = (
    replace(
        _QWEN_CODER,
        name="qwen-coder-small",
        models=_models(r"qwen.*coder.*\b(0\.5|1\.5)b"),
        tail_lines=8,
        heal="blanks",
    ),
)

_PLAIN: tuple[Family, ...] = (
    _QWEN_CODER,
    Family(
        "starcoder2",
        _models(r"starcoder"),
        prefix="<fim_prefix>",
        suffix="<fim_suffix>",
        middle="<fim_middle>",
        repo="<repo_name>",
        file="<file_sep>",
        path_inside=True,
    ),
    Family(
        "deepseek-coder",
        _models(r"deepseek.*coder"),
        prefix="<\uff5cfim\u2581begin\uff5c>",
        suffix="<\uff5cfim\u2581hole\uff5c>",
        middle="<\uff5cfim\u2581end\uff5c>",
        begin="<\uff5cbegin\u2581of\u2581sentence\uff5c>",
    ),
    Family(
        "codellama",
        _models(r"code-?llama"),
        prefix="<PRE>",
        suffix="<SUF>",
        middle="<MID>",
        begin="<s>",
    ),
    Family(
        "codestral",
        _models(r"codestral"),
        prefix="[PREFIX]",
        suffix="[SUFFIX]",
        order="SP",
        begin="<s>",
    ),
    Family(
        "codegemma",
        _models(r"code-?gemma"),
        prefix="<|fim_prefix|>",
        suffix="<|fim_suffix|>",
        middle="<|fim_middle|>",
        begin="<bos>",
        file="<|file_separator|>",
    ),
    Family(
        "granite",
        _models(r"granite"),
        prefix="<fim_prefix>",
        suffix="<fim_suffix>",
        middle="<fim_middle>",
    ),
    Family(
        "seed-coder",
        _models(r"seed-?coder"),
        prefix="<[fim-prefix]>",
        suffix="<[fim-suffix]>",
        middle="<[fim-middle]>",
        order="SPM",
    ),
    Family(
        "mellum",
        _models(r"mellum"),
        prefix="<fim_prefix>",
        suffix="<fim_suffix>",
        middle="<fim_middle>",
        order="SPM",
        repo="<reponame>",
        file="<filename>",
    ),
)


FAMILIES: tuple[Family, ...] = (*_MEASURED, *_PLAIN)
"""The first one that a model's name matches is its own."""


def candidates(model: str) -> list[Family]:
    """Families to try for a model of this name: those that the name says; for an unknown name, all in plain order."""
    named = [family for family in FAMILIES if family.models.search(model)]
    return named or list(_PLAIN)


Recognize = Callable[[str, Callable[[str], int | None]], tuple[Family, Mapping[str, int]] | None]
"""Something like `recognize`."""


def recognize(model: str, token_id: Callable[[str], int | None]) -> tuple[Family, Mapping[str, int]] | None:
    """The family of a model, and the ids of its tokens; None where the vocabulary holds no family's tokens.

    A vocabulary without the tokens for other files is no other family: they are shown in comments then.
    `token_id` gives the id of one special token of the vocabulary by its text.
    """
    known = candidates(model)
    # First the families whose every token is there: several share the tokens for a hole.
    for family in (
        *known,
        *(replace(one, repo="") for one in known),
        *(replace(one, repo="", file="") for one in known),
    ):
        ids = {token: found for token in family.tokens if (found := token_id(token)) is not None}
        if len(ids) == len(family.tokens):
            return family, ids
    return None
