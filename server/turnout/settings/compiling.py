"""From settings to the policy that decisions are made by."""

from collections.abc import Mapping, Sequence
from functools import partial

from turnout.core.globs import PathSet, Pattern
from turnout.core.models import Model
from turnout.core.policy import Budget, Chain, Ordering, Policy, Privacy, Rule, RuleSet, TierChain
from turnout.core.requests import KINDS, TIERS, Elimination, Kind, Tier
from turnout.settings.endpoints import Endpoints
from turnout.settings.layers import CheckedRule, Leaf, dotted
from turnout.settings.problems import Problem, nearest
from turnout.settings.schema import RouteSettings, Settings
from turnout.settings.toml import KeyPath

Leaves = Mapping[KeyPath, Leaf]


def compile_policy(
    settings: Settings, endpoints: Endpoints, leaves: Leaves, rules: Sequence[CheckedRule]
) -> tuple[Policy, list[Problem]]:
    """The policy of `settings`, and a problem for every name in a chain that is no model."""
    problems: list[Problem] = []
    compiled = []
    for checked in rules:
        models, unusable = _named(checked.rule.models, endpoints, checked.layer.source(checked.path))
        problems += _unknown(unusable, checked.layer.where(checked.path), dotted((*checked.path, "models")))
        compiled.append(
            Rule(
                models=models,
                source=checked.layer.source(checked.path),
                paths=checked.rule.paths,
                kinds=frozenset(checked.rule.kinds),
                languages=frozenset(checked.rule.languages),
                unusable=unusable,
            )
        )
    routes: dict[Kind, Chain] = {}
    for kind in KINDS:
        routes[kind] = _chain(kind, getattr(settings.routes, kind), endpoints, leaves)
        problems += _unknown_names(kind, routes[kind], leaves)
    policy = Policy(
        models=tuple(endpoints.models.values()),
        model_sources=endpoints.sources,
        routes=routes,
        rules=RuleSet(compiled),
        privacy=_privacy(settings, leaves),
        budget=_budget(settings, leaves),
    )
    return policy, problems


def _chain(kind: Kind, route: RouteSettings, endpoints: Endpoints, leaves: Leaves) -> Chain:
    source = partial(_optional_source, leaves)
    models_source = source(("routes", kind, "models"))
    models, unusable = _named(route.models, endpoints, models_source)
    return Chain(
        models=models,
        source=models_source,
        unusable=unusable,
        deadline_ms=route.deadline_ms,
        deadline_source=source(("routes", kind, "deadline_ms")),
        first_token_source=source(("routes", kind, "first_token_ms")),
        first_token_ms=route.first_token_ms,
        hedge_ms=route.hedge_ms,
        leaves_machine=route.leaves_machine,
        leaves_machine_source=source(("routes", kind, "leaves_machine")),
        ordering=Ordering(route.strategy, route.weights),
        tiers=_tiers(kind, route, endpoints, leaves),
    )


def _unknown_names(kind: Kind, chain: Chain, leaves: Leaves) -> list[Problem]:
    problems: list[Problem] = []
    chains: list[tuple[str, Chain | TierChain]] = [("models", chain), *chain.tiers.items()]
    for key, named in chains:
        path: KeyPath = ("routes", kind, key)
        problems += _unknown(named.unusable, leaves[path].layer.where(path), dotted(path))
    return problems


def _tiers(
    kind: Kind, route: RouteSettings, endpoints: Endpoints, leaves: Leaves
) -> Mapping[Tier, TierChain]:
    tiers: dict[Tier, TierChain] = {}
    for tier in TIERS:
        names = getattr(route, tier)
        if names is not None:
            source = _optional_source(leaves, ("routes", kind, tier))
            models, unusable = _named(names, endpoints, source)
            tiers[tier] = TierChain(models, source, unusable)
    return tiers


def _named(
    names: Sequence[str], endpoints: Endpoints, source: str
) -> tuple[tuple[Model, ...], tuple[Elimination, ...]]:
    unique = tuple(dict.fromkeys(names))
    models = tuple(endpoints.models[name] for name in unique if name in endpoints.models)
    unusable = tuple(
        Elimination(name, _why_unusable(name, endpoints), source)
        for name in unique
        if name not in endpoints.models
    )
    return models, unusable


def _why_unusable(name: str, endpoints: Endpoints) -> str:
    if name in endpoints.sources:
        return "its settings are incomplete"
    return f"there is no such model{nearest(name, tuple(endpoints.models))}"


def _unknown(unusable: Sequence[Elimination], where: str, key: str) -> list[Problem]:
    return [Problem(where, key, f"`{elimination.model}`: {elimination.reason}") for elimination in unusable]


def _privacy(settings: Settings, leaves: Leaves) -> Privacy:
    leaves_path: KeyPath = ("privacy", "leaves_machine")
    places_path: KeyPath = ("privacy", "jurisdictions")
    places = frozenset(settings.privacy.jurisdictions)
    return Privacy(
        leaves_machine=settings.privacy.leaves_machine,
        leaves_machine_source=leaves[leaves_path].source(leaves_path),
        jurisdictions=None if "*" in places else places,
        jurisdictions_source=leaves[places_path].source(places_path),
        local_only=_path_set(settings.privacy.local_only, ("privacy", "local_only"), leaves),
        never_read=_path_set(settings.privacy.never_read, ("privacy", "never_read"), leaves),
        secrets=settings.privacy.secrets,
        secrets_source=leaves["privacy", "secrets"].source(("privacy", "secrets")),
    )


def _path_set(patterns: Sequence[str], path: KeyPath, leaves: Leaves) -> PathSet:
    leaf = leaves[path]
    return PathSet(Pattern(text, leaf.item_source(path, text)) for text in patterns)


def _budget(settings: Settings, leaves: Leaves) -> Budget:
    source = partial(_optional_source, leaves)
    return Budget(
        day_usd=settings.budget.day_usd,
        day_source=source(("budget", "day_usd")),
        request_usd=settings.budget.request_usd,
        request_source=source(("budget", "request_usd")),
        month_usd=settings.budget.month_usd,
        month_source=source(("budget", "month_usd")),
        workspace_day_usd=settings.budget.workspace_day_usd,
        workspace_day_source=source(("budget", "workspace_day_usd")),
        workspace_month_usd=settings.budget.workspace_month_usd,
        workspace_month_source=source(("budget", "workspace_month_usd")),
        when_spent=settings.budget.when_spent,
    )


def _optional_source(leaves: Leaves, path: KeyPath) -> str:
    return leaves[path].source(path) if path in leaves else ""
