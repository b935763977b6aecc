"""Why a model may not or cannot serve a request: privacy, jurisdiction, keys, capabilities, money, and its breaker.

Invariant: pure functions; every check only takes a model away, and none knows of another, so that no combination of
settings lets text go where one of them forbids it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias, get_args

from turnout.core.budget import Standing, left_usd, standings
from turnout.core.globs import PathSet, Pattern
from turnout.core.health import Health, Spend
from turnout.core.limits import WhenSpent, dollars
from turnout.core.models import Api, Model
from turnout.core.policy import SELF_HOSTED, Budget, Chain, Policy, stricter
from turnout.core.requests import COMPLETION_KINDS, Kind, LeavesMachine, Route, SecretsMode

FIM_ONLY_APIS: frozenset[Api] = frozenset({"completions", "mistral-fim", "llama-infill"})
"""APIs that can fill a hole and nothing else."""

FIM_APIS: frozenset[Api] = FIM_ONLY_APIS | {"local"}
"""APIs that can fill a hole, which completion kinds need."""

TOOL_APIS: frozenset[Api] = frozenset({"anthropic", "openai-responses", "openai-chat"})
"""APIs that can call tools."""

Objection: TypeAlias = tuple[str, str]
"""A reason, and the setting that it comes from."""

MEASURED = "what this server saw"
"""Stands for the setting where none is the reason."""


_SECRECY: tuple[SecretsMode, ...] = get_args(SecretsMode)


@dataclass(frozen=True, slots=True)
class RouteRequest:
    """What a decision needs to know about a request.

    `paths` are workspace-relative posix paths of every file whose text may be in the prompt, absolute ones for files
    outside; a file that is reached through a link is there under both names.
    `keys_present` names the models whose key reference resolves.
    Tokens are estimates: of the prompt, and the most that may be generated.
    `files` is how many files the request is about; `workspace` names the folder, for what stays the same in it.
    `tools` says that the model has to be able to call tools.
    """

    kind: Kind
    paths: tuple[str, ...] = ()
    language: str = ""
    keys_present: frozenset[str] = frozenset()
    input_tokens: int = 0
    output_tokens: int = 0
    files: int = 1
    workspace: str = ""
    tools: bool = False
    instruction: str = ""
    """What the user said, by which its tier is estimated."""
    withheld: Objection | None = None
    """What an ignore file or a setting besides the policy keeps from every model, and the line that says so."""
    stays: Objection | None = None
    """What such a setting keeps on this machine."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What holds for every model of one decision.

    `forbidden` says why no model may see the text, `local` why none may that leaves the machine.
    """

    leaves_machine: LeavesMachine
    forbidden: Objection | None
    local: Objection | None
    standings: tuple[Standing, ...]
    left_usd: float | None
    """Most that the request may cost, None without a limit that it may not go over."""
    when_spent: WhenSpent = "degrade"
    """What becomes of it where one of `standings` has no room for it."""


def limits(
    request: RouteRequest, policy: Policy, chain: Chain, folded: Sequence[str], spend: Spend
) -> Limits:
    """The limits of a request; `folded` are its paths as `globs.fold_path` returns them."""
    privacy = policy.privacy
    unread = _first_match(request.paths, folded, privacy.never_read)
    local = _first_match(request.paths, folded, privacy.local_only)
    leaves = stricter(privacy.leaves_machine, chain.leaves_machine)
    stays = request.stays
    if privacy.leaves_machine == "never":
        stays = ("nothing may leave this machine", privacy.leaves_machine_source)
    elif chain.leaves_machine == "never":
        stays = (f"{request.kind} requests may not leave this machine", chain.leaves_machine_source)
    elif local:
        stays = (f"{local[0]} may not leave this machine (`{local[1].text}`)", local[1].source)
    forbidden = request.withheld
    if unread:
        forbidden = (f"{unread[0]} is never read (`{unread[1].text}`)", unread[1].source)
    over_time = tuple(standings(policy.budget, spend))
    # A completion comes with every keystroke: nobody is asked about those.
    when_spent = "degrade" if request.kind in COMPLETION_KINDS else policy.budget.when_spent
    left = left_usd(policy.budget, over_time if when_spent == "degrade" else ())
    return Limits(leaves, forbidden, stays, over_time, left, when_spent)


def _first_match(
    paths: Sequence[str], folded: Sequence[str], patterns: PathSet
) -> tuple[str, Pattern] | None:
    for path, key in zip(paths, folded, strict=True):
        pattern = patterns.match(key)
        if pattern:
            return path, pattern
    return None


def objection(
    model: Model, request: RouteRequest, policy: Policy, limits: Limits, health: Health, now: float
) -> Objection | None:
    """Why `model` may not or cannot serve the request now, and the setting that says so."""
    return (
        against_policy(model, policy, limits)
        or _unable(model, request, policy)
        or _unaffordable(model, request, policy.budget, limits)
        or _resting(model, health, now)
    )


def withdrawn(model: Model, before: Route, now: Route) -> str | None:
    """Why `now` does not let `model` have what it was to get as a candidate of `before`; None where it does.

    Both are decisions about the same request. What is only laxer than before takes nothing back.
    """
    namesake = next((each for each in now.candidates if each.name == model.name), None)
    if namesake is None:
        out = next((each for each in now.eliminated if each.model == model.name), None)
        return f"{out.reason} ({out.source})" if out else "it is not in the settings any more"
    if not model.leaves_machine and not namesake.leaves_machine:
        return None
    if namesake != model:
        return "it is not set up like that any more"
    if now.ask_before_leaving and not before.ask_before_leaving:
        return "you have to be asked before text leaves this machine"
    if _SECRECY.index(now.secrets) < _SECRECY.index(before.secrets):
        return f"secrets are handled as `{now.secrets}` ({now.secrets_source})"
    return None


def against_policy(model: Model, policy: Policy, limits: Limits) -> Objection | None:
    """Why `model` may not have the text at all, however it is and whatever it costs; None where it may."""
    if limits.forbidden:
        return limits.forbidden
    if model.leaves_machine and limits.local:
        return limits.local
    return _foreign(model, policy)


def _foreign(model: Model, policy: Policy) -> Objection | None:
    allowed = policy.privacy.jurisdictions
    if allowed is None or not model.leaves_machine or model.jurisdiction == SELF_HOSTED:
        return None
    if model.jurisdiction in allowed:
        return None
    where = f"in {model.jurisdiction}" if model.jurisdiction else "in an unknown jurisdiction"
    return f"its API is {where}, which is not among those allowed", policy.privacy.jurisdictions_source


def _unable(model: Model, request: RouteRequest, policy: Policy) -> Objection | None:
    source = policy.model_sources.get(model.name, "")
    if model.key is not None and model.name not in request.keys_present:
        return f"no key: {model.key} is not set", source
    if request.kind in COMPLETION_KINDS and model.api not in FIM_APIS:
        return f"its API ({model.api}) cannot fill in the middle of a text", source
    if request.kind not in COMPLETION_KINDS and model.api in FIM_ONLY_APIS:
        return f"its API ({model.api}) only completes at the cursor", source
    if request.tools and model.api not in TOOL_APIS:
        return f"its API ({model.api}) cannot call tools", source
    wanted = request.input_tokens + request.output_tokens
    if wanted > model.context_tokens:
        return f"the request needs about {wanted} tokens, the model takes {model.context_tokens}", source
    return None


def _unaffordable(model: Model, request: RouteRequest, budget: Budget, limits: Limits) -> Objection | None:
    if budget.request_usd is None and not limits.standings:
        return None
    cost = model.worst_usd(request.input_tokens, request.output_tokens)
    if cost is None:
        source = budget.request_source if budget.request_usd is not None else limits.standings[0].source
        return "its price is unknown, and there is a budget", source
    if cost == 0:
        return None
    if budget.request_usd is not None and cost > budget.request_usd:
        return (
            f"it may cost {dollars(cost, 4)}, over {dollars(budget.request_usd)} per request",
            budget.request_source,
        )
    for limit in limits.standings if limits.when_spent == "degrade" else ():
        if limit.spent_usd + cost > limit.limit_usd:
            return (
                f"with {dollars(limit.spent_usd)} spent it goes over {dollars(limit.limit_usd)} {limit.over}",
                limit.source,
            )
    return None


def _resting(model: Model, health: Health, now: float) -> Objection | None:
    """Why the breaker lets nothing through to `model` now; no setting says so."""
    known = health.models.get(model.name)
    if known is None or known.circuit_at(now) != "open":
        return None
    pause = "" if known.until is None else f", and is asked again in {known.until - now:.0f} s"
    return f"it failed lately{known.reason and f' ({known.reason})'}{pause}", MEASURED
