"""Facts about hosted models that users should not have to enter: prices, context and where the API is run.

They stand in `catalogue.toml`, each with its source and date.
Invariant: a price that is not known for certain is None, and prices and jurisdictions apply only where the base URL is
the provider's own.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

_SHIPPED = Path(__file__).with_name("catalogue.toml")

ENDPOINTS: Mapping[str, str] = {
    "anthropic": "https://api.anthropic.com",
    "openai-responses": "https://api.openai.com/v1",
    "openai-chat": "https://api.openai.com/v1",
    "mistral-fim": "https://api.mistral.ai/v1",
}
"""Where an API is reached when `base_url` is not set; the others are only ever somebody's own server."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where a fact is from: `of` says which (price, context, licence, jurisdiction), `date` is a month."""

    of: str
    at: str
    date: str


@dataclass(frozen=True, slots=True)
class Facts:
    """One model: context in tokens, prices in US dollars per million tokens, None where unknown.

    `provider` is the name of the one whose API knows it by `id`, None where nobody's own API does;
    `weights` is where the weights are published, None where they are not. `about` says that prices are rounded,
    `tools` that it is known to call tools.
    """

    context_tokens: int
    input_usd: float | None = None
    output_usd: float | None = None
    cache_read_usd: float | None = None
    cache_write_usd: float | None = None
    id: str = ""
    name: str = ""
    provider: str | None = None
    api: str = ""
    weights: str | None = None
    about: bool = False
    licence: str = ""
    strengths: tuple[str, ...] = ()
    sources: tuple[Source, ...] = ()
    tools: bool = False

    @property
    def is_priced(self) -> bool:
        """Whether a request's cost can be told, so that a budget does not refuse the model."""
        return self.input_usd is not None and self.output_usd is not None


@dataclass(frozen=True, slots=True)
class Provider:
    """A hosted API: the jurisdiction that its operator names, None where it names none, and its models by id."""

    name: str
    host: str
    base_url: str
    jurisdiction: str | None
    models: Mapping[str, Facts]


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All providers by name, and all models in the order of the file."""

    providers: Mapping[str, Provider]
    models: tuple[Facts, ...]


@cache
def catalogue() -> Catalogue:
    """The catalogue that ships."""
    return parse(_SHIPPED.read_text("utf-8"))


def parse(text: str) -> Catalogue:
    """A catalogue from the text of its file; raises ValueError, KeyError or TypeError where that is not right."""
    data = tomllib.loads(text)
    models = tuple(_facts(entry) for entry in data["models"])
    if unknown := {model.provider for model in models} - {None, *data["providers"]}:
        raise ValueError(f"there is no provider {sorted(map(str, unknown))}")
    providers = {
        key: Provider(
            name=entry["name"],
            host=entry["host"],
            base_url=entry["base_url"],
            jurisdiction=entry.get("jurisdiction"),
            models={model.id: model for model in models if model.provider == key},
        )
        for key, entry in data["providers"].items()
    }
    return Catalogue(providers, models)


def provider_of(host: str) -> Provider | None:
    """The catalogue's entry for the host of a base URL."""
    return next((provider for provider in catalogue().providers.values() if provider.host == host), None)


def _facts(entry: Mapping[str, Any]) -> Facts:
    lists = {
        "strengths": tuple(entry["strengths"]),
        "sources": tuple(Source(**row) for row in entry["sources"]),
    }
    return Facts(**{**entry, **lists})
