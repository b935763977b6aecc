"""Actions as the JSON that clients are promised, and diagnostics as they send them.

Invariant: what offering actions needs costs little to import, as an editor may ask before anything else is ready.
"""

from collections.abc import Mapping
from typing import Any

from lsprotocol import types

from turnout.act.actions import Action, Fault
from turnout.core.documents import Encoding, Position, Snapshot, Span
from turnout.lsp.positions import span_from_lsp

_MOST_RELATED = 5


def action_to_wire(action: Action, snapshot: Snapshot) -> dict[str, Any]:
    """An action as the argument of its command; it comes back as it went."""
    return {
        "kind": action.kind,
        "title": action.title,
        "uri": action.uri,
        "version": snapshot.version,
        "first": action.first,
        "end": action.end,
        "asks": action.asks,
        "name": action.name,
        "says": action.says,
        "faults": [
            {
                "message": fault.message,
                "line": fault.span.start.line,
                "code": fault.code,
                "source": fault.source,
                "related": list(fault.related),
            }
            for fault in action.faults
        ],
    }


def action_from_wire(fields: Mapping[str, Any]) -> Action:
    """The action of a command's argument; raises KeyError, TypeError or ValueError for anything else."""
    kind = fields["kind"]
    if kind not in ("rewrite", "fix", "document", "test", "explain"):
        raise ValueError(f"no such action: {kind!r}")
    faults = fields.get("faults") or ()
    first, end = int(fields["first"]), int(fields["end"])
    if not 0 <= first < end:
        raise ValueError(f"no such lines: {first} to {end}")
    return Action(
        kind=kind,
        title=str(fields.get("title", kind)),
        uri=str(fields["uri"]),
        first=first,
        end=end,
        asks=bool(fields.get("asks")),
        faults=tuple(_fault_from_wire(fault) for fault in faults),
        name=str(fields.get("name", "")),
        says=str(fields.get("says", "")),
    )


def _fault_from_wire(fields: Mapping[str, Any]) -> Fault:
    line = int(fields["line"])
    return Fault(
        Span(Position(line, 0), Position(line, 0)),
        str(fields["message"]),
        str(fields.get("source", "")),
        str(fields.get("code", "")),
        tuple(map(str, fields.get("related") or ())),
    )


def fault_from_lsp(snapshot: Snapshot, diagnostic: types.Diagnostic, encoding: Encoding) -> Fault:
    """A diagnostic of another server."""
    message = diagnostic.message if isinstance(diagnostic.message, str) else str(diagnostic.message)
    return Fault(
        span_from_lsp(snapshot, diagnostic.range, encoding),
        message,
        diagnostic.source or "",
        "" if diagnostic.code is None else str(diagnostic.code),
        tuple(
            f"{related.location.uri.rpartition('/')[2]}:{related.location.range.start.line + 1}: {related.message}"
            for related in (diagnostic.related_information or ())[:_MOST_RELATED]
        ),
    )
