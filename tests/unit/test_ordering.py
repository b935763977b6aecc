"""The order of a route's candidates: as written, by price, by speed, by lot, and who is too slow goes last."""

import re
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.core.complexity import (
    KIND_POINTS,
    LARGE_TOKENS,
    LITTLE,
    LITTLE_SIGNS,
    LONG_CHARACTERS,
    MANY_FILES,
    MUCH,
    MUCH_SIGNS,
    SMALL_TOKENS,
    estimate,
)
from turnout.core.health import Health, ModelHealth, Spend
from turnout.core.models import Model, Usage
from turnout.core.ordering import MIN_SAMPLES, STALE_S
from turnout.core.policy import Budget, Chain, Ordering, Policy, Rule, RuleSet, TierChain
from turnout.core.requests import KINDS, TIERS, Kind, Strategy, Tier
from turnout.core.routing import RouteRequest, decide


def hosted(name: str, input_usd: float | None = None, output_usd: float | None = None) -> Model:
    return Model(
        name,
        "openai-chat",
        name,
        leaves_machine=True,
        jurisdiction="US",
        context_tokens=100_000,
        input_usd=input_usd,
        output_usd=output_usd,
    )


DEAR, FAIR, CHEAP, UNPRICED = (
    hosted("dear", 5, 25),
    hosted("fair", 3, 15),
    hosted("cheap", 0.1, 0.2),
    hosted("unpriced"),
)
NEAR = Model("near", "local", "small", context_tokens=100_000)
MODELS = (DEAR, UNPRICED, FAIR, CHEAP, NEAR)
NOW = 10_000.0


def policy(chain: Chain, **changes: object) -> Policy:
    """All kinds have `chain`."""
    made = Policy(MODELS, {model.name: "M" for model in MODELS}, dict.fromkeys(KINDS, chain))
    return replace(made, **changes)  # type: ignore[arg-type]


def ordered(strategy: Strategy, **weights: float) -> Chain:
    return Chain(MODELS, "C", ordering=Ordering(strategy, weights))


def health(**models: tuple[float, float | None] | ModelHealth) -> Health:
    """Measurements by model: (milliseconds to the first text, tokens per second)."""
    return Health(
        {
            name: given
            if isinstance(given, ModelHealth)
            else ModelHealth(
                first_token_ms=given[0], tokens_per_second=given[1], samples=MIN_SAMPLES, measured_at=NOW
            )
            for name, given in models.items()
        }
    )


REQUEST = RouteRequest("refactor", ("a.py",), input_tokens=1000, output_tokens=1000)


@pytest.mark.parametrize(
    ("strategy", "known", "expected"),
    [
        ("order", Health(), "dear unpriced fair cheap near"),
        ("cheapest", Health(), "near cheap fair dear unpriced"),
        ("fastest", Health(), "dear unpriced fair cheap near"),
        (
            "fastest",
            health(dear=(100, 30), unpriced=(50, 10), fair=(900, 300), cheap=(400, None), near=(200, 3000)),
            "near cheap fair dear unpriced",
        ),
        ("fastest", health(dear=(100, 30), fair=(50, 30)), "unpriced cheap near fair dear"),
        (
            "fastest",
            health(
                dear=ModelHealth(first_token_ms=1, samples=MIN_SAMPLES, measured_at=NOW - STALE_S - 1),
                unpriced=ModelHealth(first_token_ms=1, samples=MIN_SAMPLES - 1, measured_at=NOW),
                fair=(10, 100),
                cheap=(20, 100),
                near=(5, 100),
            ),
            "dear unpriced near fair cheap",
        ),
    ],
)
def test_strategies(strategy: Strategy, known: Health, expected: str) -> None:
    """Cheap goes by the price of this request, fast by measurements of late; what is unknown keeps its place."""
    route = decide(REQUEST, policy(ordered(strategy)), known, now=NOW)
    assert [model.name for model in route.candidates] == expected.split()
    assert route.strategy == strategy
    assert {note.model for note in route.notes} == (set() if strategy == "order" else set(expected.split()))


