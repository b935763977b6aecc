"""`turnout/refactor`, `turnout/apply`, `turnout/undo` and `turnout/discard`."""

from dataclasses import replace
from typing import Any

from lsprotocol import types
from pygls.exceptions import JsonRpcInvalidParams

from turnout.act.refactor import propose
from turnout.act.scope import Request
from turnout.core.documents import Span
from turnout.lsp.fields import fields_of, range_of, text_of, texts_of, token_of, uri_of
from turnout.lsp.positions import span_from_lsp
from turnout.lsp.proposals import outcome_to_wire, proposal_to_wire
from turnout.lsp.server import TurnoutServer
from turnout.lsp.work import failures_as_errors, seams_for, told


async def refactor(ls: TurnoutServer, params: Any) -> dict[str, Any]:
    """Propose a change to many files; nothing is applied."""
    fields = fields_of(params)
    instruction = text_of(fields, "instruction").strip()
    if not instruction:
        raise JsonRpcInvalidParams(message="instruction must say what to change.")
    uri, scope, token = uri_of(fields), texts_of(fields, "scope") or (), token_of(fields)
    selection = _selection(ls, uri, range_of(fields))
    services = await ls.services()
    operation = services.operation()
    async with failures_as_errors():
        workspace = ls.folder_of(services, uri or next(iter(scope), ""))
    if uri and not scope and services.settings.folder(uri) is None:
        scope = (uri,)  # outside of every folder, the files beside it are none of our business
    request = Request(instruction, uri or None, selection, scope)
    async with failures_as_errors(operation), ls.editor.progress("Refactoring", token) as progress:
        proposal = await propose(request, seams_for(operation, workspace, told(progress)))
        checks = await services.check(workspace.folder, proposal.changes, progress.report)
        proposal = replace(proposal, checks=(*proposal.checks, *checks))
    ls.keep(proposal, workspace)
    return proposal_to_wire(proposal, ls.protocol.encoding)


async def apply(ls: TurnoutServer, params: Any) -> dict[str, Any]:
    """Apply a proposal, or some of its hunks, whole or not at all."""
    fields = fields_of(params)
    proposal_id, hunks = text_of(fields, "proposalId"), texts_of(fields, "hunks")
    async with failures_as_errors():
        outcome = await ls.proposals.apply(ls.owner(proposal_id), proposal_id, hunks)
    return outcome_to_wire(outcome, "applied")


async def undo(ls: TurnoutServer, params: Any) -> dict[str, Any]:
    """Take back what was applied of a proposal, or of the last one."""
    wanted = text_of(fields_of(params), "proposalId")
    async with failures_as_errors():
        proposal_id = wanted or ls.proposals.last_applied()
        outcome = await ls.proposals.undo(ls.owner(proposal_id), proposal_id)
    return outcome_to_wire(outcome, "undone")


def discard(ls: TurnoutServer, params: Any) -> None:
    """Forget a proposal."""
    ls.proposals.discard(text_of(fields_of(params), "proposalId"))


def _selection(ls: TurnoutServer, uri: str, value: types.Range | None) -> Span | None:
    snapshot = ls.snapshot(uri)
    if snapshot is None or value is None:
        return None
    return span_from_lsp(snapshot, value, ls.protocol.encoding)
