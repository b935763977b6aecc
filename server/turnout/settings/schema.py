"""The shape of the settings: every key, its type, its bounds and its default, in one place.

Invariant: a key stands here only if something reads it.
The same models check each layer, give the JSON Schema for editors and give the text of `docs/settings.md`.
"""

import re
from typing import Annotated, Any, Literal, TypeAlias
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from turnout.core import hosts
from turnout.core.fim.families import FAMILIES
from turnout.core.globs import check_pattern
from turnout.core.limits import WhenSpent
from turnout.core.models import Api, EditStyle, Server
from turnout.core.requests import Kind, LeavesMachine, SecretsMode, Strategy


def _pattern(text: str) -> str:
    objection = check_pattern(text)
    if objection:
        raise ValueError(objection)
    return text


FAMILY_NAMES = tuple(family.name for family in FAMILIES)


def _family(text: str) -> str:
    if text not in FAMILY_NAMES:
        raise ValueError(", ".join(f'"{name}"' for name in FAMILY_NAMES))
    return text


_KEY_REFERENCE = re.compile(r"env:[A-Za-z_][A-Za-z0-9_]*|keyring:[A-Za-z0-9_.@-]+|editor")
_BASE_URL = re.compile(
    r"https?://(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?(?:/[A-Za-z0-9._~/-]*)?"
)


def _key_reference(text: str) -> str:
    if not _KEY_REFERENCE.fullmatch(text) or _is_key(text.partition(":")[2]):
        raise ValueError("`env:NAME`, `keyring:NAME` or `editor`, never the key itself")
    return text


def _is_key(name: str) -> bool:
    """Whether a key stands where its name should: names are shown, and looked up in other programs."""
    if not name or name.isupper():
        return False  # spares the start of a server the import
    from turnout.core.secrets import find
    from turnout.core.secrets.chance import looks_made_by_chance

    return bool(find(name)) or looks_made_by_chance(name, weak=True)


def _base_url(text: str) -> str:
    if not _BASE_URL.fullmatch(text):
        raise ValueError("an http or https URL without user name, query or fragment")
    try:
        urlsplit(text).port  # noqa: B018  # the property checks the number
    except ValueError as exc:
        raise ValueError("a URL with a port up to 65535") from exc
    return text


def host_of(base_url: str) -> str:
    """The host of a checked base URL, in lower case."""
    return urlsplit(base_url).hostname or ""


def is_loopback(base_url: str) -> bool:
    """Whether a checked base URL certainly means this machine; names other than `localhost` never do."""
    return hosts.is_loopback(host_of(base_url))


FORMATS: dict[str, str] = {
    "key-reference": "`env:NAME`, `keyring:NAME` or `editor`",
    "uri": "an http or https URL",
    "path-pattern": "a path pattern",
}
"""What the formats of texts in the schema are called."""

NAME = r"^[a-z0-9][a-z0-9_-]*$"
ModelName: TypeAlias = Annotated[str, Field(pattern=NAME, max_length=64)]
PathPattern: TypeAlias = Annotated[
    str, Field(min_length=1, json_schema_extra={"format": "path-pattern"}), AfterValidator(_pattern)
]
Names: TypeAlias = Annotated[tuple[ModelName, ...], Field(strict=False)]
Patterns: TypeAlias = Annotated[tuple[PathPattern, ...], Field(strict=False)]
KeyReference: TypeAlias = Annotated[
    str, AfterValidator(_key_reference), Field(json_schema_extra={"format": "key-reference"})
]
FamilyName: TypeAlias = Annotated[
    str, AfterValidator(_family), Field(json_schema_extra={"enum": list(FAMILY_NAMES)})
]
BaseUrl: TypeAlias = Annotated[str, AfterValidator(_base_url), Field(json_schema_extra={"format": "uri"})]
Jurisdiction: TypeAlias = Annotated[str, Field(pattern=r"^(?:[A-Z]{2}|\*)$")]
Weight: TypeAlias = Annotated[float, Field(ge=0, le=1_000_000, allow_inf_nan=False)]
Usd: TypeAlias = Annotated[float, Field(ge=0, le=1_000_000, allow_inf_nan=False)]
Languages: TypeAlias = Annotated[tuple[Annotated[str, Field(max_length=64)], ...], Field(strict=False)]


