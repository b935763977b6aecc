"""Between the client's positions (lines and UTF-8, UTF-16 or UTF-32 units) and ours (lines and code points)."""

from collections.abc import Callable

from lsprotocol import types

from turnout.core.documents import (
    Encoding,
    Position,
    Snapshot,
    Span,
    codepoints_to_units,
    line_body,
    units_to_codepoints,
)

_SUPPORTED: tuple[Encoding, ...] = ("utf-8", "utf-16", "utf-32")


def choose_encoding(client: types.ClientCapabilities) -> Encoding:
    """The first of the client's encodings that we know; UTF-16 where it names none, as the protocol says."""
    offered = (client.general.position_encodings if client.general else None) or []
    for name in offered:
        value = str(getattr(name, "value", name))
        for known in _SUPPORTED:
            if value == known:
                return known
    return "utf-16"


def from_lsp(line: Callable[[int], str], value: types.Position, encoding: Encoding) -> Position:
    """A client's position in code points; `line` gives the text of a line number."""
    body = line_body(line(value.line))
    return Position(value.line, units_to_codepoints(body, value.character, encoding))


def position_from_lsp(snapshot: Snapshot, value: types.Position, encoding: Encoding) -> Position:
    """A client's position in code points of `snapshot`, brought inside it."""
    if value.line >= len(snapshot.rows):
        return Position(value.line, 0) if value.line == len(snapshot.rows) else end_of(snapshot)
    return from_lsp(lambda index: snapshot.rows[index], value, encoding)


def end_of(snapshot: Snapshot) -> Position:
    """The position after the last character."""
    if not snapshot.rows or line_body(snapshot.rows[-1]) != snapshot.rows[-1]:
        return Position(len(snapshot.rows), 0)
    return Position(len(snapshot.rows) - 1, len(snapshot.rows[-1]))


def position_to_lsp(snapshot: Snapshot, value: Position, encoding: Encoding) -> types.Position:
    """One of our positions as the client counts it."""
    line = snapshot.rows[value.line] if value.line < len(snapshot.rows) else ""
    return types.Position(value.line, codepoints_to_units(line, value.character, encoding))


def span_from_lsp(snapshot: Snapshot, value: types.Range, encoding: Encoding) -> Span:
    """A client's range as our span."""
    return Span(
        position_from_lsp(snapshot, value.start, encoding), position_from_lsp(snapshot, value.end, encoding)
    )


def span_to_lsp(snapshot: Snapshot, value: Span, encoding: Encoding) -> types.Range:
    """One of our spans as the client's range."""
    return types.Range(
        position_to_lsp(snapshot, value.start, encoding), position_to_lsp(snapshot, value.end, encoding)
    )
