"""What holds of a model though nobody set it: facts of the catalogue, and what follows from its endpoint.

Invariant: what a layer set is listed here only where it is not what holds, such as a hosted API called self-hosted.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from turnout.core.models import Model
from turnout.core.objections import FIM_ONLY_APIS
from turnout.settings.catalogue import Provider, provider_of
from turnout.settings.loading import Loaded
from turnout.settings.schema import ModelSettings, host_of

_KEYS = (
    "base_url",
    "leaves_machine",
    "jurisdiction",
    "context_tokens",
    "input_usd",
    "output_usd",
    "cache_read_usd",
    "cache_write_usd",
)


@dataclass(frozen=True, slots=True)
class Derived:
    """An effective value by its dotted key, and where it is from."""

    key: str
    value: Any
    source: str


def derived(loaded: Loaded) -> Iterator[Derived]:
    """Every value of a model that holds and that no layer set so."""
    for model in loaded.policy.models:
        entry = loaded.settings.models[model.name]
        for key in _KEYS:
            value, written = getattr(model, key), getattr(entry, key)
            same = written is not None if key == "base_url" else written == value
            if value is not None and not same:
                yield Derived(f"models.{model.name}.{key}", value, _source(key, model, entry))


def _source(key: str, model: Model, entry: ModelSettings) -> str:
    if key == "base_url":
        return "the public endpoint of its API"
    if key == "leaves_machine":
        return "a model on this machine" if model.api == "local" else "from its base_url"
    provider = provider_of(host_of(model.base_url or ""))
    known = provider is not None and (key != "context_tokens" or _has_known_context(model, provider))
    if provider is None or not known:
        return "assumed, as nothing is known of this model"
    return f"the catalogue: {provider.name}" if key == "jurisdiction" else f"the catalogue: {entry.model}"


def _has_known_context(model: Model, provider: Provider) -> bool:
    return model.model in provider.models and model.api not in FIM_ONLY_APIS