class _Table(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, hide_input_in_errors=True, protected_namespaces=()
    )


class PrivacySettings(_Table):
    """What may leave the machine; a workspace can only tighten it, trusted or not."""

    leaves_machine: LeavesMachine = Field(
        default="ask", description="Whether text may be sent to models that are not on this machine."
    )
    jurisdictions: Annotated[tuple[Jurisdiction, ...], Field(strict=False)] = Field(
        default=("*",),
        description="Where hosted APIs may be run, as two-letter codes; `*` is anywhere. "
        "Self-hosted models are always inside, models of unknown jurisdiction only inside `*`.",
    )
    secrets: SecretsMode = Field(
        default="redact",
        description="What becomes of keys, passwords and other secrets in text that leaves this machine: `redact` "
        "sends placeholders in their place, `block` sends nothing, and `off` sends them as they are.",
    )
    local_only: Patterns = Field(default=(), description="Files whose text never leaves this machine.")
    never_read: Patterns = Field(
        default=(
            ".env*",
            "*.pem",
            "*.key",
            "*.p12",
            "*.pfx",
            "id_rsa*",
            "id_dsa*",
            "id_ecdsa*",
            "id_ed25519*",
            ".ssh/",
            ".aws/",
            ".gnupg/",
            ".netrc",
            ".pypirc",
            ".npmrc",
            ".git-credentials",
        ),
        description="Files whose text no model sees, not even a local one.",
    )


class BudgetSettings(_Table):
    """Limits on money; anyone may lower them, only the user may raise them."""

    day_usd: Usd | None = Field(
        default=None, description="Most that one day may cost, all workspaces together; no limit when unset."
    )
    month_usd: Usd | None = Field(
        default=None,
        description="Most that one month of the calendar may cost, all workspaces together; no limit when unset.",
    )
    workspace_day_usd: Usd | None = Field(
        default=None, description="Most that one day may cost in any one workspace; no limit when unset."
    )
    workspace_month_usd: Usd | None = Field(
        default=None, description="Most that one month may cost in any one workspace; no limit when unset."
    )
    request_usd: Usd | None = Field(
        default=None, description="Most that one request may cost at worst; no limit when unset."
    )
    when_spent: WhenSpent = Field(
        default="degrade",
        description="What becomes of a request that a limit per day or month has no room for: `degrade` asks the next "
        "model of its route, such as one on this machine; `ask` asks you first whether it may go over the limit, "
        "except for completions. `request_usd` holds in any case.",
    )


class CompletionSettings(_Table):
    """Ghost text and the completion menu."""

    enabled: bool = Field(default=True, description="Whether completions are offered.")
    disabled_languages: Languages = Field(default=(), description="Language identifiers without completions.")
    max_tokens: Annotated[int, Field(ge=1, le=1024)] = Field(
        default=64, description="Most tokens that one completion generates."
    )
    multiline: Literal["auto", "always", "never"] = Field(
        default="auto",
        description="Whether ghost text may span lines; `auto` decides from where the cursor stands.",
    )


class IndexSettings(_Table):
    """What Turnout knows of a folder's files without being asked; it is kept on this machine, for its user alone."""

    enabled: bool = Field(
        default=True, description="Whether the definitions and passages of a folder's files are indexed."
    )
    max_files: Annotated[int, Field(ge=1, le=200_000)] = Field(
        default=200_000, description="Most files of one folder that are indexed, those nearest its top first."
    )


