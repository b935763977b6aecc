"""`textDocument/inlineCompletion`, `textDocument/completion`, and what became of what they showed."""

import asyncio
import re
from collections.abc import Mapping
from typing import Any

from lsprotocol import types

from turnout.complete import Completion
from turnout.core.documents import Position, Snapshot, Span, line_body
from turnout.lsp.positions import position_from_lsp, span_to_lsp
from turnout.lsp.server import TurnoutServer

ACCEPTED_COMMAND = "turnout.didAccept"

MENU_WAIT_S = 0.15
"""No longer than language servers take themselves: their lists wait for ours."""

MAX_ID = 64
"""Characters of an id that anybody here gave out."""

_WORD_END = re.compile(r"\w*$")


async def inline(ls: TurnoutServer, params: types.InlineCompletionParams) -> types.InlineCompletionList:
    """Ghost text at the cursor: one item or none."""
    # The snapshot is taken before anything is awaited: it is the text that the client asked about.
    snapshot = ls.snapshot(params.text_document.uri)
    if snapshot is None:
        return types.InlineCompletionList(items=[])
    if params.context.selected_completion_info is not None:
        services = await ls.services()
        at = position_from_lsp(snapshot, params.position, ls.protocol.encoding)
        services.completer.note(snapshot.uri, at, "an item of the completion menu is selected")
        return types.InlineCompletionList(items=[])
    explicit = params.context.trigger_kind == types.InlineCompletionTriggerKind.Invoked
    completion = await _complete(ls, snapshot, params.position, explicit=explicit)
    return types.InlineCompletionList(items=[_inline_item(ls, snapshot, completion)] if completion else [])


async def popup(ls: TurnoutServer, params: types.CompletionParams) -> types.CompletionList:
    """One item for the completion menu of a client that has no ghost text."""
    snapshot = ls.snapshot(params.text_document.uri)
    # Where the client shows ghost text, the same text in its menu would be asked for and shown twice.
    if snapshot is None or _shows_ghost_text(ls):
        return types.CompletionList(is_incomplete=False, items=[])
    completion = await _soon(ls, snapshot, params.position)
    items = [_popup_item(ls, snapshot, completion)] if completion else []
    return types.CompletionList(is_incomplete=True, items=items)


def shown(ls: TurnoutServer, params: Any) -> None:
    """Keep that a suggestion was shown."""
    services = ls.services_now()
    if (known := _note(ls, params, "shown")) and services is not None:
        services.completer.shown(known)


def accepted(ls: TurnoutServer, params: Any) -> None:
    """Keep how much of a suggestion was accepted."""
    fields = params if isinstance(params, Mapping) else {}
    how, length = fields.get("accepted"), fields.get("length")
    kind = how if how in ("full", "word", "line") else "full"
    _accept(ls, fields, kind, length if isinstance(length, int) else None)


def rejected(ls: TurnoutServer, params: Any) -> None:
    """Keep that a suggestion was rejected."""
    services = ls.services_now()
    if (known := _note(ls, params, "rejected")) and services is not None:
        services.completer.rejected(known)


def accepted_by_command(ls: TurnoutServer, params: types.ExecuteCommandParams) -> None:
    """What an editor without our client runs when a suggestion is accepted."""
    _accept(ls, {"id": next(iter(params.arguments or ()), None)}, "full", None)


def _accept(server: TurnoutServer, fields: Mapping[str, Any], how: str, length: int | None) -> None:
    services = server.services_now()
    if (known := _note(server, fields, f"accepted {how}", length)) and services is not None:
        services.completer.accepted(known, how)
        services.kept.accepted(known, how, length)


async def _complete(
    server: TurnoutServer, snapshot: Snapshot, position: types.Position, *, explicit: bool
) -> Completion | None:
    document = server.document(snapshot.uri)
    services = await server.services()
    if server.document(snapshot.uri) is not document:
        return None  # it was closed while the server got ready
    at = position_from_lsp(snapshot, position, server.protocol.encoding)
    return await services.completer.complete("inline", snapshot, at, explicit=explicit)