def test_slow_models_go_last() -> None:
    """Who cannot begin within the deadline is asked after all others, with the setting that says so, and stays in."""
    chain = Chain(MODELS, "C", deadline_ms=500, deadline_source="D")
    known = health(dear=(501, 10), fair=(500, 10), near=(9000, 10))
    route = decide(REQUEST, policy(chain), known, now=NOW)
    assert [model.name for model in route.candidates] == ["unpriced", "fair", "cheap", "dear", "near"]
    assert {note.model: note.text for note in route.notes}["dear"] == (
        "asked last: its first text takes about 501 ms of 500 ms (D)"
    )
    shorter = replace(chain, first_token_ms=300, first_token_source="F")
    route = decide(REQUEST, policy(shorter), known, now=NOW)
    assert [model.name for model in route.candidates] == ["unpriced", "cheap", "dear", "fair", "near"]


def test_shares() -> None:
    """Weights are the shares of workspaces, each of which keeps its model; one without a weight is a fallback."""
    weighted = policy(ordered("weighted", dear=3, cheap=1))
    firsts: Counter[str] = Counter()
    for number in range(4000):
        request = replace(REQUEST, workspace=f"/home/me/project{number}")
        names = [model.name for model in decide(request, weighted).candidates]
        firsts[names[0]] += 1
        assert names[2:] == ["unpriced", "fair", "near"]
        assert names == [model.name for model in decide(replace(request, kind="fix"), weighted).candidates]
    assert firsts["dear"] / 4000 == pytest.approx(0.75, abs=0.02)
    assert firsts["dear"] + firsts["cheap"] == 4000


def test_lots_are_independent() -> None:
    """A model that cannot be used now changes nothing in the order of the others."""
    weighted = policy(ordered("weighted"))
    down = Health({"fair": ModelHealth(circuit="open")})
    for number in range(50):
        request = replace(REQUEST, workspace=f"w{number}")
        all_of_them = [m.name for m in decide(request, weighted).candidates]
        without = [m.name for m in decide(request, weighted, down).candidates]
        assert without == [name for name in all_of_them if name != "fair"]


@pytest.mark.parametrize(
    ("known", "reason"),
    [
        (ModelHealth(), None),
        (ModelHealth(circuit="open", until=NOW + 12, reason="connection refused"),
         "it failed lately (connection refused), and is asked again in 12 s"),
        (ModelHealth(circuit="open"), "it failed lately"),
        (ModelHealth(circuit="open", until=NOW), None),
        (ModelHealth(circuit="half-open", until=NOW + 12), None),
    ],
)  # fmt: skip
def test_circuits(known: ModelHealth, reason: str | None) -> None:
    """A model whose circuit is open is passed over until its time has come."""
    route = decide(REQUEST, policy(Chain(MODELS, "C")), Health({"dear": known}), now=NOW)
    told = {elimination.model: elimination for elimination in route.eliminated}
    assert (told["dear"].reason if "dear" in told else None) == reason
    assert ("dear" in told) is (DEAR not in route.candidates)


@pytest.mark.parametrize(
    ("budget", "spend", "reason"),
    [
        (Budget(month_usd=10, month_source="B"), Spend(month_usd=9.99), "with $9.99 spent it goes over $10.00 a month"),
        (Budget(workspace_day_usd=1, workspace_day_source="B"), Spend(today_usd=99, workspace_today_usd=1),
         "with $1.00 spent it goes over $1.00 a day in this workspace"),
        (Budget(workspace_month_usd=1, workspace_month_source="B"), Spend(month_usd=99, workspace_month_usd=1),
         "with $1.00 spent it goes over $1.00 a month in this workspace"),
    ],
)  # fmt: skip
def test_budgets_over_time(budget: Budget, spend: Spend, reason: str) -> None:
    """Each limit counts what was spent under it, and a model that stays here goes on under all of them."""
    route = decide(REQUEST, policy(Chain(MODELS, "C"), budget=budget), spend=spend)
    told = {elimination.model: (elimination.reason, elimination.source) for elimination in route.eliminated}
    assert told["dear"] == (reason, "B")
    assert NEAR in route.candidates


def test_tools() -> None:
    """A request with tools goes to an API that can call them."""
    route = decide(replace(REQUEST, tools=True), policy(Chain(MODELS, "C")))
    assert {e.model: e.reason for e in route.eliminated} == {"near": "its API (local) cannot call tools"}


