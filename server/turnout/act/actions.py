"""The actions that there are at a place in a file; `perform` carries one out.

Invariant: pure and instant, since editors ask at every move of the cursor.
"""

from dataclasses import dataclass
from typing import Literal

from turnout.core.documents import Snapshot, Span
from turnout.core.symbols import Symbol

ActionKind = Literal["rewrite", "fix", "document", "test", "explain"]

_MAX_FIXES = 5
_LINES_AROUND_FAULT = 5
_MOST_LINES_OF_A_SYMBOL = 80  # a longer function is not written anew to mend one line of it
_MOST_OF_A_MESSAGE = 80


@dataclass(frozen=True, slots=True)
class Fault:
    """A diagnostic of another language server or linter."""

    span: Span
    message: str
    source: str = ""
    code: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the user is: the document, the selection (empty: the cursor), what is wrong and what is defined there."""

    file: Snapshot
    selection: Span
    faults: tuple[Fault, ...] = ()
    symbol: Symbol | None = None


@dataclass(frozen=True, slots=True)
class Action:
    """Something to offer about the lines `first` to before `end`; `asks` is whether it needs an instruction first."""

    kind: ActionKind
    title: str
    uri: str
    first: int
    end: int
    asks: bool = False
    fault: Fault | None = None
    name: str = ""


def available(place: Place) -> tuple[Action, ...]:
    """What can be done at `place`, the most particular first. Instant: no model, no file, no parser."""
    uri, symbol = place.file.uri, place.symbol
    actions = [_fix(place, fault) for fault in place.faults[:_MAX_FIXES]]
    if place.selection.start != place.selection.end:
        first, end = whole_lines(place.selection)
        actions.append(Action("rewrite", "Rewrite selection...", uri, first, end, asks=True))
        actions.append(Action("explain", "Explain selection", uri, first, end))
    elif symbol:
        first, end = whole_lines(symbol.span)
        actions.append(
            Action("rewrite", f"Rewrite {symbol.name}...", uri, first, end, asks=True, name=symbol.name)
        )
        actions.append(Action("explain", f"Explain {symbol.name}", uri, first, end, name=symbol.name))
    if symbol:
        first, end = whole_lines(symbol.span)
        actions.append(Action("document", f"Document {symbol.name}", uri, first, end, name=symbol.name))
        actions.append(Action("test", f"Generate tests for {symbol.name}", uri, first, end, name=symbol.name))
    return tuple(actions)


def whole_lines(span: Span) -> tuple[int, int]:
    """First line of `span` and the line after its last one; a span that ends where a line begins leaves it out."""
    end = span.end.line + 1 if span.end.character or span.end == span.start else span.end.line
    return span.start.line, max(end, span.start.line + 1)


def _fix(place: Place, fault: Fault) -> Action:
    """The fix of `fault`, within the function around it, or a few lines where that is long or not known."""
    first, end = whole_lines(fault.span)
    symbol_first, symbol_end = whole_lines(place.symbol.span) if place.symbol else (0, 0)
    if symbol_first <= first and end <= symbol_end <= symbol_first + _MOST_LINES_OF_A_SYMBOL:
        first, end = symbol_first, symbol_end
    else:
        first, end = (
            max(0, first - _LINES_AROUND_FAULT),
            min(len(place.file.lines), end + _LINES_AROUND_FAULT),
        )
    title = f"Fix: {fault.message.strip().partition(chr(10))[0][:_MOST_OF_A_MESSAGE]}"
    return Action("fix", title, place.file.uri, first, end, fault=fault)
