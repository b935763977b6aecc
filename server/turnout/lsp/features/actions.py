"""What an offered action does: `codeAction/resolve`, and the commands behind the actions.

An editor that can apply edits of a server gets a command: it checks document versions there, and not in an edit that
came with an action. Any other gets the edit when it resolves the action.
"""

from collections.abc import Mapping
from typing import Any

from lsprotocol import types
from pygls.exceptions import JsonRpcInvalidParams

from turnout.act.actions import COMMENT_INSTRUCTION, Action
from turnout.act.applying.effects import transaction
from turnout.act.perform import Explanation, perform
from turnout.act.proposals import Proposal
from turnout.core.documents import Snapshot, line_body
from turnout.errors import DocumentStale, ReplyUnusable
from turnout.lsp.action_wire import action_from_wire
from turnout.lsp.capabilities import wants_edits
from turnout.lsp.proposals import outcome_to_wire
from turnout.lsp.server import TurnoutServer
from turnout.lsp.work import failures_as_errors, seams_for, told
from turnout.lsp.workspace import EditorWorkspace


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
