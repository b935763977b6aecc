"""The actions that there are at a place in a file; `perform` carries one out.

Invariant: pure and instant, since editors ask at every move of the cursor.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from turnout.core.documents import Snapshot, Span, line_body
from turnout.core.symbols import Symbol

ActionKind = Literal["rewrite", "fix", "document", "test", "explain"]

_MAX_FIXES = 5
_MAX_FAULTS = 50
_LINES_AROUND_FAULT = 5
_LINES_BELOW_COMMENT = 5
_MOST_LINES_OF_A_SYMBOL = 80  # a longer function is not written anew to mend one line of it
_MOST_OF_A_MESSAGE = 80

_CLOSER = re.compile(r"[)\]}]|(?:end|fi|done|esac)\b")
"""What stands at the margin of a block and belongs to it."""

COMMENT_INSTRUCTION = re.compile(r"\bturnout:\s*(\S.*?)\s*(?:\*/|-->)?\s*$")
"""An instruction where an editor cannot ask for one: `# turnout: use pathlib`."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A diagnostic of another language server or linter; `related` is what it says of other places."""

    span: Span
    message: str
    source: str = ""
    code: str = ""
    related: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Place:
    """Where the user is: the document, the selection (empty: the cursor), what is wrong and what is defined there."""

    file: Snapshot
    selection: Span
    faults: tuple[Fault, ...] = ()
    symbol: Symbol | None = None


@dataclass(frozen=True, slots=True)
class Action:
    """Something to offer about the lines `first` to before `end`; `asks` is whether it needs an instruction first.

    A fix is of `faults`, mostly one. `says` is the instruction of a comment among these lines, which goes with it.
    """

    kind: ActionKind
    title: str
    uri: str
    first: int
    end: int
    asks: bool = False
    faults: tuple[Fault, ...] = ()
    name: str = ""
    says: str = ""


def available(place: Place) -> tuple[Action, ...]:
    """What can be done at `place`, the most particular first. Instant: no model, no file, no parser."""
    uri, symbol = place.file.uri, place.symbol
    actions = [*_comment(place), *(_fix(place, fault) for fault in place.faults[:_MAX_FIXES])]
    if len(place.faults) > 1:
        actions.append(_fix_all(place))
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
    return Action("fix", title, place.file.uri, first, end, faults=(fault,))


def _fix_all(place: Place) -> Action:
    """The fix of all faults that the editor speaks of, or the first of very many, with all lines between them."""
    faults = tuple(sorted(place.faults, key=lambda fault: fault.span)[:_MAX_FAULTS])
    each = [_fix(place, fault) for fault in faults]
    first, end = min(one.first for one in each), max(one.end for one in each)
    many = len(place.faults)
    said = f"all {many}" if len(faults) == many else f"the first {len(faults)} of {many}"
    return Action("fix", f"Fix {said} problems", place.file.uri, first, end, faults=faults)


def _comment(place: Place) -> list[Action]:
    """What a comment at the cursor says: about the definition that it is in or right above, else the lines below."""
    line = place.selection.start.line
    found = (
        COMMENT_INSTRUCTION.search(line_body(place.file.lines[line]))
        if line < len(place.file.lines)
        else None
    )
    if found is None:
        return []
    said = found[1]
    first, end = line, _end_of_block(place.file.lines, line)
    if place.symbol:
        symbol_first, symbol_end = whole_lines(place.symbol.span)
        first, end = min(first, symbol_first), max(line + 1, symbol_end)
    title = f"Do what the comment says: {said[:_MOST_OF_A_MESSAGE]}"
    return [Action("rewrite", title, place.file.uri, first, end, says=said)]


def _end_of_block(lines: Sequence[str], line: int) -> int:
    """A few lines below `line`, and what is indented below the last of them: no block is cut in two."""
    margin = _margin(lines[line])
    end = least = min(len(lines), line + 1 + _LINES_BELOW_COMMENT)
    for row in range(least, len(lines)):
        body = lines[row].strip()
        if body and _margin(lines[row]) <= margin and not _CLOSER.match(body):
            break
        end = row + 1 if body else end
    return end


def _margin(line: str) -> int:
    body = line_body(line)
    return len(body) - len(body.lstrip())
