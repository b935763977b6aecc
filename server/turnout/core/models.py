"""A model as the settings describe it, the tokens that it used, and what they cost.

Invariant: nothing here does I/O, and every value is frozen.
"""

from dataclasses import dataclass, replace
from typing import Literal

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

    def cost_of(self, usage: Usage) -> float | None:
        """Price of what a request used, as a gateway told it or else by our prices; None where a price is unknown."""
        if usage.cost_usd is not None:
            return usage.cost_usd
        return self.cost_usd(
            usage.input, usage.output, cached_tokens=usage.cached, written_tokens=usage.written
        )

    def checked(self, usage: Usage) -> Usage:
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

    def _least_usd(self, usage: Usage) -> float | None:
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
