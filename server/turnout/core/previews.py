"""What a request would send if it were made now, in words for its user and as clients are promised it.

Invariant: `text` is what would go out, byte for byte, once everything was taken out that may not leave.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from turnout.core.explaining import route_to_wire
from turnout.core.models import Model
from turnout.core.prompts import ChatPrompt, Message, Prompt
from turnout.core.receipts import SentFile
from turnout.core.requests import Elimination, Route
from turnout.core.routing import NOT_IN_CHAIN
from turnout.core.withholding import LeftOut

_RULE = "-" * 72


@dataclass(frozen=True, slots=True)
class Preview:
    """The first prompt of a request: the body for `url`, or where that is empty what the model process here is given.

    `prompt` is the same before it is written down for its API; `redacted` are the kinds of secrets that were taken out,
    and how many of each; `passed` says why models before this one would not be asked, `notes` what else there is to
    know.
    """

    route: Route
    model: Model
    url: str
    text: str
    prompt: Prompt
    redacted: tuple[tuple[str, int], ...] = ()
    files: tuple[SentFile, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    passed: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    asks_first: bool = False
    """Whether the user would be asked before it goes."""


def preview_to_wire(preview: Preview) -> dict[str, Any]:
    """The JSON object that clients are promised; `report` is the same as a page of text."""
    return {
        "kind": preview.route.kind,
        "route": route_to_wire(preview.route),
        "model": preview.model.name,
        "leavesMachine": preview.model.leaves_machine,
        "askBeforeLeaving": preview.asks_first,
        "url": preview.url or None,
        "text": preview.text,
        "redacted": dict(preview.redacted),
        "files": [file.to_wire() for file in preview.files],
        "leftOut": [{"path": out.path, "reason": out.reason} for out in preview.left_out],
        "passedOver": list(preview.passed),
        "notes": list(preview.notes),
        "report": "\n".join(report(preview)),
    }


def report(preview: Preview) -> Iterator[str]:
    """The preview as lines of text: the decision, what it is made of, and all of it at the end."""
    yield f"What {preview.route.kind} would send now. Nothing was sent."
    yield f"model: {preview.model.name}, by {preview.route.why}"
    yield from (f"passed over: {passed}" for passed in preview.passed)
    yield from (
        f"passed over: {out.model}: {out.reason} ({out.source})" for out in _near_misses(preview.route)
    )
    yield from made_of(preview)
    if preview.url:
        yield from ("", _RULE, "The same to be read:", _RULE, *readable(preview.prompt).split("\n"))
    size = len(preview.text.encode("utf-8", "replace"))
    title = f"All of it, {size:,} bytes:" if preview.url else "What the model process is handed:"
    yield from ("", _RULE, title, _RULE, preview.text)


def _near_misses(route: Route) -> Iterator[Elimination]:
    """Models that the route names and the request may not use."""
    return (out for out in route.eliminated if out.reason != NOT_IN_CHAIN)


def made_of(preview: Preview) -> Iterator[str]:
    """Where the text comes from, what was kept out of it and where it would go."""
    yield from source_lines(preview.files, preview.route.workspace)
    yield from (f"left out: {out.path}: {out.reason}" for out in preview.left_out)
    yield from (f"note: {note}" for note in preview.notes)
    yield from sending_lines(preview.model.name, preview.url, preview.redacted, asks=preview.asks_first)


def source_lines(files: tuple[SentFile, ...], workspace: str) -> Iterator[str]:
    """One line for each text, with its file, its size and why it is there."""
    for file in files:
        size = f", {file.bytes:,} bytes" if file.bytes else ""
        yield f"from: {_named(file.uri, workspace)}{size}{file.why and f' ({file.why})'}"


def sending_lines(
    model: str, url: str, redacted: tuple[tuple[str, int], ...], *, asks: bool
) -> Iterator[str]:
    """Where it goes, and what was taken out first."""
    if asks:
        yield "you would be asked first"
    yield f"{model}: POST {url}" if url else f"{model}: to the model on this machine"
    if redacted:
        yield f"taken out: {', '.join(f'{count} x {kind}' for kind, count in redacted)}"


def readable(prompt: Prompt) -> str:
    """A prompt as text: what a model process here lays out in tokens, and what a body holds between its quotes."""
    # An editor may hold half of a surrogate pair, which no page can.
    return "\n".join(_parts(prompt)).encode("utf-8", "replace").decode()


def _parts(prompt: Prompt) -> Iterator[str]:
    if isinstance(prompt, ChatPrompt):
        yield from (f"[tool {tool.name}]\n{tool.description}" for tool in prompt.tools)
        for message in prompt.messages:
            yield from _turns(message)
    else:
        yield from (f"[{chunk.path}: {chunk.source}]\n{chunk.text.rstrip()}" for chunk in prompt.context)
        yield f"[{prompt.path}]\n{prompt.prefix}[cursor]{prompt.suffix}"


def _turns(message: Message) -> Iterator[str]:
    yield f"[{message.role}]\n{message.content}"
    yield from (f"[call of {call.name}]\n{call.arguments}" for call in message.calls)


def _named(uri: str, workspace: str) -> str:
    """A file as its user knows it: its path in the workspace, where it is there."""
    path = unquote(uri.removeprefix("file://")) if uri.startswith("file://") else uri
    return path.removeprefix(f"{workspace.rstrip('/')}/") if workspace else path
