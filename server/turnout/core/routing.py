"""The decision: which models may serve a request, in which order, and why each other one may not.

Invariant: a pure function of the request and the policy.
Every check only takes candidates away, so that no combination of settings lets text go where one of them forbids it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypedDict

from turnout.core.budget import left_usd, standings
from turnout.core.globs import PathSet, Pattern, fold_path
from turnout.core.health import Health, Spend
from turnout.core.policy import SELF_HOSTED, Budget, Chain, Policy, Rule, stricter
from turnout.core.requests import COMPLETION_KINDS, Api, Elimination, Kind, Model, Route

FIM_ONLY_APIS: frozenset[Api] = frozenset({"completions", "mistral-fim", "llama-infill"})
"""APIs that can fill a hole and nothing else."""

_NOTHING_KNOWN = Health()
_NOTHING_SPENT = Spend()

FIM_APIS: frozenset[Api] = FIM_ONLY_APIS | {"local"}
"""APIs that can fill a hole, which completion kinds need."""


@dataclass(frozen=True, slots=True)
class RouteRequest:
    """What a decision needs to know about a request.

    `paths` are workspace-relative posix paths of every file whose text may be in the prompt, absolute ones for files
    outside; a file that is reached through a link is there under both names.
    `keys_present` names the models whose key reference resolves.
    Tokens are estimates: of the prompt, and the most that may be generated.
    `files` is how many files the request is about, and `instruction` what the user wrote, as far as there is any.
    `workspace` names the folder, for what has to stay the same in it.
    """

    kind: Kind
    paths: tuple[str, ...] = ()
    language: str = ""
    keys_present: frozenset[str] = frozenset()
    input_tokens: int = 0
    output_tokens: int = 0
    files: int = 1
    instruction: str = ""
    workspace: str = ""


class EliminatedWire(TypedDict):
    """A model passed over, as clients are promised it."""

    model: str
    reason: str
    source: str


class ExplanationWire(TypedDict):
    """Answer to `turnout/explain`."""

    kind: str
    candidates: list[str]
    chosen: str | None
    eliminated: list[EliminatedWire]
    reason: str
    askBeforeLeaving: bool
    deadlineMs: int | None


def decide(
    request: RouteRequest,
    policy: Policy,
    health: Health = _NOTHING_KNOWN,
    spend: Spend = _NOTHING_SPENT,
    now: float = 0.0,
) -> Route:
    """The route of `request`: never raises, a route without candidates says why in `eliminated`.

    `now` is the reading, in seconds, of the clock that the times in `health` are on.
    """
    chain = policy.routes[request.kind]
    folded = tuple(map(fold_path, request.paths))
    models, outside, reason = _choose(request, policy, chain, folded)
    limits = _limits(request, policy, chain, folded)
    candidates: list[Model] = []
    eliminated: list[Elimination] = [*outside]
    for model in models:
        objection = _objection(model, request, policy, limits, spend) or _resting(model, health, now)
        if objection is None:
            candidates.append(model)
        else:
            eliminated.append(Elimination(model.name, *objection))
    named = {model.name for model in models} | {elimination.model for elimination in eliminated}
    eliminated += (
        Elimination(model.name, "not in the chain", reason)
        for model in policy.models
        if model.name not in named
    )
    return Route(
        kind=request.kind,
        candidates=tuple(candidates),
        eliminated=tuple(eliminated),
        reason=reason,
        deadline_ms=chain.deadline_ms,
        ask_before_leaving=limits.leaves_machine != "allow",
        limit_usd=left_usd(policy.budget, spend),
        secrets=policy.privacy.secrets,
        secrets_source=policy.privacy.secrets_source,
    )


def route_to_wire(route: Route) -> ExplanationWire:
    """A decision as the JSON object that answers `turnout/explain`."""
    names = [model.name for model in route.candidates]
    return {
        "kind": route.kind,
        "candidates": names,
        "chosen": names[0] if names else None,
        "eliminated": [{"model": e.model, "reason": e.reason, "source": e.source} for e in route.eliminated],
        "reason": route.reason,
        "askBeforeLeaving": route.ask_before_leaving,
        "deadlineMs": route.deadline_ms,
    }


@dataclass(frozen=True, slots=True)
class _Limits:
    """What holds for every model of one decision; `forbidden` and `local` are (reason, source) where they apply."""

    leaves_machine: str
    forbidden: tuple[str, str] | None
    local: tuple[str, str] | None


def _choose(
    request: RouteRequest, policy: Policy, chain: Chain, folded: Sequence[str]
) -> tuple[tuple[Model, ...], Iterable[Elimination], str]:
    """The models to consider in order, those that are out already, and the setting that chose them.

    Several files can fall under several rules: a model then has to be in the chain of each of them.
    """
    found = {policy.rules.first(request.kind, request.language, path) for path in folded or ("",)}
    rules = [policy.rules.rules[index] for index in sorted(index for index in found if index is not None)]
    if not rules:
        return chain.models, chain.unusable, chain.source
    return _in_every(rules)


def _in_every(rules: Sequence[Rule]) -> tuple[tuple[Model, ...], Iterable[Elimination], str]:
    first, *others = rules
    models = []
    outside = list(first.unusable)
    for model in first.models:
        refusing = next((rule for rule in others if model not in rule.models), None)
        if refusing is None:
            models.append(model)
        else:
            outside.append(
                Elimination(model.name, "another file of the request has its own rule", refusing.source)
            )
    return tuple(models), outside, first.source


def _limits(request: RouteRequest, policy: Policy, chain: Chain, folded: Sequence[str]) -> _Limits:
    privacy = policy.privacy
    unread = _first_match(request.paths, folded, privacy.never_read)
    local = _first_match(request.paths, folded, privacy.local_only)
    leaves = stricter(privacy.leaves_machine, chain.leaves_machine)
    stays: tuple[str, str] | None = None
    if privacy.leaves_machine == "never":
        stays = ("nothing may leave this machine", privacy.leaves_machine_source)
    elif chain.leaves_machine == "never":
        stays = (f"{request.kind} requests may not leave this machine", chain.leaves_machine_source)
    elif local:
        stays = (f"{local[0]} may not leave this machine (`{local[1].text}`)", local[1].source)
    forbidden = (f"{unread[0]} is never read (`{unread[1].text}`)", unread[1].source) if unread else None
    return _Limits(leaves, forbidden, stays)


def _first_match(
    paths: Sequence[str], folded: Sequence[str], patterns: PathSet
) -> tuple[str, Pattern] | None:
    for path, key in zip(paths, folded, strict=True):
        pattern = patterns.match(key)
        if pattern:
            return path, pattern
    return None


def _objection(
    model: Model, request: RouteRequest, policy: Policy, limits: _Limits, spend: Spend
) -> tuple[str, str] | None:
    """Why `model` may not or cannot serve the request, and the setting that says so."""
    if limits.forbidden:
        return limits.forbidden
    if model.leaves_machine and limits.local:
        return limits.local
    return (
        _foreign(model, policy)
        or _unable(model, request, policy)
        or _unaffordable(model, request, policy.budget, spend)
    )


def _resting(model: Model, health: Health, now: float) -> tuple[str, str] | None:
    """Why the breaker lets nothing through to `model` now; no setting says so."""
    known = health.of(model.name)
    if known.circuit_at(now) != "open":
        return None
    pause = "" if known.until is None else f", and is asked again in {known.until - now:.0f} s"
    return f"it failed lately{known.reason and f' ({known.reason})'}{pause}", "measured"


def _foreign(model: Model, policy: Policy) -> tuple[str, str] | None:
    allowed = policy.privacy.jurisdictions
    if allowed is None or not model.leaves_machine or model.jurisdiction == SELF_HOSTED:
        return None
    if model.jurisdiction in allowed:
        return None
    where = f"in {model.jurisdiction}" if model.jurisdiction else "in an unknown jurisdiction"
    return f"its API is {where}, which is not among those allowed", policy.privacy.jurisdictions_source


def _unable(model: Model, request: RouteRequest, policy: Policy) -> tuple[str, str] | None:
    source = policy.model_sources.get(model.name, "")
    if model.key is not None and model.name not in request.keys_present:
        return f"no key: {model.key} is not set", source
    if request.kind in COMPLETION_KINDS and model.api not in FIM_APIS:
        return f"its API ({model.api}) cannot fill in the middle of a text", source
    if request.kind not in COMPLETION_KINDS and model.api in FIM_ONLY_APIS:
        return f"its API ({model.api}) only completes at the cursor", source
    wanted = request.input_tokens + request.output_tokens
    if wanted > model.context_tokens:
        return f"the request needs about {wanted} tokens, the model takes {model.context_tokens}", source
    return None


def _unaffordable(
    model: Model, request: RouteRequest, budget: Budget, spend: Spend
) -> tuple[str, str] | None:
    limits = tuple(standings(budget, spend))
    if budget.request_usd is None and not limits:
        return None
    cost = model.worst_usd(request.input_tokens, request.output_tokens)
    if cost is None:
        source = budget.request_source if budget.request_usd is not None else limits[0].source
        return "its price is unknown, and there is a budget", source
    if budget.request_usd is not None and cost > budget.request_usd:
        return f"it may cost ${cost:.4f}, over ${budget.request_usd:.4g} per request", budget.request_source
    for limit in limits:
        if cost > 0 and limit.spent_usd + cost > limit.limit_usd:
            return (
                f"with ${limit.spent_usd:.2f} spent it goes over ${limit.limit_usd:.2f} {limit.over}",
                limit.source,
            )
    return None
