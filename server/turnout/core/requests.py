"""What a request is, which model it may go to, and what came back: plain data shared by every layer.

Invariant: nothing here does I/O, and every value is frozen.
"""

from asyncio import Future
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol, TypeAlias, get_args

from turnout.core.fim.layout import Window
from turnout.core.limits import Limit, WhenSpent

Kind = Literal[
    "inline", "popup", "fix", "rewrite", "refactor", "document", "test", "explain", "commit_message"
]
"""What the user asked for; a route is chosen for the kind first."""

KINDS: tuple[Kind, ...] = get_args(Kind)

COMPLETION_KINDS: frozenset[Kind] = frozenset({"inline", "popup"})
"""Kinds answered by filling in the middle; the others are answered by chat."""

Api = Literal[
    "local",
    "anthropic",
    "openai-responses",
    "openai-chat",
    "completions",
    "mistral-fim",
    "llama-infill",
]
"""How a model is spoken to; `local` is the worker on this machine, the last three only fill holes."""

Server = Literal[
    "llama-server",
    "vllm",
    "sglang",
    "tabbyapi",
    "ollama",
    "litellm",
    "openai",
    "zai",
    "moonshot",
    "deepseek",
    "gemini",
    "openrouter",
    "mistral",
]
"""Programs and providers that speak an OpenAI-compatible API in their own way; the host tells the hosted ones."""

LeavesMachine = Literal["never", "ask", "allow"]

Strategy = Literal["order", "cheapest", "fastest", "weighted"]
"""How the models of a route are put in order."""

Tier = Literal["simple", "standard", "complex"]
"""How hard a request is taken to be."""

TIERS: tuple[Tier, ...] = get_args(Tier)

SecretsMode = Literal["block", "redact", "off"]
"""What becomes of secrets in the text of a prompt that leaves the machine, the strictest first."""

EditStyle = Literal["blocks", "whole_file"]
"""SEARCH/REPLACE blocks for any number of files, or one file at a time as a whole."""

_WRITING_APIS: frozenset[Api] = frozenset({"anthropic"})
"""APIs that ask more for input that goes to their cache."""

_WRITE_FACTOR = 1.25
"""Price of input that goes to a cache for minutes, as a multiple of that of input; holds where it is not known."""

_MARKUP = 10
"""How far above our prices a gateway's may be."""

_CACHE_SHARE = 0.1
"""Part of the price of input that is asked for what comes from a cache, at the least."""