@pytest.mark.parametrize(
    ("kind", "tokens", "files", "tier"),
    [
        ("inline", 0, 1, "simple"),
        ("commit_message", LARGE_TOKENS, 1, "standard"),
        ("document", 3000, 1, "simple"),
        ("fix", SMALL_TOKENS - 1, 1, "simple"),
        ("fix", 0, 1, "standard"),
        ("rewrite", SMALL_TOKENS, 1, "standard"),
        ("rewrite", LARGE_TOKENS, MANY_FILES, "complex"),
        ("refactor", 200, 1, "standard"),
        ("refactor", 3000, MANY_FILES - 1, "standard"),
        ("refactor", 3000, MANY_FILES, "complex"),
        ("refactor", LARGE_TOKENS, 1, "complex"),
    ],
)
def test_estimate(kind: Kind, tokens: int, files: int, tier: Tier) -> None:
    """Kind, size and number of files make the tier, and the reason names what counted."""
    found = estimate(kind, tokens, files)
    assert found.tier == tier
    assert found.reason.startswith(f"{kind} ({KIND_POINTS[kind]})")
    assert ("files" in found.reason) is (files >= MANY_FILES)


@pytest.mark.parametrize(
    ("instruction", "points"),
    [
        ("", 0),
        ("use pathlib", 0),
        ("Rename total to sum", -1),
        ("please fix the typo in the message", -1),
        ("RENAME it", -1),
        ("Kommentar ergänzen", -1),
        ("Bitte umbenennen in summe", -1),
        ("renombrar la variable", -1),
        ("corrige la coquille", -1),
        ("把 total 重命名为 sum", -1),
        ("コメントを足す", -1),
        ("Support another format for exports", 0),
        ("format this", -1),
        ("write a parser that can also rename files", 0),
        ("redesign the cache", 2),
        ("change the architecture of the store", 2),
        ("Migrate to SQLAlchemy 2", 2),
        ("make it safe under concurrency", 2),
        ("die Architektur umbauen", 2),
        ("migrer vers la nouvelle API", 2),
        ("重新设计缓存", 2),
        ("改架构", 2),
        ("переимен и архитектура", 2),
        ("rename it everywhere", 2),
        ("rename it, then redesign the cache", 2),
        ("xyzzy plugh", 0),
        ("\u200b\0\ud800 rename", -1),
        ("x" * LONG_CHARACTERS, 1),
        ("rename it " + "x" * LONG_CHARACTERS, 0),
        ("redesign it " + "x" * LONG_CHARACTERS, 3),
        ("x " * 5_000 + "redesign", 1),
    ],
)
def test_what_the_words_of_an_instruction_change(instruction: str, points: int) -> None:
    """Words for little count at the beginning, those for much anywhere and above the others; unknown words do not."""
    without, found = estimate("refactor", 2000, 1), estimate("refactor", 2000, 1, instruction)
    changes = re.findall(r"\(([+-]\d)\)", found.reason.removeprefix(without.reason))
    assert sum(map(int, changes)) == points
    tiers = {1: "standard", 2: "standard", 3: "complex", 4: "complex", 5: "complex"}
    assert found.tier == tiers[2 + points]


@given(st.sampled_from(KINDS), st.text(max_size=300))
def test_any_instruction(kind: Kind, instruction: str) -> None:
    """Whatever is said, there is a tier, and none of the user's words are in its reason but those of the tables."""
    found = estimate(kind, 2000, 1, instruction)
    assert found.tier in TIERS
    quoted = set(re.findall(r"`([^`]*)`", found.reason))
    assert quoted <= {*LITTLE, *MUCH, *LITTLE_SIGNS, *MUCH_SIGNS}


@given(
    st.sampled_from(KINDS),
    st.integers(1, 50_000),
    st.integers(0, 99),
    st.integers(0, 9999),
    st.integers(0, 9),
)
def test_more_is_never_simpler(
    kind: Kind, tokens: int, files: int, more_tokens: int, more_files: int
) -> None:
    """More text or more files never put a request into a simpler tier."""
    smaller, larger = estimate(kind, tokens, files), estimate(kind, tokens + more_tokens, files + more_files)
    assert TIERS.index(smaller.tier) <= TIERS.index(larger.tier)


