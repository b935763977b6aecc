"""The routing decision alone: 30 models, 200 rules, on every keystroke and for every action."""

import time
from collections.abc import Callable
from functools import partial
from itertools import product

from bench.report import Row, percentile
from turnout.core.globs import PathSet, Pattern
from turnout.core.health import Health, ModelHealth, Spend
from turnout.core.models import Model
from turnout.core.policy import Budget, Chain, Ordering, Policy, Privacy, Rule, RuleSet, TierChain
from turnout.core.requests import KINDS, Kind, Strategy
from turnout.core.routing import RouteRequest, decide

MODELS = 30
RULES = 200
PATTERNS = 50
_KINDS: tuple[Kind, ...] = ("inline", "refactor", "fix")
_STRATEGIES: tuple[Strategy, ...] = ("order", "cheapest", "fastest", "weighted")
_SPEND = Spend(0.5, 5.0, 0.1, 1.0)


def measure(count: int) -> list[Row]:
    """Decide `count` times about files that fall under an early rule, a late one and none, under every strategy.

    A file is seen for the first time at every hundredth decision, which is when its path is matched anew.
    A plain loop that takes as long as the median decision runs in between: its p99 is what this machine adds to both.
    Where other work stops the process in one decision of a hundred, p99 tells of that work; so every decision is
    made three times, and the quickest counts in a row of its own.
    """
    asked = [(request, _policy(strategy)) for strategy, request in product(_STRATEGIES, _requests())]
    health = Health({f"model{number}": _health(number) for number in range(MODELS)})
    made = [partial(decide, *each, health, _SPEND, now=100.0) for each in asked]
    assert all(work().candidates for work in made)
    turns = _turns_like([_timed(work) for work in made * 20])
    took: list[float] = []
    quickest: list[float] = []
    new: list[float] = []
    plain: list[float] = []
    for number in range(count):
        if number % 100 == 0:
            request, policy = asked[number // 100 % len(asked)]
            request = _about(request.kind, number // 100 % (RULES + 1), f"new{number}")
            new.append(_timed(partial(decide, request, policy, health, _SPEND, now=100.0)))
            continue
        thrice = [_timed(made[number % len(made)]) for _ in range(3)]
        took.append(thrice[0])
        quickest.append(min(thrice))
        plain.append(_timed(partial(_spin, turns)))
    name = f"routing decision, {MODELS} models and {RULES} rules"
    beside = percentile(plain, 0.99), "a plain loop of the same median"
    return [
        Row(f"{name}, p50", "ms", percentile(took + new, 0.5)),
        Row(f"{name}, p99", "ms", percentile(took + new, 0.99), *beside, limit=0.2),
        Row(f"{name}, quickest of three, p99", "ms", percentile(quickest, 0.99), limit=0.2),
        Row(f"{name}, a file seen first, p50", "ms", percentile(new, 0.5)),
    ]


def _timed(work: Callable[[], object]) -> float:
    """Milliseconds that `work` takes."""
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000


def _turns_like(times: list[float]) -> int:
    """How many turns of the plain loop take the median of `times`."""
    thousand = percentile([_timed(lambda: _spin(1000)) for _ in range(99)], 0.5)
    return max(1, round(1000 * percentile(times, 0.5) / thousand))


def _spin(turns: int) -> None:
    for _ in range(turns):
        pass


def _requests() -> list[RouteRequest]:
    return [_about(kind, team, "page") for kind in _KINDS for team in (0, RULES - 1, RULES)]


def _about(kind: Kind, team: int, name: str) -> RouteRequest:
    return RouteRequest(
        kind,
        (f"services/team{team:03}/src/views/{name}.py",),
        "python",
        keys_present=frozenset(f"model{number}" for number in range(MODELS)),
        input_tokens=2000,
        output_tokens=2000,
        workspace="/home/me/project",
    )


def _policy(strategy: Strategy) -> Policy:
    models = tuple(map(_model, range(MODELS)))
    rules = tuple(
        Rule(models[number % MODELS :][:3], f"bench: rules.{number}", (f"services/team{number:03}/**/*.py",))
        for number in range(RULES)
    )
    private = PathSet(Pattern(f"**/private{number}/**", "bench") for number in range(PATTERNS))
    weights = {model.name: float(number % 4) for number, model in enumerate(models)}
    chain = Chain(
        models,
        "bench: routes",
        deadline_ms=2000,
        ordering=Ordering(strategy, weights),
        tiers={"complex": TierChain(models, "bench: complex")},
    )
    return Policy(
        models=models,
        model_sources={model.name: "bench" for model in models},
        routes=dict.fromkeys(KINDS, chain),
        rules=RuleSet(rules),
        privacy=Privacy(jurisdictions=frozenset({"US", "SG"}), local_only=private, never_read=private),
        budget=Budget(
            day_usd=50.0, request_usd=5, month_usd=500, workspace_day_usd=50, workspace_month_usd=99
        ),
    )


def _model(number: int) -> Model:
    """Every third is a local one, the others are hosted, some of them where text may not go."""
    if number % 3 == 0:
        return Model(f"model{number}", "local", "m", context_tokens=32_768)
    return Model(
        f"model{number}",
        "anthropic",
        "m",
        key="env:KEY",
        leaves_machine=True,
        jurisdiction=("US", "SG", "CN")[number % 3],
        context_tokens=200_000,
        input_usd=1.0,
        output_usd=float(number),
    )


def _health(number: int) -> ModelHealth:
    return ModelHealth(
        "open" if number % 10 == 9 else "closed",
        until=200.0,
        first_token_ms=100.0 * number,
        tokens_per_second=50.0,
        samples=9,
        measured_at=99.0,
    )
