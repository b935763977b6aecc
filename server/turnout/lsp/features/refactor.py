"""`turnout/plan`, `turnout/refactor`, `turnout/proposal`, `turnout/apply`, `turnout/undo` and `turnout/discard`."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from lsprotocol import types
from pygls.exceptions import JsonRpcInvalidParams

from turnout.act.applying.transactions import Standing
from turnout.act.drafting.verifying import Verifying
from turnout.act.gathering.scope import Reference, Request
from turnout.act.plans import Plan, draw_up, only_estimate
from turnout.act.proposals import Check
from turnout.act.refactor import propose
from turnout.act.seams import Show, show_nobody, tell_nobody
from turnout.core.documents import Span
from turnout.core.edits.changes import FileChange
from turnout.errors import ProposalUnknown
from turnout.lsp.fields import (
    fields_of,
    flag_of,
    id_of,
    locations_of,
    range_of,
    text_of,
    texts_of,
    token_of,
    uri_of,
)
from turnout.lsp.positions import span_from_lsp
from turnout.lsp.proposals import (
    change_to_wire,
    outcome_to_wire,
    plan_to_wire,
    proposal_to_wire,
    standing_to_wire,
)
from turnout.lsp.server import TurnoutServer
from turnout.lsp.services import Operation, Services
from turnout.lsp.work import RequestFailed, failures_as_errors, seams_for, told
from turnout.lsp.workspace import EditorWorkspace


async def plan(ls: TurnoutServer, params: Any) -> dict[str, Any] | None:
    """Say which files a refactor would change and what it would take; null where nobody asks for a plan."""
    fields = fields_of(params)
    earlier = known_plan(ls, text_of(fields, "previous"))
    request = earlier.request if earlier else request_from(ls, fields)
    correction, mode, token = text_of(fields, "correction").strip(), mode_of(fields), token_of(fields)
    if earlier and not correction:
        raise JsonRpcInvalidParams(message="correction must say what to change in the plan.")
    services = await ls.services()
    request, workspace, operation = await placed(ls, services, request)
    if flag_of(fields, "estimateOnly"):
        async with failures_as_errors(operation):
            outlook = services.outlook.about(request.instruction)
            guess = await only_estimate(
                request, seams_for(services, operation, workspace, tell_nobody), outlook
            )
        return plan_to_wire(guess)
    if not (earlier or plan_comes_first(services, mode, request)):
        return None
    async with failures_as_errors(operation), ls.editor.progress("Planning", token) as progress:
        seams = seams_for(services, operation, workspace, told(progress))
        drawn = await draw_up(
            request, seams, services.outlook.about(request.instruction), earlier, correction
        )
    ls.plans.keep(drawn.id, drawn)
    return plan_to_wire(drawn)


async def refactor(ls: TurnoutServer, params: Any) -> dict[str, Any]:
    """Propose a change to many files; nothing is applied."""
    fields = fields_of(params)
    approved = known_plan(ls, id_of(fields, "plan"))
    if approved and approved.problem:
        raise RequestFailed(message=f"That plan cannot be carried out. {approved.problem}")
    request = approved.approved if approved else request_from(ls, fields)
    token = token_of(fields)
    services = await ls.services()
    request, workspace, operation = await placed(ls, services, request)
    async with failures_as_errors(operation), ls.editor.progress("Refactoring", token) as progress:
        check = checking(services, workspace, progress.report)
        seams = seams_for(services, operation, workspace, told(progress))
        seams = replace(seams, check=check, show=_shown(ls, token_of(fields, "partialResultToken")))
        proposed = await propose(request, seams)
        checks = await check(proposed.changes)
        proposed = replace(proposed, checks=(*proposed.checks, *checks))
    await ls.offer(services, proposed, workspace)
    return proposal_to_wire(proposed, ls.protocol.encoding)


def checking(services: Services, workspace: EditorWorkspace, tell: Callable[[str], None]) -> Verifying:
    """Runs the user's checks on changes to a folder as the editor shows it; `tell` hears the name of each."""

    async def check(changes: Sequence[FileChange]) -> Sequence[Check]:
        changed = {change.uri for change in changes}
        unsaved = await asyncio.to_thread(workspace.unsaved)
        beside = [change for change in unsaved if change.uri not in changed]
        return await services.check(workspace.folder, (*beside, *changes), tell)

    return Verifying(check)


def _shown(ls: TurnoutServer, token: str | int | None) -> Show:
    """Sends files as they are drafted to a client that gave a token for that."""
    if token is None:
        return show_nobody

    def show(changes: Sequence[FileChange]) -> None:
        files = [change_to_wire(change, ls.protocol.encoding) for change in changes]
        ls.protocol.notify(types.PROGRESS, types.ProgressParams(token=token, value={"files": files}))

    return show