@dataclass(frozen=True, slots=True)
class Model:
    """One entry of `[models.NAME]` with catalogue values filled in.

    Prices are US dollars per million tokens, None where unknown; `cache_read_usd` and `cache_write_usd` are of the
    parts of the input that come from the API's prompt cache and go to it.
    `family` matters to raw completions only: whose tokens describe a hole. `server` is what program answers.
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
    cache_read_usd: float | None = None
    cache_write_usd: float | None = None
    tools: bool = False
    """Whether it is known to call tools."""
    edits: EditStyle | None = None
    """How it writes edits, where its user has found out; None leaves that to what is known of its kind."""

    def cost_usd(
        self, input_tokens: int, output_tokens: int, *, cached_tokens: int = 0, written_tokens: int = 0
    ) -> float | None:
        """Price of a request of that many tokens; None where a price is unknown, 0 for a local model.

        `cached_tokens` and `written_tokens` are the parts of the input that came from the API's cache and went to it.
        Where their prices are unknown, the cost is the most that it can be.
        """
        if self.api == "local":
            return 0.0
        if self.input_usd is None or self.output_usd is None:
            return None
        read_usd = self.input_usd if self.cache_read_usd is None else self.cache_read_usd
        plain_tokens = max(0, input_tokens - cached_tokens - written_tokens)
        return (
            plain_tokens * self.input_usd
            + cached_tokens * read_usd
            + written_tokens * self._write_usd(self.input_usd)
            + output_tokens * self.output_usd
        ) / 1_000_000

    def cost_of(self, usage: "Usage") -> float | None:
        """Price of what a request used, as a gateway told it or else by our prices; None where a price is unknown."""
        if usage.cost_usd is not None:
            return usage.cost_usd
        return self.cost_usd(
            usage.input, usage.output, cached_tokens=usage.cached, written_tokens=usage.written
        )

    def checked(self, usage: "Usage") -> "Usage":
        """`usage` without a cost that our prices contradict, so that those count instead.

        A gateway may charge more than its provider. Less than its prices for the same tokens it hardly does, while a
        plan with keys of one's own makes it say only its own part: so what is told is never believed below them, and
        whoever really pays less enters that. Far above them it counts wrongly, and then nobody knows.
        """
        least_usd, most_usd = self._least_usd(usage), self.worst_usd(usage.input, usage.output)
        if usage.cost_usd is None or not most_usd or least_usd is None:
            return usage
        if usage.cost_usd < least_usd:
            return replace(usage, cost_usd=None)
        if usage.cost_usd > most_usd * _MARKUP:
            return replace(usage, cost_usd=None, estimated=True)
        return usage

    def _least_usd(self, usage: "Usage") -> float | None:
        """Price of `usage`, what came from a cache at a tenth of it where no price is known for that."""
        plain_usd = self.cost_usd(usage.input, usage.output, cached_tokens=usage.cached)
        if plain_usd is None or self.input_usd is None or self.cache_read_usd is not None:
            return plain_usd
        return plain_usd - usage.cached * self.input_usd * (1 - _CACHE_SHARE) / 1_000_000

    def worst_usd(self, input_tokens: int, output_tokens: int) -> float | None:
        """Most that a request of at most that many tokens can cost: also if all of its input goes to the cache."""
        dearer = self.api in _WRITING_APIS
        if self.cache_write_usd is not None:
            dearer = self.input_usd is not None and self.cache_write_usd > self.input_usd
        return self.cost_usd(input_tokens, output_tokens, written_tokens=input_tokens if dearer else 0)

    def _write_usd(self, input_usd: float) -> float:
        return _WRITE_FACTOR * input_usd if self.cache_write_usd is None else self.cache_write_usd


@dataclass(frozen=True, slots=True)
class Elimination:
    """A model that the request may not or cannot use, why, and the setting (`file:line key`) that says so."""

    model: str
    reason: str
    source: str


@dataclass(frozen=True, slots=True)
class Note:
    """Why a candidate stands where it stands in a route, where that is not its place in the chain as written."""

    model: str
    text: str


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
    limits: tuple[Limit, ...] = ()
    """What the ledger holds every send to, so that requests made at once do not spend the same dollars."""
    when_spent: WhenSpent = "degrade"
    """What becomes of a send that one of `limits` has no room for; `limit_usd` holds in any case."""
    workspace: str = ""
    """Folder whose money is spent, as the ledger names it."""
    first_token_ms: int | None = None
    """Time for the first text of one candidate, after which the next one is asked."""
    hedge_ms: int | None = None
    """Time without text after which the next candidate is asked beside the first; None where that is not wanted."""
    strategy: Strategy = "order"
    tier: Tier | None = None
    """What the request was taken for, where its route has chains for tiers; `tier_reason` says what made it so."""
    tier_reason: str = ""
    notes: tuple[Note, ...] = ()
    """Why candidates stand where they stand, where that is not as written."""
    secrets: SecretsMode = "redact"
    """What becomes of secrets in text that goes to a model with `leaves_machine`."""
    secrets_source: str = ""

    @property
    def why(self) -> str:
        """The whole of the reasons for these candidates in this order, for a receipt."""
        said = [self.reason]
        if self.tier is not None:
            said.append(f"taken to be {self.tier}: {self.tier_reason}")
        if self.strategy != "order":
            said.append(f"ordered by {self.strategy}")
        said += (f"{note.model} {note.text}" for note in self.notes)
        return "; ".join(said)


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
    `kind` decides who goes first where several wait for one engine; for what is asked `ahead` nobody waits.
    `window` is how much of each part a model on this machine is to read, None for its engine's own measure. `plain`
    asks for the usual order of prefix, suffix, middle in place of the one that was found to be better.
    """

    document: str
    path: str
    prefix: str
    suffix: str
    context: tuple[ContextChunk, ...] = ()
    shape: Literal["line", "block"] = "line"
    max_tokens: int = 64
    kind: Literal["inline", "popup", "ahead"] = "inline"
    window: Window | None = None
    plain: bool = False


