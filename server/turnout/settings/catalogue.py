"""Facts about hosted models that users should not have to enter: prices, context and where the API is run.

A price that is not known for certain is left out: under a budget such a model is refused until the user enters one.
Prices and jurisdictions hold for the maker's own API only, so they apply only where the base URL is that API's.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Facts:
    """One model: context in tokens, prices in US dollars per million tokens (February 2026)."""

    context_tokens: int
    input_usd: float | None = None
    output_usd: float | None = None


@dataclass(frozen=True, slots=True)
class Provider:
    """A hosted API: the jurisdiction that its operator names, and its models by their identifier."""

    host: str
    jurisdiction: str
    models: Mapping[str, Facts]


PROVIDERS: tuple[Provider, ...] = (
    Provider(
        "api.anthropic.com",
        "US",
        {
            "claude-opus-4-6": Facts(200_000, 5.0, 25.0),
            "claude-sonnet-4-6": Facts(200_000, 3.0, 15.0),
            "claude-haiku-4-5": Facts(200_000, 1.0, 5.0),
        },
    ),
    Provider("api.openai.com", "US", {}),
    Provider("api.mistral.ai", "FR", {}),
    Provider("codestral.mistral.ai", "FR", {}),
    Provider("api.deepseek.com", "CN", {}),
    # The operator's data processing agreement names Singapore; published prices of GLM-5 contradict each other.
    Provider("api.z.ai", "SG", {"glm-5": Facts(200_000)}),
)

ENDPOINTS: Mapping[str, str] = {
    "anthropic": "https://api.anthropic.com",
    "openai-responses": "https://api.openai.com/v1",
    "openai-chat": "https://api.openai.com/v1",
    "mistral-fim": "https://api.mistral.ai/v1",
}
"""Where an API is reached when `base_url` is not set; the others are only ever somebody's own server."""


def provider_of(host: str) -> Provider | None:
    """The catalogue's entry for the host of a base URL."""
    return next((provider for provider in PROVIDERS if provider.host == host), None)
