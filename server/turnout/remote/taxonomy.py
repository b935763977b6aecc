"""What a provider's refusal means, as data: who answered, its code, its words and the status, to one of our errors.

Codes come first because statuses lie: a 429 can mean an empty balance, and a 200 can carry an overload.
A verdict names the error, what the user can do, and what may help: the same model again, another one, or neither.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from turnout.core.models import Server
from turnout.errors import (
    BackendError,
    ConnectionFailed,
    OutOfCredit,
    Overloaded,
    RateLimited,
    Remedy,
    RequestRejected,
    Unauthorized,
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """The error to raise, and its advice; `{model}`, `{host}` and `{key}` stand for the peer's.

    `remedy` is None where it is the same for all errors of this type.
    """

    error: type[BackendError]
    advice: str
    remedy: Remedy | None = None


KEY = Verdict(Unauthorized, "Check that {key} is a valid key for {host} and may use this model.")
CREDIT = Verdict(OutOfCredit, "Add credit or raise the spending limit of the account at {host}.")
SLOWER = Verdict(RateLimited, "Wait, or choose another model for this kind of request.")
LATER = Verdict(Overloaded, "Try again later, or choose another model for this kind of request.")
MUCH_LATER = Verdict(
    Overloaded, "Try again in some minutes, or choose another model for this kind of request.", "fall_back"
)
TOMORROW = Verdict(
    RateLimited, "Wait until the limit is lifted, or choose another model until then.", "fall_back"
)
SMALLER = Verdict(RequestRejected, "Select less text, or choose a model with a larger context.")
NAME = Verdict(
    RequestRejected,
    "Check `model` and `base_url` of [models.{model}]: {host} does not know that model or that address.",
)
SETTINGS = Verdict(RequestRejected, "Check the settings of [models.{model}].")
DECLINED = Verdict(RequestRejected, "Word it differently, or choose another model for this kind of request.")
PROXY = Verdict(
    ConnectionFailed, "A proxy stands in between and wants a password: put both into HTTPS_PROXY."
)

BY_CODE: Mapping[str, Verdict] = {
    # Anthropic
    "authentication_error": KEY,
    "billing_error": CREDIT,
    "enforced_spend_limit_reached": CREDIT,
    "not_found_error": NAME,
    "overloaded_error": LATER,
    "permission_error": KEY,
    "rate_limit_error": SLOWER,
    "request_too_large": SMALLER,
    "timeout_error": LATER,
    # OpenAI and its compatibles
    "account_deactivated": KEY,
    "billing_hard_limit_reached": CREDIT,
    "billing_not_active": CREDIT,
    "content_filter": DECLINED,
    "content_policy_violation": DECLINED,
    "context_length_exceeded": SMALLER,
    "insufficient_quota": CREDIT,
    "invalid_api_key": KEY,
    "invalid_model": NAME,
    "invalid_prompt": DECLINED,
    "model_not_found": NAME,
    "rate_limit_exceeded": SLOWER,
    "rate_limited": SLOWER,
    "server_error": LATER,
    # llama-server
    "exceed_context_size_error": SMALLER,
    "unavailable_error": LATER,
    # Kimi
    "engine_overloaded_error": LATER,
    "exceeded_current_quota_error": CREDIT,
    "invalid_authentication_error": KEY,
    "rate_limit_reached_error": SLOWER,
    "resource_not_found_error": NAME,
    # GLM, also where a gateway stands in front of it; an overload lasts for minutes
    "1113": CREDIT,
    "1302": SLOWER,
    "1305": MUCH_LATER,
    # LiteLLM's own
    "auth_error": KEY,
    "budget_exceeded": CREDIT,
    "no_db_connection": KEY,  # without a database it knows of no key but its own
    "throttling_error": SLOWER,
    "token_not_found_in_db": KEY,
}

BY_SERVER: Mapping[Server, Mapping[str, Verdict]] = {
    "zai": {
        **dict.fromkeys(("1000", "1001", "1002", "1003", "1004", "1120", "1220"), KEY),
        **dict.fromkeys(("1110", "1111", "1112"), KEY),
        "1113": CREDIT,
        "1211": NAME,
        "1261": SMALLER,
        "1301": DECLINED,
        "1303": SLOWER,
        **dict.fromkeys(("1304", "1308", "1310"), TOMORROW),
        "1309": CREDIT,
    },
    "mistral": {"1300": SLOWER, "1500": NAME, "3505": MUCH_LATER},
}
"""Codes that mean something only where this provider says them."""

BY_PHRASE: Sequence[tuple[str, Verdict]] = (
    # Anthropic, DeepSeek, Kimi: all of them under a code that says less
    ("credit balance is too low", CREDIT),
    ("insufficient balance", CREDIT),
    ("insufficient credits", CREDIT),
    ("budget has been exceeded", CREDIT),
    # OpenRouter and xAI say so with a 403, as if the key were wrong
    ("key limit exceeded", CREDIT),
    ("have any credits", CREDIT),
    ("used all available credits", CREDIT),
    ("insufficient funds", CREDIT),
    ("spending limit", CREDIT),
    # Gemini answers 400 to a wrong key
    ("api key not valid", KEY),
    ("api key expired", KEY),
    # Anthropic, vLLM and DeepSeek, SGLang, Kimi, Mistral, Gemini, LiteLLM
    ("prompt is too long", SMALLER),
    ("maximum context length", SMALLER),
    ("longer than the model's context length", SMALLER),
    ("exceeded model token limit", SMALLER),
    ("too large for model", SMALLER),
    ("exceeds the maximum number of tokens", SMALLER),
    ("contextwindowexceedederror", SMALLER),
    # DeepSeek, LiteLLM, OpenRouter
    ("model not exist", NAME),
    ("invalid model name", NAME),
    ("not a valid model", NAME),
    # Mistral, GLM, Together, Cohere
    ("invalid model:", NAME),
    ("unknown model", NAME),
    ("no such model", NAME),
    ("unable to access model", NAME),
    ("no models loaded", NAME),
)

_NO_MODEL = re.compile(
    r"\bmodels?\b[^.;{}]{0,120}?\b(?:does not exist|doesn't exist|not found|is not available)"
)
"""OpenAI, Groq, vLLM, Gemini and Ollama put the name in between."""
_JUDGED = 2_000
"""Characters of a message by which it is told."""
_ABOUT_REQUESTS = frozenset({200, 400, 404, 422})
"""Statuses of a refusal that is about what was asked for, and not about who asked or how often."""

BY_STATUS: Mapping[int, Verdict] = {
    401: KEY,
    402: CREDIT,
    403: KEY,
    404: NAME,
    405: NAME,
    407: PROXY,
    408: LATER,
    409: LATER,
    413: SMALLER,
    425: LATER,
    429: SLOWER,
}

IN_STREAM: Mapping[str, Verdict] = {"invalid_request_error": SETTINGS}
"""Codes that say less than a status does, for errors inside a 200, which have none."""


def verdict(server: Server | None, status: int, codes: Sequence[str], message: str) -> Verdict:
    """What an error means that `server` reported with these codes (the most specific first) and words."""
    own = BY_SERVER.get(server, {}) if server else {}
    for code in codes:
        found = own.get(code) or BY_CODE.get(code)
        if found is not None:
            return found
    lowered = message.lower()
    for phrase, found in BY_PHRASE:
        if phrase in lowered:
            return found
    if status in _ABOUT_REQUESTS and _NO_MODEL.search(lowered[:_JUDGED]):
        return NAME
    if status in BY_STATUS:
        return BY_STATUS[status]
    if 400 <= status < 500:
        return SETTINGS
    return next((IN_STREAM[code] for code in codes if code in IN_STREAM), LATER)


def is_code(server: Server | None, code: str) -> bool:
    """Whether a code is one that is known here, so that it can hold nothing else."""
    return code in BY_CODE or (server is not None and code in BY_SERVER.get(server, {}))
