"""What a completion asks of a model: the same text, whether somebody waits for it or it is read ahead."""

from dataclasses import dataclass
from typing import Literal

from turnout.core.context import Surroundings
from turnout.core.documents import Snapshot
from turnout.core.holes import Hole, Shape
from turnout.core.prompts import FimPrompt

CompletionKind = Literal["inline", "popup"]

ALONE = Surroundings()
"""Nothing but the text around the hole."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What the settings say about completions in one document."""

    enabled: bool = True
    disabled_languages: frozenset[str] = frozenset()
    max_tokens: int = 96
    multiline: Literal["auto", "always", "never"] = "auto"

    def allow(self, language: str) -> bool:
        """Whether there may be completions in a document of `language`."""
        return self.enabled and language not in self.disabled_languages

    def shape(self, hole: Hole) -> Shape:
        """How much is wanted at a place."""
        if self.multiline == "auto":
            return hole.shape
        return "block" if self.multiline == "always" and not hole.tail.strip() else "line"


def fim_prompt(
    kind: CompletionKind,
    snapshot: Snapshot,
    path: str,
    hole: Hole,
    rules: Rules,
    around: Surroundings = ALONE,
) -> FimPrompt:
    """The prompt for `hole`, in a file that is called `path` in its folder."""
    return FimPrompt(
        kind=kind,
        document=snapshot.uri,
        path=path,
        prefix=hole.prefix,
        suffix=hole.suffix,
        context=around.chunks,
        shape=rules.shape(hole),
        max_tokens=rules.max_tokens,
        window=around.window,
        plain=around.plain,
    )