class ModelSettings(_Table):
    """One model. Outside the user's own settings it can only be set by a trusted workspace."""

    api: Api = Field(
        default="local", description="How the model is spoken to; `local` runs it on this machine."
    )
    model: Annotated[str, Field(min_length=1, max_length=200)] | None = Field(
        default=None,
        description="Name of the model as its API or `turnout models list` knows it; for a local one, `auto` is "
        "what suits this machine (`turnout models recommend`).",
    )
    engine: Literal["auto", "llamacpp", "exllamav2", "exllamav3"] = Field(
        default="auto",
        description="What runs a local model; `auto` takes an NVIDIA GPU where all that it needs is there.",
    )
    path: str | None = Field(
        default=None, description="File or directory of a local model that you already have."
    )
    base_url: BaseUrl | None = Field(
        default=None, description="Where the API is reached; unset means the API's public endpoint."
    )
    key: KeyReference | None = Field(
        default=None,
        description="Where the API key is kept: `env:NAME`, `keyring:NAME`, or `editor` for the editor's own "
        "secret storage; never the key itself.",
    )
    leaves_machine: bool | None = Field(
        default=None,
        description="Whether text sent to it leaves this machine; unset means: unless on a loopback URL.",
    )
    jurisdiction: Annotated[str, Field(pattern=r"^(?:[A-Z]{2}|self-hosted)$")] | None = Field(
        default=None, description="Where the API is run, as a two-letter code, or `self-hosted`."
    )
    context_tokens: Annotated[int, Field(ge=256, le=100_000_000)] | None = Field(
        default=None, description="Tokens that the model takes, prompt and answer together."
    )
    family: FamilyName | None = Field(
        default=None,
        description="Whose tokens for holes a model behind raw completions takes; unset means: as its name says.",
    )
    server: Server | None = Field(
        default=None,
        description="What program or provider answers, where the host of `base_url` does not tell: it is then "
        "spoken to in its own dialect, and told to go on with the word at the cursor if it can be.",
    )
    tools: bool | None = Field(
        default=None,
        description="Whether it calls tools, so that a refactor lets it look things up by itself; unset means: as "
        "known of the model.",
    )
    edits: EditStyle | None = Field(
        default=None,
        description="How it writes edits: `blocks` of lines to replace, or one `whole_file` after the other, which "
        "suits small models; unset means: by what `turnout eval edits` measured here with files of the same size, "
        "else `whole_file` for a local model and files up to 32,000 bytes, and `blocks` for all others.",
    )
    input_usd: Usd | None = Field(default=None, description="US dollars per million tokens of prompt.")
    output_usd: Usd | None = Field(default=None, description="US dollars per million tokens of answer.")
    cache_read_usd: Usd | None = Field(
        default=None,
        description="US dollars per million tokens of prompt that come from the API's cache; unset means: as known of "
        "the model, else as for any prompt.",
    )
    cache_write_usd: Usd | None = Field(
        default=None,
        description="US dollars per million tokens of prompt that go to the API's cache; unset means: as known of the "
        "model, else 1.25 times as for any prompt.",
    )


class RouteSettings(_Table):
    """The chain of models for one kind of request."""

    models: Names = Field(
        default=(), description="Models in order of preference; the next one is asked if one fails."
    )
    simple: Names | None = Field(
        default=None, description="The chain for requests that are taken to be simple; unset means `models`."
    )
    standard: Names | None = Field(
        default=None, description="The chain for requests in between; unset means `models`."
    )
    complex: Names | None = Field(
        default=None, description="The chain for requests that are taken to be complex; unset means `models`."
    )
    strategy: Strategy = Field(
        default="order",
        description="How the models of the chain are put in order: as written, by price, by measured speed, or by lot, "
        "which is drawn once per workspace.",
    )
    weights: dict[ModelName, Weight] = Field(
        default={},
        description="Shares of workspaces by model, for the strategy `weighted`; a model without one is asked if the "
        "others fail. Empty means equal shares.",
    )
    deadline_ms: Annotated[int, Field(ge=10, le=3_600_000)] | None = Field(
        default=None, description="Time after which the answer is of no use."
    )
    first_token_ms: Annotated[int, Field(ge=10, le=3_600_000)] | None = Field(
        default=None, description="Time for the first text of a model, after which the next one is asked."
    )
    hedge_ms: Annotated[int, Field(ge=10, le=3_600_000)] | None = Field(
        default=None,
        description="Time without any text after which the next model is asked as well, and the first to answer is "
        "taken; both are paid. It is never one that text travels further to, and never for `refactor`.",
    )
    leaves_machine: LeavesMachine = Field(
        default="allow", description="Tightens `privacy.leaves_machine` for this kind."
    )


