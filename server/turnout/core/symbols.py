"""What a parser says about a text: its syntax errors and the definition around a line."""

from dataclasses import dataclass
from typing import Literal

from turnout.core.documents import Span


@dataclass(frozen=True, slots=True)
class Problem:
    """A fault at a line, counted from 0."""

    line: int
    message: str


@dataclass(frozen=True, slots=True)
class Symbol:
    """A function, method or class; `span` is its whole lines with its decorators, without comments above it."""

    name: str
    kind: Literal["function", "class"]
    span: Span
