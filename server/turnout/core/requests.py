"""What a request is, which model it may go to, and what came back: plain data shared by every layer.

Invariant: nothing here does I/O, and every value is frozen.
"""

from asyncio import Future
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeAlias, get_args

Kind = Literal[
    "inline", "popup", "fix", "rewrite", "refactor", "document", "test", "explain", "commit_message"
]
"""What the user asked for; a route is chosen for the kind first."""

KINDS: tuple[Kind, ...] = get_args(Kind)

COMPLETION_KINDS: frozenset[Kind] = frozenset({"inline", "popup"})
"""Kinds answered by filling in the middle; the others are answered by chat."""

Api = Literal["local", "anthropic", "openai-chat", "completions", "mistral-fim", "llama-infill"]
"""How a model is spoken to; `local` is the worker on this machine, the last three only fill holes."""

Server = Literal["llama-server", "vllm", "sglang", "tabbyapi"]
"""Servers of raw completions that can be told how an answer has to begin, each in its own words."""

LeavesMachine = Literal["never", "ask", "allow"]

SecretsMode = Literal["block", "redact", "off"]
"""What becomes of secrets in the text of a prompt that leaves the machine, the strictest first."""


@dataclass(frozen=True, slots=True)
class Model:
    """One entry of `[models.NAME]` with catalogue values filled in.

    Prices are US dollars per million tokens, None where unknown.
    `family` and `server` matter to raw completions only: whose tokens describe a hole, and what program answers.
    `key` is a reference such as `env:ANTHROPIC_API_KEY`, never the key itself.
    """

    name: str
    api: Api
    model: str
    engine: str = "auto"
    path: str | None = None
    base_url: str | None = None
    key: str | None = None
    leaves_machine: bool = False
    jurisdiction: str | None = None
    context_tokens: int = 4096
    input_usd: float | None = None
    output_usd: float | None = None
    family: str | None = None
    server: Server | None = None

    def cost_usd(self, input_tokens: int, output_tokens: int) -> float | None:
        """Price of a request of that many tokens; None where a price is unknown, 0 where text stays here."""
        if self.api == "local":
            return 0.0
        if self.input_usd is None or self.output_usd is None:
            return None
        return (input_tokens * self.input_usd + output_tokens * self.output_usd) / 1_000_000


@dataclass(frozen=True, slots=True)
class Elimination:
    """A model that the request may not or cannot use, why, and the setting (`file:line key`) that says so."""

    model: str
    reason: str
    source: str


@dataclass(frozen=True, slots=True)
class Route:
    """The decision for one request: candidates in order of preference, and every model passed over."""

    kind: Kind
    candidates: tuple[Model, ...]
    eliminated: tuple[Elimination, ...]
    reason: str
    """Why this chain: the setting that named it, such as `built-in defaults: routes.inline`."""
    deadline_ms: int | None = None
    ask_before_leaving: bool = True
    """True where the user has to agree before text goes to a model with `leaves_machine`."""
    limit_usd: float | None = None
    """Dollars that one request may cost as things stand, None without a budget."""
    secrets: SecretsMode = "redact"
    """What becomes of secrets in text that goes to a model with `leaves_machine`."""
    secrets_source: str = ""


@dataclass(frozen=True, slots=True)
class ContextChunk:
    """Text from another place shown to the model; `source` says why it was chosen, `path` is workspace-relative."""

    path: str
    text: str
    source: str


@dataclass(frozen=True, slots=True)
class FimPrompt:
    """A hole to fill; tokens, layout and healing are the worker's business.

    `document` identifies the text across requests, so that its key/value cache is found again.
    `shape` is how much is wanted: one `line`, or a `block` that may span several.
    `kind` decides who goes first where several wait for one engine.
    """

    document: str
    path: str
    prefix: str
    suffix: str
    context: tuple[ContextChunk, ...] = ()
    shape: Literal["line", "block"] = "line"
    max_tokens: int = 64
    kind: Literal["inline", "popup"] = "inline"


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a chat."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class ChatPrompt:
    """A conversation whose next turn is wanted; `document` as in `FimPrompt`, for cache reuse."""

    messages: tuple[Message, ...]
    max_tokens: int = 2048
    temperature: float = 0.0
    stop: tuple[str, ...] = ()
    document: str = ""


Prompt: TypeAlias = FimPrompt | ChatPrompt


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as the backend counted them; `cached` is the part of `input` that cost no evaluation."""

    input: int = 0
    output: int = 0
    cached: int = 0
    estimated: bool = False


@dataclass(frozen=True, slots=True)
class Timings:
    """Milliseconds since the request was sent to the backend; None where it never came to that, or nobody told.

    `queue`, `prefill` (the prompt alone), `model` (all that the model took) and `stop` (from a cancel, or from the
    request that superseded this one, until the model was free) are the local worker's own figures.
    """

    queue: float | None = None
    first_token: float | None = None
    total: float | None = None
    prefill: float | None = None
    model: float | None = None
    stop: float | None = None


Finish = Literal["stop", "length", "cancelled", "superseded"]


@dataclass(frozen=True, slots=True)
class Delta:
    """Text as it arrives."""

    text: str


@dataclass(frozen=True, slots=True)
class Done:
    """The last item of every successful stream."""

    finish: Finish
    usage: Usage = field(default_factory=Usage)
    timings: Timings = field(default_factory=Timings)


@dataclass(frozen=True, slots=True)
class Waiting:
    """Nothing comes yet, and why: `the worker is loading the model`."""

    reason: str


@dataclass(frozen=True, slots=True)
class Account:
    """Where it will stand what the request came to, also if its stream is closed before the end.

    None means that nobody will know. It is settled whatever happens, and soon.
    """

    settled: "Future[Done | None]"


StreamItem: TypeAlias = Delta | Done | Waiting | Account


class Backend(Protocol):
    """Something that runs prompts: the local worker, or a remote API.

    A stream yields any number of `Delta`s and then exactly one `Done`, or raises a `BackendError`.
    One that can tell more begins with an `Account`, and has a `Waiting` ahead of the first `Delta`.
    Closing the iterator (`aclose`) cancels the request down to the model.
    """

    def stream(self, model: Model, prompt: Prompt) -> AsyncIterator[StreamItem]:
        """Run `prompt` on `model`."""
        ...