async def proposal(ls: TurnoutServer, params: Any) -> dict[str, Any] | None:
    """What can still be applied of a proposal, an error where that is unknown; without an id of the last one.

    Null where an id is left out and nothing can be applied.
    """
    wanted = text_of(fields_of(params), "proposalId")
    services = await ls.services()
    async with failures_as_errors():
        standing = await (_looked_at(ls, services, wanted) if wanted else _last(ls, services))
    return None if standing is None else standing_to_wire(standing, ls.protocol.encoding)


async def _looked_at(ls: TurnoutServer, services: Services, proposal_id: str) -> Standing:
    return await services.proposals.look(await ls.owner(services, proposal_id), proposal_id)


async def _last(ls: TurnoutServer, services: Services) -> Standing | None:
    """The last proposal of which something can be applied; one that is discarded meanwhile is none."""
    newest = services.proposals.newest
    while last := await asyncio.to_thread(newest, ls.journalled(services).keys()):
        with suppress(ProposalUnknown):
            return await _looked_at(ls, services, last)
    return None


async def apply(ls: TurnoutServer, params: Any) -> dict[str, Any]:
    """Apply a proposal, or some of its hunks, whole or not at all."""
    fields = fields_of(params)
    proposal_id, hunks = text_of(fields, "proposalId"), texts_of(fields, "hunks")
    services = await ls.services()
    async with failures_as_errors():
        workspace = await ls.owner(services, proposal_id)
        outcome = await services.proposals.apply(workspace, proposal_id, hunks)
    return {**outcome_to_wire(outcome, "applied"), "left": list(outcome.left)}


async def undo(ls: TurnoutServer, params: Any) -> dict[str, Any]:
    """Take back what was last applied of a proposal, or of any."""
    wanted = text_of(fields_of(params), "proposalId")
    services = await ls.services()
    async with failures_as_errors():
        roots = (await ls.reachable(services)).keys()
        proposal_id = wanted or await asyncio.to_thread(services.proposals.last_applied, roots)
        outcome = await services.proposals.undo(await ls.owner(services, proposal_id), proposal_id)
    return {**outcome_to_wire(outcome, "undone"), "proposalId": proposal_id}


async def discard(ls: TurnoutServer, params: Any) -> None:
    """Forget what is not applied of a proposal."""
    proposal_id = text_of(fields_of(params), "proposalId")
    services = await ls.services()
    async with failures_as_errors():
        await asyncio.to_thread(services.proposals.discard, proposal_id)


def request_from(ls: TurnoutServer, fields: Mapping[str, Any]) -> Request:
    """What the user asked for."""
    instruction = text_of(fields, "instruction").strip()
    if not instruction:
        raise JsonRpcInvalidParams(message="instruction must say what to change.")
    uri, scope = uri_of(fields), texts_of(fields, "scope")
    if scope is not None and not scope:
        raise JsonRpcInvalidParams(message="scope names no file; leave it out to have the files found.")
    places = locations_of(fields, "references")
    references = tuple(Reference(place.uri, place.range.start.line) for place in places)
    return Request(
        instruction, uri or None, _selection(ls, uri, range_of(fields)), scope or (), None, references
    )


def plan_comes_first(services: Services, mode: str, request: Request) -> bool:
    """Whether the user wants to see a plan before any edit is written."""
    place = request.document or next(iter(request.scope), "")
    return mode == "ask" if mode else services.settings.asks_for_plan(place)


def mode_of(fields: Mapping[str, Any]) -> str:
    """Whether the client's user wants a plan: `ask`, `auto`, or empty where the settings decide."""
    mode = text_of(fields, "plan")
    if mode not in ("", "ask", "auto"):
        raise JsonRpcInvalidParams(message="plan must be ask or auto.")
    return mode


def known_plan(ls: TurnoutServer, plan_id: str) -> Plan | None:
    """The plan of that id; None without an id."""
    if not plan_id:
        return None
    found = ls.plans.find(plan_id)
    if found is None:
        raise RequestFailed(message=f"There is no plan {plan_id!r}. Ask for the plan again.")
    return found


async def placed(
    ls: TurnoutServer, services: Services, request: Request
) -> tuple[Request, EditorWorkspace, Operation]:
    """`request` with its workspace folder, and an operation to carry it out in."""
    uri = request.document or ""
    async with failures_as_errors():
        workspace = ls.folder_of(services, uri or next(iter(request.scope), ""))
    if uri and not request.scope and services.settings.folder(uri) is None:
        request = replace(
            request, scope=(uri,)
        )  # outside of every folder, the files beside it are none of our business
    return request, workspace, services.operation(request.instruction)


def _selection(ls: TurnoutServer, uri: str, value: types.Range | None) -> Span | None:
    snapshot = ls.snapshot(uri)
    if snapshot is None or value is None:
        return None
    return span_from_lsp(snapshot, value, ls.protocol.encoding)
