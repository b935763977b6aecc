"""In which form a model is asked for edits, by the model and the size of the files.

Invariant: the choice is a pure function of the model, the size and what was measured; what the user set wins, what was
measured on this machine comes next, and the table of what is known of such models last.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Literal, NamedTuple, Protocol

from turnout.core.documents import Snapshot
from turnout.core.models import EditStyle, Model

SizeClass = Literal["small", "medium", "large"]
"""Of a file: up to 4,000 bytes, up to 32,000, or more."""

SMALL_BYTES, MEDIUM_BYTES = 4_000, 32_000

LEAST_TRIED = 5
"""Refactors measured in one form before they say anything about it."""

MOSTLY = 0.7
"""Share of usable answers below which the other form is worth a try, though nobody has measured it."""

_OTHER: dict[EditStyle, EditStyle] = {"blocks": "whole_file", "whole_file": "blocks"}


class Known(NamedTuple):
    """A form that suits models of a kind, and where that is known from."""

    style: EditStyle
    source: str


_COPIES = "models of 0.5 and 1.5 billion parameters copy a file well, and lines to search for badly"
_TOO_LONG = "a file of that size may not fit one answer of 16,384 tokens"
_LEADERBOARD = (
    "on aider's public leaderboard the median model writes 94 % of its edits well-formed as blocks, "
    "99.6 % as whole files, for several times the tokens"
)

BUILT_IN: dict[tuple[Literal["here", "elsewhere"], SizeClass], Known] = {
    ("here", "small"): Known("whole_file", _COPIES),
    ("here", "medium"): Known("whole_file", _COPIES),
    ("here", "large"): Known("blocks", _TOO_LONG),
    ("elsewhere", "small"): Known("blocks", _LEADERBOARD),
    ("elsewhere", "medium"): Known("blocks", _LEADERBOARD),
    ("elsewhere", "large"): Known("blocks", _TOO_LONG),
}
"""By where the model runs, which tells small ones from capable ones, and the size of the file."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """How a model did here with one form and size: refactors tried, and those whose answer could be used whole.

    `model` is what `identity` makes of it.
    """

    model: str
    size: SizeClass
    style: EditStyle
    tried: int
    usable: int

    @property
    def share(self) -> float:
        """The usable share, from 0 to 1."""
        return self.usable / self.tried if self.tried else 0.0

    @property
    def counts(self) -> bool:
        """Whether it was tried often enough to say something."""
        return self.tried >= LEAST_TRIED


class History(Protocol):
    """How refactors went on this machine."""

    def evidence(self) -> tuple[Evidence, ...]:
        """How models did with each form of edits. Blocks."""
        ...

    def turns(self, model: Model) -> tuple[int, ...]:
        """How many turns the last refactors took that `model` worked out with tools, newest first. Blocks."""
        ...

    def took(self, model: Model, turns: int) -> None:
        """Keep that one more took so many; returns at once."""
        ...


class NoHistory:
    """The history of a machine that nothing was measured on, and that keeps nothing."""

    def evidence(self) -> tuple[Evidence, ...]:
        """Nothing."""
        return ()

    def turns(self, model: Model) -> tuple[int, ...]:
        """None."""
        return ()

    def took(self, model: Model, turns: int) -> None:
        """Let it go."""


class Format(NamedTuple):
    """The form of an answer, and why that one, in words for a receipt.

    `alone` says that the model is asked about one file at a time.
    """

    style: EditStyle
    why: str
    alone: bool = False

    def __str__(self) -> str:
        """What a receipt says of it."""
        return f"{self.style}: {self.why}"


@dataclass(frozen=True, slots=True)
class Formats:
    """Chooses by what was measured on this machine, which may be nothing."""

    evidence: tuple[Evidence, ...] = ()

    def choose(self, model: Model, sizes: Sequence[int]) -> Format:
        """The form to ask `model` for, for files of so many bytes, the first of which it is asked about first.

        Where the model should write any of them whole, it is asked about each alone, and each in the form for its own
        size; else about all of them at once, in the form for the largest.
        """
        each = [self._one(model, size) for size in sizes or (0,)]
        if any(one.style == "whole_file" for one in each):
            return each[0]._replace(alone=True)
        return self._one(model, max(sizes, default=0))

    def _one(self, model: Model, bytes_: int) -> Format:
        """The form for one file.

        Where both forms were measured, the one with more usable answers; where only the built-in one was, and fewer
        than 70 % of its answers could be used, the other one, unless that cannot hold such a file.
        """
        size = size_class(bytes_)
        if model.edits is not None:
            return Format(model.edits, f"as models.{model.name}.edits says")
        known = BUILT_IN["here" if model.api == "local" else "elsewhere", size]
        return _measured(self._of(model, size), known.style, size) or Format(
            known.style, f"built in for {size} files: {known.source}"
        )

    def _of(self, model: Model, size: SizeClass) -> dict[EditStyle, Evidence]:
        mine = identity(model)
        found = (one for one in self.evidence if (one.model, one.size) == (mine, size))
        return {one.style: one for one in found if one.counts}


def size_class(bytes_: int) -> SizeClass:
    """The class of a file of so many bytes."""
    if bytes_ <= SMALL_BYTES:
        return "small"
    return "medium" if bytes_ <= MEDIUM_BYTES else "large"


def sizes_of(files: Iterable[Snapshot]) -> tuple[int, ...]:
    """The UTF-8 bytes of each file."""
    return tuple(len(file.text.encode("utf-8", "replace")) for file in files)


def identity(model: Model) -> str:
    """A model by what makes it the same one to measure; its address is not written down, nor its name in settings."""
    said = f"{model.api}\0{model.base_url}\0{model.model}\0{model.path}"
    return blake2b(said.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def _measured(found: dict[EditStyle, Evidence], usual: EditStyle, size: SizeClass) -> Format | None:
    """What the evidence says; None where it says nothing against or for the usual form."""
    mine, other = found.get(usual), found.get(_OTHER[usual])
    if mine is None:
        return None
    if other is None:
        if mine.share >= MOSTLY:
            return Format(usual, f"measured here with {size} files: {_said(mine)}")
        if size == "large":
            return None
        return Format(_OTHER[usual], f"measured here with {size} files: {_said(mine)} in the other form")
    better, worse = (other, mine) if other.share > mine.share else (mine, other)
    return Format(better.style, f"measured here with {size} files: {_said(better)}, and {_said(worse)}")


def _said(found: Evidence) -> str:
    return f"{found.usable} of {found.tried} usable as {found.style}"
