"""The receipt that every request leaves: where it went, why, what it cost and how long it took."""

from dataclasses import dataclass, field
from typing import Any

from turnout.core.requests import Kind


@dataclass(frozen=True, slots=True)
class SentFile:
    """Bytes of one file that were part of a prompt, and why it was chosen, where somebody chose it."""

    uri: str
    bytes: int
    why: str = field(default="", compare=False)

    def to_wire(self) -> dict[str, Any]:
        """The JSON object that clients are promised."""
        wire = {"uri": self.uri, "bytes": self.bytes}
        return {**wire, "why": self.why} if self.why else wire


@dataclass(frozen=True, slots=True)
class Send:
    """One of the models that a request went to, and what that came to."""

    model: str
    provider: str
    bytes_sent: int
    tokens_in: int
    tokens_out: int
    tokens_cached: int
    cost_usd: float | None
    estimated: bool
    leaves_machine: bool = False


@dataclass(frozen=True, slots=True)
class Receipt:
    """One request, whatever became of it.

    `outcome` is `shown`, `ahead` (before anybody asked), `answered`, `proposed`, `cancelled`, `superseded`, or with the
    reason `empty: WHY`,
    `late: WHY` (the deadline passed) or `failed: WHY`.
    `estimated` says that tokens and cost were not all counted by who served them: a stream was cut or cancelled.
    `workspace` is the folder it is for; `sends` are the models that text got to, in order, mostly one.
    `cost_usd` is None where a price is unknown; milliseconds are since the request arrived.
    `prefill_ms` to `stop_ms` are as in `requests.Timings`: the local worker's figures, None for other models.
    """

    id: str
    kind: Kind
    model: str | None
    route: tuple[str, ...]
    reason: str
    leaves_machine: bool
    files: tuple[SentFile, ...]
    bytes_sent: int
    tokens_in: int
    tokens_out: int
    tokens_cached: int
    cost_usd: float | None
    queue_ms: float | None
    context_ms: float | None
    first_token_ms: float | None
    total_ms: float
    outcome: str
    redacted: tuple[tuple[str, int], ...] = ()
    """Kinds of secrets that were taken out before anything left the machine, and how many of each."""
    tokens_evaluated: int | None = None
    """Tokens of the prompt that were read; the rest was still in the model's cache."""
    prefill_ms: float | None = None
    model_ms: float | None = None
    stop_ms: float | None = None
    estimated: bool = False
    workspace: str = ""
    sends: tuple[Send, ...] = ()
    edits: str = ""
    """The form in which edits were asked for, and why that one; empty where none were."""

    def to_wire(self) -> dict[str, Any]:
        """The JSON object that clients are promised."""
        return {
            "id": self.id,
            "kind": self.kind,
            "model": self.model,
            "route": list(self.route),
            "reason": self.reason,
            "leavesMachine": self.leaves_machine,
            "files": [file.to_wire() for file in self.files],
            "bytesSent": self.bytes_sent,
            "redacted": dict(self.redacted),
            "tokens": {
                "in": self.tokens_in,
                "out": self.tokens_out,
                "cached": self.tokens_cached,
                "evaluated": self.tokens_evaluated,
            },
            "costUsd": self.cost_usd,
            "estimated": self.estimated,
            "ms": {
                "queue": self.queue_ms,
                "context": self.context_ms,
                "prefill": self.prefill_ms,
                "firstToken": self.first_token_ms,
                "model": self.model_ms,
                "stop": self.stop_ms,
                "total": self.total_ms,
            },
            "outcome": self.outcome,
            "edits": self.edits,
        }
