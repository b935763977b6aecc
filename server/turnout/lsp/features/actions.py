"""`textDocument/codeAction` with resolve, and the commands behind the actions.

An editor that can apply edits of a server gets a command: it checks document versions there, and not in an edit that
came with an action. Any other gets the edit when it resolves the action.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from lsprotocol import types
from pygls.exceptions import JsonRpcInvalidParams

from turnout import syntax
from turnout.act.actions import COMMENT_INSTRUCTION, Action, Place, available
from turnout.act.applying.effects import transaction
from turnout.act.perform import Explanation, perform
from turnout.act.proposals import Proposal
from turnout.core.documents import Snapshot, line_body
from turnout.core.symbols import Symbol
from turnout.errors import DocumentStale, ReplyUnusable
from turnout.lsp.capabilities import wants_edits
from turnout.lsp.positions import span_from_lsp
from turnout.lsp.proposals import action_from_wire, action_to_wire, fault_from_lsp, outcome_to_wire
from turnout.lsp.server import TurnoutServer
from turnout.lsp.work import failures_as_errors, seams_for, told
from turnout.lsp.workspace import EditorWorkspace

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


async def resolve(ls: TurnoutServer, params: types.CodeAction) -> types.CodeAction:
    """Fill in the edit, for a client that cannot have it applied by the server; else the action is whole already."""
    if not wants_edits(ls.protocol.client_capabilities) or not isinstance(params.data, Mapping):
        return params
    async with failures_as_errors():
        result, workspace = await _perform(ls, params.data, None)
        if isinstance(result, Proposal):
            _must_be_sound(result)
            params.edit = workspace.edit(transaction(result.label, result.changes))
    return params


def _must_be_sound(proposal: Proposal) -> None:
    """Nobody looks at what an action does before it is done, so it is done only where every check passed."""
    failed = "; ".join(check.message for check in proposal.checks if not check.ok)
    if failed or not proposal.complete:
        raise ReplyUnusable(f"The model's answer was not applied: {failed}")


async def run_command(ls: TurnoutServer, params: types.ExecuteCommandParams) -> dict[str, Any]:
    """Carry out an action: the edit is applied through the editor, an explanation is the answer."""
    argument = next(iter(params.arguments or ()), None)
    if not isinstance(argument, Mapping):
        raise JsonRpcInvalidParams(
            message=f"{params.command} takes the argument that came with its code action."
        )
    async with failures_as_errors():
        result, workspace = await _perform(ls, argument, params.work_done_token)
        if isinstance(result, Explanation):
            if not ls.editor.wants_status:
                await ls.editor.show_page(str(argument.get("title") or "Explanation"), result.markdown)
            return {"markdown": result.markdown, "receipt": result.receipt.to_wire()}
        _must_be_sound(result)
        services = await ls.services()
        await ls.keep(services, result, workspace)
        outcome = await services.proposals.apply(workspace, result.id)
    wire = outcome_to_wire(outcome, "applied")
    if not outcome.done:
        ls.editor.say("Turnout: " + "; ".join(c["message"] for c in wire["conflicts"]), "warning")
    return {**wire, "proposalId": result.id, "receipt": result.receipt.to_wire()}


async def _perform(
    ls: TurnoutServer, argument: Mapping[str, Any], token: str | int | None
) -> tuple[Proposal | Explanation, EditorWorkspace]:
    action, snapshot, instruction = asked_for(ls, argument)
    services = await ls.services()
    workspace = ls.folder_of(services, action.uri)
    operation = services.operation(instruction)
    async with (
        failures_as_errors(operation),
        ls.editor.progress(f"Turnout: {action.title}", token) as progress,
    ):
        seams = seams_for(services, operation, workspace, told(progress))
        result = await perform(action, snapshot, seams, instruction=instruction)
    return result, workspace


def asked_for(ls: TurnoutServer, argument: Mapping[str, Any]) -> tuple[Action, Snapshot, str]:
    """The action of `argument`, the document as it is now, and what the user says about it.

    Raises DocumentStale where the action was offered for another text, ReplyUnusable where something is not said.
    """
    try:
        action = action_from_wire(argument)
    except (KeyError, TypeError, ValueError) as error:
        raise JsonRpcInvalidParams(message=f"not an action of ours: {error}") from error
    snapshot = ls.snapshot(action.uri)
    if snapshot is None or action.end > len(snapshot.lines) or snapshot.version != argument.get("version"):
        raise DocumentStale("The document changed since this action was offered.", advice="Ask for it again.")
    instruction = argument.get("instruction") or action.says or instruction_in(snapshot, action)
    if action.asks and not instruction:
        raise ReplyUnusable(
            "There is no instruction.",
            advice="Write one in a comment in or above these lines, as in `# turnout: use pathlib`.",
        )
    if action.kind == "fix" and not action.faults:
        raise ReplyUnusable("There is no problem to fix.", advice="Ask where a diagnostic is.")
    return action, snapshot, str(instruction)


def instruction_in(snapshot: Snapshot, action: Action) -> str:
    """The instruction of a `turnout: ...` comment among the lines of an action or right above them."""
    for line in snapshot.lines[max(0, action.first - 1) : action.end]:
        found = COMMENT_INSTRUCTION.search(line_body(line))
        if found:
            return found[1]
    return ""
