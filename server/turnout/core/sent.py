"""What was sent to a model, byte for byte, in words for its user and as clients are promised it.

Invariant: the text is kept in memory alone, and is no part of what this module makes but where its user asks to see it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from turnout.core.models import Model
from turnout.core.previews import readable, sending_lines, source_lines
from turnout.core.prompts import Prompt
from turnout.core.receipts import SentFile
from turnout.core.requests import Kind

_RULE = "-" * 72


@dataclass(slots=True)
class Hop:
    """One send: a first try, a turn of a conversation, a retry, a fallback or a hedge.

    `request` is the id of the receipt that it is counted in. `body` went to `url`, which is empty for the model process
    here: that one was handed `prompt`. `state` says what became of it.
    """

    request: str
    at: datetime
    kind: Kind
    model: Model
    prompt: Prompt = field(repr=False)
    size: int
    """Bytes of the text in the prompt."""
    url: str = ""
    body: bytes = field(default=b"", repr=False)
    files: tuple[SentFile, ...] = ()
    redacted: tuple[tuple[str, int], ...] = ()
    workspace: str = ""
    state: str = "under way"

    @property
    def bytes_kept(self) -> int:
        """How much memory it takes, near enough: a body is kept beside the prompt that it was made of."""
        return len(self.body) + self.size

    @property
    def text(self) -> str:
        """All that was sent."""
        return self.body.decode() if self.url else readable(self.prompt)


def hop_to_wire(hop: Hop) -> dict[str, Any]:
    """The JSON object that clients are promised."""
    text = hop.text
    return {
        "request": hop.request,
        "at": hop.at.isoformat(timespec="seconds"),
        "kind": hop.kind,
        "model": hop.model.name,
        "leavesMachine": hop.model.leaves_machine,
        "url": hop.url or None,
        "text": text,
        "bytes": len(text.encode("utf-8", "replace")),
        "redacted": dict(hop.redacted),
        "files": [file.to_wire() for file in hop.files],
        "state": hop.state,
    }


def sent_report(hops: Iterable[Hop]) -> Iterator[str]:
    """The sends as a page of text, in the order given."""
    shown = list(hops)
    if not shown:
        yield "Nothing was sent to any model since this server started."
    for hop in shown:
        yield from (_RULE, f"{hop.at:%Y-%m-%d %H:%M:%S} {hop.kind}, {hop.state} (request {hop.request})")
        yield from source_lines(hop.files, hop.workspace)
        yield from sending_lines(hop.model.name, hop.url, hop.redacted, asks=False)
        if hop.url:
            yield from ("", "To be read:", "", *readable(hop.prompt).split("\n"))
        size = len(hop.text.encode("utf-8", "replace"))
        title = f"All of it, {size:,} bytes:" if hop.url else "What the model process was handed:"
        yield from ("", title, "", hop.text, "")