class RefactorSettings(RouteSettings):
    """The route of `refactor`, whose result can be checked."""

    checks: Annotated[
        tuple[Annotated[str, Field(min_length=1, max_length=2000)], ...], Field(strict=False)
    ] = Field(default=(), description="Commands that run on a proposed refactor; shell words, no shell.")
    plan: Literal["auto", "ask"] = Field(
        default="auto",
        description="Whether an editor that can show one asks for a plan first, for its user to approve; a workspace "
        "may only say `ask`.",
    )


_FRONTIER = ("opus", "sonnet", "glm", "near")


class RoutesSettings(_Table):
    """One route per kind of request."""

    inline: RouteSettings = RouteSettings(models=("near",), deadline_ms=5_000)
    popup: RouteSettings = RouteSettings(models=("near",), deadline_ms=1_500)
    fix: RouteSettings = RouteSettings(models=_FRONTIER, deadline_ms=120_000)
    rewrite: RouteSettings = RouteSettings(models=_FRONTIER, deadline_ms=120_000)
    refactor: RefactorSettings = RefactorSettings(models=_FRONTIER, deadline_ms=600_000)
    document: RouteSettings = RouteSettings(models=_FRONTIER, deadline_ms=120_000)
    test: RouteSettings = RouteSettings(models=_FRONTIER, deadline_ms=120_000)
    explain: RouteSettings = RouteSettings(models=_FRONTIER, deadline_ms=120_000)
    commit_message: RouteSettings = RouteSettings(models=("near",), deadline_ms=60_000)


class RuleSettings(_Table):
    """A chain for some files; the first rule that fits a file wins. A field left out stands for all."""

    paths: Patterns = Field(default=(), description="Files it is for.")
    kinds: Annotated[tuple[Kind, ...], Field(strict=False)] = Field(
        default=(), description="Kinds of request it is for."
    )
    languages: Languages = Field(default=(), description="Language identifiers it is for.")
    models: Names = Field(min_length=1, description="The chain.")


DEFAULT_MODELS: dict[str, ModelSettings] = {
    "near": ModelSettings(model="auto", context_tokens=4096),
    "opus": ModelSettings(api="anthropic", model="claude-opus-4-6", key="env:ANTHROPIC_API_KEY"),
    "sonnet": ModelSettings(api="anthropic", model="claude-sonnet-4-6", key="env:ANTHROPIC_API_KEY"),
    "glm": ModelSettings(
        api="openai-chat", model="glm-5", base_url="https://api.z.ai/api/paas/v4", key="env:ZAI_API_KEY"
    ),
}


class TelemetrySettings(_Table):
    """What an OpenTelemetry collector is told; only the user's own settings count, whoever is trusted."""

    endpoint: BaseUrl | None = Field(
        default=None,
        description="Where a collector takes OTLP over HTTP, such as `http://localhost:4318`; nobody is told anything "
        "when unset. Needs `pip install 'turnout[otel]'`.",
    )
    prompts: bool = Field(
        default=False,
        description="Whether spans hold the prompts and answers of models that are not on this machine.",
    )


class Settings(_Table):
    """All settings."""

    privacy: PrivacySettings = PrivacySettings()
    budget: BudgetSettings = BudgetSettings()
    completion: CompletionSettings = CompletionSettings()
    index: IndexSettings = IndexSettings()
    telemetry: TelemetrySettings = TelemetrySettings()
    models: dict[ModelName, ModelSettings] = DEFAULT_MODELS
    routes: RoutesSettings = RoutesSettings()
    rules: Annotated[tuple[RuleSettings, ...], Field(strict=False)] = ()


def defaults() -> dict[str, Any]:
    """The built-in settings as plain data, without the keys that are unset."""
    return Settings().model_dump(mode="json", exclude_none=True)
