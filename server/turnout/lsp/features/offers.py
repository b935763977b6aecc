"""`textDocument/codeAction`: what can be done at a place.

Invariant: no model is asked and no service is waited for, and nothing is imported that only carrying out an action
needs: an editor asks as soon as a document is open.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

from lsprotocol import types

from turnout import syntax
from turnout.act.actions import COMMENT_INSTRUCTION, Action, Place, available
from turnout.core.documents import Snapshot, line_body
from turnout.core.symbols import Symbol
from turnout.lsp.action_wire import action_to_wire, fault_from_lsp
from turnout.lsp.capabilities import wants_edits
from turnout.lsp.positions import span_from_lsp
from turnout.lsp.server import TurnoutServer

_KINDS = {
    "fix": types.CodeActionKind.QuickFix,
    "rewrite": types.CodeActionKind.RefactorRewrite,
    "document": types.CodeActionKind.RefactorRewrite,
    "test": types.CodeActionKind.Refactor,
    "explain": types.CodeActionKind.Refactor,
}


async def code_actions(
    ls: TurnoutServer, params: types.CodeActionParams
) -> list[types.CodeAction | types.Command]:
    """What can be done here; no model is asked."""
    snapshot = ls.snapshot(params.text_document.uri)
    if snapshot is None:
        return []
    wanted, diagnostics = params.context.only, params.context.diagnostics
    return [
        _to_lsp(ls, action, snapshot, diagnostics)
        for action in await offered(ls, snapshot, params.range, diagnostics)
        if _is_wanted(_KINDS[action.kind], wanted)
    ]


async def offered(
    ls: TurnoutServer, snapshot: Snapshot, place: types.Range, diagnostics: Sequence[types.Diagnostic]
) -> tuple[Action, ...]:
    """The actions at a place with these diagnostics."""
    selection = span_from_lsp(snapshot, place, ls.protocol.encoding)
    symbol = await asyncio.to_thread(_symbol, snapshot, selection.start.line)
    faults = tuple(fault_from_lsp(snapshot, d, ls.protocol.encoding) for d in diagnostics)
    return available(Place(snapshot, selection, faults, symbol))


def _symbol(snapshot: Snapshot, line: int) -> Symbol | None:
    """What is defined around `line`, or below it where it says what to do with that."""
    if line < len(snapshot.lines) and COMMENT_INSTRUCTION.search(line_body(snapshot.lines[line])):
        commented = syntax.below(snapshot.language, snapshot.text, line)
        if commented is not None:
            return commented
    return syntax.enclosing(snapshot.language, snapshot.text, line)


def _is_wanted(kind: str, wanted: Sequence[str] | None) -> bool:
    """Whether `kind` is one of `wanted` or below one; the empty kind is above all."""
    return not wanted or any(only in ("", kind) or kind.startswith(only + ".") for only in map(str, wanted))


def _to_lsp(
    ls: TurnoutServer, action: Action, snapshot: Snapshot, diagnostics: Sequence[types.Diagnostic]
) -> types.CodeAction | types.Command:
    argument = action_to_wire(action, snapshot)
    if not _takes_literals(ls):
        return _command(action, argument)
    messages = {fault.message for fault in action.faults}
    fixed = [d for d in diagnostics if d.message in messages]
    return types.CodeAction(
        title=action.title,
        kind=_KINDS[action.kind],
        diagnostics=fixed or None,
        command=None if wants_edits(ls.protocol.client_capabilities) else _command(action, argument),
        data=argument,
        tags=[types.CodeActionTag.LlmGenerated] if _takes_tags(ls) else None,
    )


def _command(action: Action, argument: dict[str, Any]) -> types.Command:
    return types.Command(title=action.title, command=f"turnout.{action.kind}", arguments=[argument])


def _takes_literals(ls: TurnoutServer) -> bool:
    """Whether the client takes code actions; one that does not say so takes only their commands."""
    text = ls.protocol.client_capabilities.text_document
    return bool(text and text.code_action and text.code_action.code_action_literal_support)


def _takes_tags(ls: TurnoutServer) -> bool:
    text = ls.protocol.client_capabilities.text_document
    support = text.code_action.tag_support if text and text.code_action else None
    return bool(support and types.CodeActionTag.LlmGenerated in support.value_set)
