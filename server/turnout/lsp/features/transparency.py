"""`turnout/explain`, `turnout/models`, `turnout/why`, `turnout/receipts` and `turnout/spend`.

They say where requests go and why, why nothing was shown, what was done and what it cost.
"""

import asyncio
from typing import Any, cast

from pygls.exceptions import JsonRpcInvalidParams

from turnout.core.requests import KINDS, Kind
from turnout.lsp.fields import fields_of, position_of, uri_of
from turnout.lsp.positions import position_from_lsp
from turnout.lsp.server import TurnoutServer

DEFAULT_RECEIPTS = 20
MAX_RECEIPTS = 1000
DEFAULT_DAYS = 30
MAX_DAYS = 366


async def explain(ls: TurnoutServer, params: Any) -> dict[str, Any]:
    """The decision for a kind of request, and why each other model was passed over."""
    fields = fields_of(params)
    kind = fields.get("kind")
    if kind not in KINDS:
        raise JsonRpcInvalidParams(message=f"kind must be one of {', '.join(KINDS)}, not {kind!r}.")
    services = await ls.services()
    asked, uri = cast("Kind", kind), uri_of(fields)
    await services.settings.ready(asked, (uri,) if uri else ())
    return services.settings.explain(asked, uri)


async def models(ls: TurnoutServer, params: Any) -> dict[str, Any]:
    """Every model of the settings, where it is reached and whether its key is there."""
    services = await ls.services()
    return {"models": await services.settings.models(uri_of(fields_of(params)))}


async def why(ls: TurnoutServer, params: Any) -> dict[str, str]:
    """Why the last completion request in a document showed nothing."""
    fields = fields_of(params)
    document = ls.document(uri_of(fields))
    if document is None:
        return {"reason": "this document is not open in the server"}
    if document.skipped:
        return {"reason": document.skipped}
    services = await ls.services()
    asked = position_of(fields)
    at = position_from_lsp(document.snapshot(), asked, ls.protocol.encoding) if asked else None
    return {"reason": services.completer.why(document.uri, at)}


async def receipts(ls: TurnoutServer, params: Any) -> dict[str, Any]:
    """The newest receipts of the user, newest first: {count?} -> {receipts}."""
    count = fields_of(params).get("count")
    wanted = min(count, MAX_RECEIPTS) if isinstance(count, int) and count > 0 else DEFAULT_RECEIPTS
    services = await ls.services()
    return {"receipts": await asyncio.to_thread(services.records.last, wanted)}


async def spend(ls: TurnoutServer, params: Any) -> dict[str, Any]:
    """What the last days cost by day, model and kind: {days?} -> {rows}."""
    days = fields_of(params).get("days")
    wanted = min(days, MAX_DAYS) if isinstance(days, int) and days > 0 else DEFAULT_DAYS
    services = await ls.services()
    return {"rows": await asyncio.to_thread(services.records.spend, wanted)}
