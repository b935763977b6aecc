"""`turnout/preview` and `turnout/sent`: exactly what a request would send now, and what the last ones did send.

Invariant: a preview asks no model, applies nothing and leaves no receipt; the text is that of the code that sends it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from pygls.exceptions import JsonRpcInvalidParams

from turnout import git
from turnout.act.actions import Action
from turnout.act.commit_message import write_message
from turnout.act.perform import perform
from turnout.act.plans import draw_up
from turnout.act.refactor import propose
from turnout.act.seams import Seams, tell_nobody
from turnout.complete.prompts import CompletionKind
from turnout.core.previews import Preview, preview_to_wire
from turnout.core.requests import COMPLETION_KINDS, KINDS, Kind
from turnout.core.sent import Hop, hop_to_wire, sent_report
from turnout.core.withholding import Hear
from turnout.errors import FileUnusable, RequestRejected
from turnout.files import path_to_uri, uri_to_path
from turnout.lsp.action_wire import action_to_wire
from turnout.lsp.features import actions, offers, refactor
from turnout.lsp.fields import (
    diagnostics_of,
    fields_of,
    flag_of,
    id_of,
    object_of,
    position_of,
    range_of,
    text_of,
    uri_of,
)
from turnout.lsp.positions import position_from_lsp
from turnout.lsp.server import TurnoutServer
from turnout.lsp.services import Operation, Services
from turnout.lsp.work import failures_as_errors, seams_for
from turnout.lsp.workspace import EditorWorkspace

DEFAULT_SENT = 10


async def preview(ls: TurnoutServer, params: Any) -> dict[str, Any]:
    """What a request of a kind would send first if it were made now, and to whom."""
    fields = fields_of(params)
    kind = fields.get("kind")
    if kind not in KINDS:
        raise JsonRpcInvalidParams(message=f"kind must be one of {', '.join(KINDS)}, not {kind!r}.")
    services = await ls.services()
    async with failures_as_errors():
        found = await _previewed(ls, services, cast("Kind", kind), fields)
    return await asyncio.to_thread(preview_to_wire, found)


async def sent(ls: TurnoutServer, params: Any) -> dict[str, Any]:
    """What was sent last since the server started, newest first: {count?} -> {prompts, report}."""
    count = fields_of(params).get("count")
    wanted = count if isinstance(count, int) and count > 0 else DEFAULT_SENT
    services = await ls.services()
    return await asyncio.to_thread(_told, services.sent.last(wanted))


def _told(hops: Sequence[Hop]) -> dict[str, Any]:
    return {"prompts": [hop_to_wire(hop) for hop in hops], "report": "\n".join(sent_report(hops))}


async def _previewed(ls: TurnoutServer, services: Services, kind: Kind, fields: Mapping[str, Any]) -> Preview:
    if kind in COMPLETION_KINDS:
        return await _completion(ls, services, cast("CompletionKind", kind), fields)
    if kind == "refactor":
        return await _refactor(ls, services, fields)
    if kind == "commit_message":
        return await _commit_message(ls, services, uri_of(fields))
    return await _action(ls, services, kind, fields)


async def _completion(
    ls: TurnoutServer, services: Services, kind: CompletionKind, fields: Mapping[str, Any]
) -> Preview:
    snapshot, place = ls.snapshot(uri_of(fields)), position_of(fields)
    if snapshot is None or place is None:
        raise FileUnusable("There is no open document and position to complete at.")
    at = position_from_lsp(snapshot, place, ls.protocol.encoding)
    explicit = flag_of(fields, "explicit")
    wanted = await services.completer.wanted(kind, snapshot, at, explicit=explicit)
    silent = f"nothing is sent as you type here: {wanted.silence}; this is what asking by key would send"
    notes = (silent,) if wanted.silence else ()
    return await services.preview.of_ask(wanted.ask, left_out=wanted.left_out, notes=notes)


async def _refactor(ls: TurnoutServer, services: Services, fields: Mapping[str, Any]) -> Preview:
    chosen = fields.get("plan")
    plan = refactor.known_plan(ls, "" if isinstance(chosen, str) else id_of(fields, "plan"))
    asked = plan.approved if plan else refactor.request_from(ls, fields)
    request, workspace, _ = await refactor.placed(ls, services, asked)
    mode = refactor.mode_of(fields) if isinstance(chosen, str) else ""
    plans = plan is None and refactor.plan_comes_first(services, mode, request)

    async def begin(seams: Seams) -> object:
        if plans:
            return await draw_up(request, seams, services.outlook.about(request.instruction))
        # Whether there are checks to run is a part of what a model with tools is told.
        check = refactor.checking(services, workspace, lambda _name: None)
        return await propose(request, replace(seams, check=check))

    return await _work(services, workspace, begin, request.instruction)


async def _commit_message(ls: TurnoutServer, services: Services, document: str) -> Preview:
    workspace = ls.folder_of(services, document)
    staged = await git.staged(uri_to_path(document).parent if document else workspace.folder.root)

    async def begin(seams: Seams) -> object:
        return await write_message(staged, lambda path: path_to_uri(Path(staged.root) / path), seams)

    return await _work(services, workspace, begin)


async def _action(ls: TurnoutServer, services: Services, kind: Kind, fields: Mapping[str, Any]) -> Preview:
    argument = object_of(fields, "action") or await _argument(ls, kind, fields)
    action, snapshot, instruction = actions.asked_for(ls, argument)

    async def begin(seams: Seams) -> object:
        return await perform(action, snapshot, seams, instruction=instruction)

    return await _work(services, ls.folder_of(services, action.uri), begin, instruction)


async def _argument(ls: TurnoutServer, kind: Kind, fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """The argument of the first action of `kind` that is offered at a place, with what the user says about it."""
    snapshot, place = ls.snapshot(uri_of(fields)), range_of(fields)
    if snapshot is None or place is None:
        raise FileUnusable(f"There is no open document and range to {kind}.")
    offered = await offers.offered(ls, snapshot, place, diagnostics_of(fields, "diagnostics"))
    found: Action | None = next((action for action in offered if action.kind == kind), None)
    if found is None:
        raise RequestRejected(
            f"No {kind} is offered here.",
            advice="Select the lines, or put the cursor into a function or onto a problem.",
        )
    said = text_of(fields, "instruction")
    return {**action_to_wire(found, snapshot), **({"instruction": said} if said else {})}


async def _work(
    services: Services,
    workspace: EditorWorkspace,
    begin: Callable[[Seams], Awaitable[object]],
    instruction: str = "",
) -> Preview:
    async def begun(operation: Operation, hear: Hear) -> object:
        seams = seams_for(services, operation, workspace, tell_nobody)
        return await begin(replace(seams, left_out=hear))

    return await services.preview.of_work(begun, instruction)