def test_tiers() -> None:
    """A tier with a chain of its own has it, another one that of the route; a rule goes before both, as written."""
    chain = replace(
        ordered("cheapest"),
        tiers={"simple": TierChain((CHEAP,), "S"), "complex": TierChain((FAIR, DEAR), "X")},
    )
    plain = policy(chain)
    small = decide(replace(REQUEST, kind="fix", input_tokens=500), plain)
    assert (small.tier, small.reason, small.candidates) == ("simple", "S", (CHEAP,))
    assert {e.model: e.source for e in small.eliminated} == dict.fromkeys(
        ("dear", "unpriced", "fair", "near"), "S"
    )
    middle = decide(replace(REQUEST, kind="fix"), plain)
    assert (middle.tier, middle.reason, middle.candidates[0]) == ("standard", "C", NEAR)
    large = decide(replace(REQUEST, files=9), plain)
    assert (large.tier, large.candidates) == ("complex", (FAIR, DEAR))
    assert large.tier_reason == "refactor (2), 9 files (+1)"
    assert large.why.startswith(
        "X; taken to be complex: refactor (2), 9 files (+1); ordered by cheapest; fair about $"
    )
    ruled = decide(replace(REQUEST, files=9), replace(plain, rules=RuleSet([Rule((DEAR, CHEAP), "R")])))
    assert ruled.why == "R"
    assert (ruled.tier, ruled.strategy, ruled.candidates) == (None, "order", (DEAR, CHEAP))


@pytest.mark.parametrize(
    ("usage", "prices", "expected"),
    [
        (Usage(1000, 100), {}, 0.0075),
        (Usage(1000, 100, cached=800), {}, 0.0075),
        (Usage(1000, 100, cached=800), {"cache_read_usd": 0.5}, 0.0039),
        (
            Usage(1000, 100, cached=800, written=200),
            {"cache_read_usd": 0.5, "cache_write_usd": 6.25},
            0.00415,
        ),
        (Usage(1000, 100, written=1000), {}, 0.00875),
        (Usage(10, 100, cached=800), {"cache_read_usd": 0.5}, 0.0029),
        (Usage(1000, 100), {"output_usd": None}, None),
        (Usage(1000, 100, cost_usd=0.5), {"output_usd": None}, 0.5),
    ],
)
def test_cost(usage: Usage, prices: dict[str, float | None], expected: float | None) -> None:
    """Cached and stored input has its own price; where that is unknown, the cost is what it can be at most."""
    cost = replace(DEAR, **prices).cost_of(usage)  # type: ignore[arg-type]
    assert cost == (None if expected is None else pytest.approx(expected))


@pytest.mark.parametrize(
    ("told_usd", "checked"),
    [
        (0.00750, Usage(1000, 100, cost_usd=0.00750)),
        (0.0750, Usage(1000, 100, cost_usd=0.0750)),
        (0.00008, Usage(1000, 100)),
        (1e-12, Usage(1000, 100)),
        (0.0751, Usage(1000, 100, estimated=True)),
        (1e12, Usage(1000, 100, estimated=True)),
    ],
)
def test_a_told_cost_is_in_proportion(told_usd: float, checked: Usage) -> None:
    """A gateway may be dearer than the prices that are known, never cheaper; beyond reason nobody knows."""
    usage = Usage(1000, 100, cost_usd=told_usd)
    assert replace(DEAR, api="openai-chat").checked(usage) == checked
    assert replace(DEAR, input_usd=None).checked(usage) == usage


@given(st.integers(0, 10**6), st.integers(0, 10**4), st.data())
def test_worst_cost(input_tokens: int, output_tokens: int, data: st.DataObject) -> None:
    """No usage within the limits of a request costs more than the worst case that is reckoned with."""
    cached = data.draw(st.integers(0, input_tokens))
    written = data.draw(st.integers(0, input_tokens - cached))
    model = replace(
        DEAR,
        api=data.draw(st.sampled_from(["anthropic", "openai-chat"])),
        cache_read_usd=data.draw(st.none() | st.floats(0, 5)),
        cache_write_usd=data.draw(st.none() | st.floats(0, 20)),
    )
    written = written if model.api == "anthropic" or model.cache_write_usd is not None else 0
    cost = model.cost_of(Usage(input_tokens, output_tokens, cached=cached, written=written))
    worst = model.worst_usd(input_tokens, output_tokens)
    assert cost is not None
    assert worst is not None
    assert cost <= worst * (1 + 1e-9)
