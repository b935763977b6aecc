"""The decision: which models may serve a request, in which order, and why each other one may not.

Invariant: a pure function of the request, the policy, the health of the models, what was spent, and the time.
Who is let in is for `objections` to say and the order for `ordering`: neither can undo what the other did.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from turnout.core.budget import limits_of
from turnout.core.complexity import estimate
from turnout.core.globs import fold_path
from turnout.core.health import Health, Spend
from turnout.core.models import Model
from turnout.core.objections import RouteRequest, against_policy, limits, objection
from turnout.core.ordering import Circumstances, arrange
from turnout.core.policy import Chain, Ordering, Policy, Rule
from turnout.core.requests import Elimination, Kind, Route, Tier

__all__ = ["RouteRequest", "decide", "match_ahead", "readers"]

_NOTHING_KNOWN = Health()
_NOTHING_SPENT = Spend()
_AS_WRITTEN = Ordering()

NOT_IN_CHAIN = "not in the chain"
"""Why a model is passed over that the route does not name at all."""


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
    chosen = _choose(request, policy, chain, folded)
    limited = limits(request, policy, chain, folded, spend)
    permitted: list[Model] = []
    eliminated = list(chosen.outside)
    for model in chosen.models:
        against = objection(model, request, policy, limited, health, now)
        if against is None:
            permitted.append(model)
        else:
            eliminated.append(Elimination(model.name, *against))
    eliminated += _others(policy, chosen, eliminated)
    seen = Circumstances(health, now, request.workspace, request.input_tokens, request.output_tokens)
    candidates, notes = arrange(permitted, chosen.ordering, _soonest(chain), seen)
    return Route(
        kind=request.kind,
        candidates=candidates,
        eliminated=tuple(eliminated),
        reason=chosen.source,
        deadline_ms=chain.deadline_ms,
        ask_before_leaving=limited.leaves_machine != "allow",
        limit_usd=limited.left_usd,
        limits=tuple(limits_of(policy.budget, request.workspace)),
        when_spent=limited.when_spent,
        workspace=request.workspace,
        first_token_ms=chain.first_token_ms,
        hedge_ms=chain.hedge_ms,
        strategy=chosen.ordering.strategy,
        tier=chosen.tier,
        tier_reason=chosen.tier_reason,
        notes=notes,
        secrets=policy.privacy.secrets,
        secrets_source=policy.privacy.secrets_source,
    )


def readers(request: RouteRequest, policy: Policy) -> frozenset[Model]:
    """The models that may have the text of `request` by the settings, however hard, dear or long a request is.

    A rule for its path names all of them; without one, those of every tier of the route are.
    """
    chain = policy.routes[request.kind]
    folded = tuple(map(fold_path, request.paths))
    rules = _rules_for(request, policy, folded)
    tiers = [model for tier in chain.tiers.values() for model in tier.models]
    models = _in_every(rules).models if rules else (*chain.models, *tiers)
    limited = limits(request, policy, chain, folded, _NOTHING_SPENT)
    return frozenset(model for model in models if against_policy(model, policy, limited) is None)


def match_ahead(kind: Kind, language: str, paths: Iterable[str], policy: Policy) -> None:
    """Match `paths` against the patterns of `policy`, which remembers it: the first time takes long with many of them.

    May be called on a thread.
    """
    for path in map(fold_path, paths):
        policy.privacy.never_read.match(path)
        policy.privacy.local_only.match(path)
        policy.rules.first(kind, language, path)


@dataclass(frozen=True, slots=True)
class _Chosen:
    """The models to consider, those that are out already, the setting that chose them, and how they are ordered."""

    models: Sequence[Model]
    outside: Sequence[Elimination]
    source: str
    ordering: Ordering = _AS_WRITTEN
    tier: Tier | None = None
    tier_reason: str = ""


def _choose(request: RouteRequest, policy: Policy, chain: Chain, folded: Sequence[str]) -> _Chosen:
    """The chain of the first rule that fits, else that of the request's tier, else that of the route.

    Several files can fall under several rules: a model then has to be in the chain of each of them.
    What a rule says is asked as it is written: it was written for these files.
    """
    if rules := _rules_for(request, policy, folded):
        return _in_every(rules)
    if not chain.tiers:
        return _Chosen(chain.models, chain.unusable, chain.source, chain.ordering)
    estimated = estimate(request.kind, request.input_tokens, request.files, request.instruction)
    tier = chain.tiers.get(estimated.tier, chain)
    return _Chosen(tier.models, tier.unusable, tier.source, chain.ordering, estimated.tier, estimated.reason)


def _rules_for(request: RouteRequest, policy: Policy, folded: Sequence[str]) -> list[Rule]:
    """The rules that any path of the request falls under, in order."""
    found = {policy.rules.first(request.kind, request.language, path) for path in folded or ("",)}
    return [policy.rules.rules[index] for index in sorted(index for index in found if index is not None)]


def _soonest(chain: Chain) -> tuple[int, str] | None:
    """The time within which a model has to begin, and the setting that says so."""
    times = ((chain.deadline_ms, chain.deadline_source), (chain.first_token_ms, chain.first_token_source))
    return min(((limit_ms, source) for limit_ms, source in times if limit_ms is not None), default=None)


def _in_every(rules: Sequence[Rule]) -> _Chosen:
    first, *others = rules
    if not others:
        return _Chosen(first.models, first.unusable, first.source)
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
    return _Chosen(models, outside, first.source)


def _others(policy: Policy, chosen: _Chosen, eliminated: Sequence[Elimination]) -> Iterable[Elimination]:
    """The models that nobody asked for here."""
    named = {model.name for model in chosen.models} | {elimination.model for elimination in eliminated}
    return [
        Elimination(model.name, NOT_IN_CHAIN, chosen.source)
        for model in policy.models
        if model.name not in named
    ]
