"""`turnout/refactor`, `turnout/apply`, `turnout/undo` and `turnout/discard`."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from lsprotocol import types
from pygls.exceptions import JsonRpcInvalidParams

from turnout.act.refactor import propose
from turnout.act.scope import Request
from turnout.core.documents import Span
from turnout.lsp.positions import span_from_lsp
from turnout.lsp.proposals import outcome_to_wire, proposal_to_wire
from turnout.lsp.server import TurnoutServer, uri_of
from turnout.lsp.work import failures_as_errors, seams_for, told


async def refactor(ls: TurnoutServer, params: Any) -> dict[str, Any]:
    """Propose a change to many files; nothing is applied."""
    fields = _fields(params)
    instruction = fields.get("instruction")
    if not isinstance(instruction, str) or not instruction.strip():
        raise JsonRpcInvalidParams(message="instruction must say what to change.")
    uri = uri_of(fields.get("textDocument"))
    scope = tuple(str(item) for item in fields.get("scope") or ())
    selection = _selection(ls, uri, fields.get("range"))
    services = await ls.services()
    workspace = ls.folder_of(services, uri or next(iter(scope), ""))
    if uri and not scope and services.settings.folder(uri) is None:
        scope = (uri,)  # outside of every folder, the files beside it are none of our business
    request = Request(instruction.strip(), uri or None, selection, scope)
    async with (
        failures_as_errors(),
        ls.editor.progress("Refactoring", fields.get("workDoneToken")) as progress,
    ):
        proposal = await propose(request, seams_for(services, workspace, told(progress)))
        checks = await services.check(workspace.folder, proposal.changes, progress.report)
        proposal = replace(proposal, checks=(*proposal.checks, *checks))
    ls.keep(proposal, workspace)
    return proposal_to_wire(proposal, ls.protocol.encoding)


async def apply(ls: TurnoutServer, params: Any) -> dict[str, Any]:
    """Apply a proposal, or some of its hunks, whole or not at all."""
    fields = _fields(params)
    proposal_id = str(fields.get("proposalId", ""))
    hunks = fields.get("hunks")
    chosen = None if hunks is None else [str(hunk) for hunk in hunks]
    async with failures_as_errors():
        outcome = await ls.proposals.apply(ls.owner(proposal_id), proposal_id, chosen)
    return outcome_to_wire(outcome, "applied")


async def undo(ls: TurnoutServer, params: Any) -> dict[str, Any]:
    """Take back what was applied of a proposal, or of the last one."""
    wanted = str(_fields(params).get("proposalId") or "")
    async with failures_as_errors():
        proposal_id = wanted or ls.proposals.last_applied()
        outcome = await ls.proposals.undo(ls.owner(proposal_id), proposal_id)
    return outcome_to_wire(outcome, "undone")


def discard(ls: TurnoutServer, params: Any) -> None:
    """Forget a proposal."""
    ls.proposals.discard(str(_fields(params).get("proposalId", "")))


def _fields(params: Any) -> Mapping[str, Any]:
    return params if isinstance(params, Mapping) else {}


def _selection(ls: TurnoutServer, uri: str, value: Any) -> Span | None:
    snapshot = ls.snapshot(uri)
    if snapshot is None or not isinstance(value, Mapping):
        return None
    try:
        start, end = value["start"], value["end"]
        wanted = types.Range(
            types.Position(int(start["line"]), int(start["character"])),
            types.Position(int(end["line"]), int(end["character"])),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise JsonRpcInvalidParams(message="range must have a start and an end.") from error
    return span_from_lsp(snapshot, wanted, ls.protocol.encoding)
