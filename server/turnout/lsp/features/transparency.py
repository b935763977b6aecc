"""`turnout/explain`, `turnout/why` and `turnout/receipts`: where requests go, why nothing was shown, what was done."""

import asyncio
from typing import Any, cast

from pygls.exceptions import JsonRpcInvalidParams

from turnout.core.requests import KINDS, Kind
from turnout.lsp.fields import fields_of, position_of, uri_of
from turnout.lsp.positions import position_from_lsp
from turnout.lsp.server import TurnoutServer

DEFAULT_RECEIPTS = 20
MAX_RECEIPTS = 1000


async def explain(ls: TurnoutServer, params: Any) -> dict[str, Any]:
    """The decision for a kind of request, and why each other model was passed over."""
    fields = fields_of(params)
    kind = fields.get("kind")
    if kind not in KINDS:
        raise JsonRpcInvalidParams(message=f"kind must be one of {', '.join(KINDS)}, not {kind!r}.")
    services = await ls.services()
    return services.settings.explain(cast("Kind", kind), uri_of(fields))


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