async def _soon(server: TurnoutServer, snapshot: Snapshot, position: types.Position) -> Completion | None:
    """What a menu can show within `MENU_WAIT_S`, also while the server starts."""
    loop = asyncio.get_running_loop()
    until_s = loop.time() + MENU_WAIT_S
    document = server.document(snapshot.uri)
    try:
        async with asyncio.timeout_at(until_s):
            services = await server.services()
    except TimeoutError:
        return None
    if server.document(snapshot.uri) is not document:
        return None
    at = position_from_lsp(snapshot, position, server.protocol.encoding)
    return await services.completer.soon(snapshot, at, within_s=max(0.0, until_s - loop.time()))


def _inline_item(
    server: TurnoutServer, snapshot: Snapshot, completion: Completion
) -> types.InlineCompletionItem:
    return types.InlineCompletionItem(
        insert_text=completion.text,
        # Always sent: Neovim 0.12.0 fails on an item without it.
        range=_range(server, snapshot, completion),
        command=types.Command(title="Turnout: accepted", command=ACCEPTED_COMMAND, arguments=[completion.id]),
    )


def _popup_item(server: TurnoutServer, snapshot: Snapshot, completion: Completion) -> types.CompletionItem:
    line = (
        line_body(snapshot.rows[completion.position.line])
        if completion.position.line < len(snapshot.rows)
        else ""
    )
    head = line[: completion.position.character]
    word = _WORD_END.findall(head)[0]
    first = completion.text.split("\n", 1)[0]
    return types.CompletionItem(
        label=(word + first)[:120] or "…",
        kind=types.CompletionItemKind.Text,
        detail="Turnout",
        documentation=_documentation(server, snapshot.language, head + completion.text, completion),
        filter_text=word + completion.text,
        insert_text_format=types.InsertTextFormat.PlainText,
        text_edit=types.TextEdit(_range(server, snapshot, completion), completion.text),
        command=types.Command(title="Turnout: accepted", command=ACCEPTED_COMMAND, arguments=[completion.id]),
    )


def _range(server: TurnoutServer, snapshot: Snapshot, completion: Completion) -> types.Range:
    """What is replaced: nothing, or closers behind the cursor on its line."""
    line, column = completion.position
    end = Position(line, column + completion.replaces)
    return span_to_lsp(snapshot, Span(completion.position, end), server.protocol.encoding)


def _documentation(
    server: TurnoutServer, language: str, code: str, completion: Completion
) -> types.MarkupContent | str:
    """What the item inserts, as code where the client takes Markdown, and where it came from."""
    text = server.protocol.client_capabilities.text_document
    item = text.completion.completion_item if text and text.completion else None
    source = _source(completion)
    if item and types.MarkupKind.Markdown in (item.documentation_format or ()):
        return types.MarkupContent(types.MarkupKind.Markdown, f"```{language}\n{code}\n```\n{source}")
    return f"{code}\n\n{source}"


def _source(completion: Completion) -> str:
    """The receipt in a line: who wrote it, where, how fast and for how much."""
    receipt = completion.receipt
    if receipt is None:
        return "from memory: no model was asked"
    where = "elsewhere" if receipt.leaves_machine else "on this machine"
    cost = "at an unknown price" if receipt.cost_usd is None else f"${receipt.cost_usd:.4f}"
    cost = "" if receipt.cost_usd == 0 else f", {cost}"
    tokens = f"{receipt.tokens_in} + {receipt.tokens_out} tokens"
    alias = receipt.model or ""
    model = alias if completion.model in ("", alias) else f"{completion.model} ({alias})"
    return f"{model} {where}, {receipt.total_ms:.0f} ms, {tokens}{cost}"


def _shows_ghost_text(server: TurnoutServer) -> bool:
    text = server.protocol.client_capabilities.text_document
    return bool(text and text.inline_completion)


def _note(server: TurnoutServer, params: Any, event: str, length: int | None = None) -> str:
    """Keep what became of a suggestion; its id, or nothing where there is none that could be."""
    services = server.services_now()
    receipt_id = params.get("id") if isinstance(params, Mapping) else None
    if services is None or not isinstance(receipt_id, str) or len(receipt_id) > MAX_ID:
        return ""
    services.records.event(receipt_id, event, length)
    return receipt_id
