"""The routing decision alone: 30 models, 200 rules, on every keystroke."""

import time

from bench.report import Row, percentile
from turnout.core.policy import Budget, Chain, Policy, Rule, RuleSet
from turnout.core.requests import KINDS, Kind, Model
from turnout.core.routing import RouteRequest, decide

MODELS = 30
RULES = 200
_KINDS: tuple[Kind, ...] = ("inline", "refactor", "fix")


def measure(count: int) -> list[Row]:
    """Decide `count` times about paths that fall under an early rule, a late one and none."""
    policy = _policy()
    requests = [
        RouteRequest(kind, (f"services/team{number:03}/src/views/page.py",), "python", input_tokens=2000)
        for kind in _KINDS
        for number in (0, RULES - 1, RULES)
    ]
    took: list[float] = []
    for number in range(count):
        request = requests[number % len(requests)]
        began = time.perf_counter()
        route = decide(request, policy)
        took.append((time.perf_counter() - began) * 1000)
        assert route.candidates, route.eliminated
    name = f"routing decision, {MODELS} models and {RULES} rules"
    return [
        Row(f"{name}, p50", "ms", percentile(took, 0.5)),
        Row(f"{name}, p99", "ms", percentile(took, 0.99), limit=0.2),
    ]


def _policy() -> Policy:
    models = tuple(Model(f"local{number}", "local", "m", context_tokens=32_768) for number in range(MODELS))
    rules = tuple(
        Rule(models[number % MODELS :][:3], f"bench: rules.{number}", (f"services/team{number:03}/**/*.py",))
        for number in range(RULES)
    )
    return Policy(
        models=models,
        model_sources={model.name: "bench" for model in models},
        routes={kind: Chain(models, f"bench: routes.{kind}") for kind in KINDS},
        rules=RuleSet(rules),
        budget=Budget(day_usd=5.0, request_usd=0.5),
    )