@dataclass(frozen=True, slots=True)
class Tool:
    """A function that a model may ask for; `parameters` is the JSON Schema of its arguments, as text."""

    name: str
    description: str
    parameters: str


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A function that a model asks for; `arguments` is a JSON object, as text.

    `seal` is what its API wants to have back with the call: JSON in its own form, empty for most.
    """

    id: str
    name: str
    arguments: str
    seal: str = ""


@dataclass(frozen=True, slots=True)
class Thought:
    """What a model thought ahead of its tool calls: JSON in the form of `api`, for that very model to read again.

    It may quote all that the model was shown, so it goes to no other: `name` is the entry of the settings and
    `base_url` its endpoint, since one `model` may be served in two places.
    """

    name: str
    base_url: str | None
    leaves_machine: bool
    api: Api
    model: str
    data: str

    @classmethod
    def of(cls, model: Model, data: str) -> "Thought":
        """A thought of `model`."""
        return cls(model.name, model.base_url, model.leaves_machine, model.api, model.model, data)

    def is_of(self, model: Model) -> bool:
        """Whether `model` thought it, at the endpoint that it has now."""
        return self == Thought.of(model, self.data)


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a chat.

    An assistant's turn may hold `calls`, and the `thoughts` that led to them; a tool's turn answers the call `call_id`.
    """

    role: Literal["system", "user", "assistant", "tool"]
    content: str
    calls: tuple[ToolCall, ...] = ()
    thoughts: tuple[Thought, ...] = ()
    call_id: str = ""


@dataclass(frozen=True, slots=True)
class ChatPrompt:
    """A conversation whose next turn is wanted; `document` as in `FimPrompt`, for cache reuse.

    `must_call` asks for a call of one of `tools`, where the model's API can be asked for that.
    `tags` say to a gateway what it is spent on; no other model hears them.
    `edits` is for the receipt: the form of the edits that it asks for, and why that one.
    """

    messages: tuple[Message, ...]
    max_tokens: int = 2048
    temperature: float = 0.0
    stop: tuple[str, ...] = ()
    document: str = ""
    tools: tuple[Tool, ...] = ()
    must_call: bool = False
    tags: tuple[str, ...] = ()
    edits: str = ""


Prompt: TypeAlias = FimPrompt | ChatPrompt


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as the backend counted them.

    `cached` is the part of `input` that cost no evaluation, `written` the part that went to the API's prompt cache.
    `cost_usd` is what a gateway says that the request cost, None where nobody said.
    """

    input: int = 0
    output: int = 0
    cached: int = 0
    estimated: bool = False
    written: int = 0
    cost_usd: float | None = None


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
    """The last item of every successful stream; `calls` are whole and among the tools that were offered."""

    finish: Finish
    usage: Usage = field(default_factory=Usage)
    timings: Timings = field(default_factory=Timings)
    calls: tuple[ToolCall, ...] = ()
    thoughts: tuple[Thought, ...] = ()


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


@dataclass(frozen=True, slots=True)
class Departing:
    """Everything that a send takes is there, and `body` goes out to `url` once the next item is asked for.

    Until then nothing has left, so that whoever reads the stream can still think better of it.
    """

    url: str = ""
    body: bytes = field(default=b"", repr=False)


StreamItem: TypeAlias = Delta | Done | Waiting | Account | Departing


class Backend(Protocol):
    """Something that runs prompts: the local worker, or a remote API.

    A stream yields any number of `Delta`s and then exactly one `Done`, or raises a `BackendError`.
    One that can tell more begins with an `Account`, and has a `Waiting` ahead of the first `Delta`.
    One that has to wait for something of its own, such as a key, has a `Departing` ahead of all that it sends.
    Closing the iterator (`aclose`) cancels the request down to the model.
    """

    def stream(self, model: Model, prompt: Prompt) -> AsyncIterator[StreamItem]:
        """Run `prompt` on `model`."""
        ...
