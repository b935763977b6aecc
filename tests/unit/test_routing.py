"""Decisions: the right chain, and a reason with its setting for every model that is passed over."""

from dataclasses import replace
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.core.explaining import route_to_wire
from turnout.core.globs import PathSet, Pattern
from turnout.core.health import Health, ModelHealth, Spend
from turnout.core.models import Model
from turnout.core.policy import Budget, Chain, Ordering, Policy, Privacy, Rule, RuleSet, TierChain
from turnout.core.requests import KINDS, TIERS, Elimination, Kind
from turnout.core.routing import RouteRequest, decide, match_ahead, readers

NEAR = Model("near", "local", "small", context_tokens=8192)
OPUS = Model(
    "opus",
    "anthropic",
    "big",
    key="env:K",
    leaves_machine=True,
    jurisdiction="US",
    context_tokens=200_000,
    input_usd=5.0,
    output_usd=25.0,
)
HOUSE = Model(
    "house", "openai-chat", "glm", leaves_machine=True, jurisdiction="self-hosted", context_tokens=50_000
)
ASIA = Model(
    "asia",
    "openai-chat",
    "glm",
    leaves_machine=True,
    jurisdiction="SG",
    context_tokens=50_000,
    input_usd=0.0,
    output_usd=0.0,
)
NOWHERE = replace(ASIA, name="nowhere", jurisdiction=None)
MODELS = (NEAR, OPUS, HOUSE, ASIA, NOWHERE)

ALL = Chain((OPUS, HOUSE, ASIA, NOWHERE, NEAR), "config:1 routes", deadline_ms=1000)
POLICY = Policy(
    MODELS, {model.name: f"config:9 models.{model.name}" for model in MODELS}, dict.fromkeys(KINDS, ALL)
)
REQUEST = RouteRequest("refactor", ("src/a.py",), "python", frozenset({"opus"}), 1000, 1000)


def privacy(**changes: object) -> Policy:
    return replace(POLICY, privacy=replace(Privacy(), **changes))  # type: ignore[arg-type]


def patterns(*texts: str) -> PathSet:
    return PathSet(Pattern(text, "config:2 patterns") for text in texts)


@pytest.mark.parametrize(
    ("policy", "request_changes", "candidates", "eliminated"),
    [
        pytest.param(POLICY, {}, "opus house asia nowhere near", {}, id="in order"),
        pytest.param(
            privacy(leaves_machine="never", leaves_machine_source="P"),
            {},
            "near",
            dict.fromkeys(("opus", "house", "asia", "nowhere"), ("nothing may leave this machine", "P")),
            id="never",
        ),
        pytest.param(
            replace(
                POLICY, routes={"refactor": replace(ALL, leaves_machine="never", leaves_machine_source="R")}
            ),
            {},
            "near",
            {"opus": ("refactor requests may not leave this machine", "R")},
            id="never for this kind",
        ),
        pytest.param(
            privacy(local_only=patterns("src/")),
            {},
            "near",
            {"house": ("src/a.py may not leave this machine (`src/`)", "config:2 patterns")},
            id="local only",
        ),
        pytest.param(
            privacy(local_only=patterns("*.tf")),
            {"paths": ("a.py", "b.TF")},
            "near",
            {"opus": ("b.TF may not leave this machine (`*.tf`)", "config:2 patterns")},
            id="one of several files",
        ),
        pytest.param(
            privacy(never_read=patterns("*.py")),
            {},
            "",
            {"near": ("src/a.py is never read (`*.py`)", "config:2 patterns")},
            id="never read",
        ),
        pytest.param(
            privacy(jurisdictions=frozenset({"US"}), jurisdictions_source="J"),
            {},
            "opus house near",
            {
                "asia": ("its API is in SG, which is not among those allowed", "J"),
                "nowhere": ("its API is in an unknown jurisdiction, which is not among those allowed", "J"),
            },
            id="jurisdictions",
        ),
        pytest.param(
            privacy(jurisdictions=frozenset()),
            {},
            "house near",
            {},
            id="no jurisdiction",
        ),
        pytest.param(
            POLICY,
            {"keys_present": frozenset()},
            "house asia nowhere near",
            {"opus": ("no key: env:K is not set", "config:9 models.opus")},
            id="no key",
        ),
        pytest.param(
            POLICY,
            {"kind": "inline"},
            "near",
            {"house": ("its API (openai-chat) cannot fill in the middle of a text", "config:9 models.house")},
            id="no FIM",
        ),
        pytest.param(
            POLICY,
            {"input_tokens": 60_000},
            "opus",
            {"near": ("the request needs about 61000 tokens, the model takes 8192", "config:9 models.near")},
            id="context",
        ),
        pytest.param(
            replace(POLICY, budget=Budget(request_usd=0.02, request_source="B")),
            {},
            "asia nowhere near",
            {
                "opus": ("it may cost $0.0312, over $0.02 per request", "B"),
                "house": ("its price is unknown, and there is a budget", "B"),
            },
            id="budget of a request",
        ),
        pytest.param(
            replace(POLICY, budget=Budget(day_usd=1.0, day_source="D")),
            {"spend": Spend(today_usd=0.98)},
            "asia nowhere near",
            {
                "opus": ("with $0.98 spent it goes over $1.00 a day", "D"),
                "house": ("its price is unknown, and there is a budget", "D"),
            },
            id="budget of a day",
        ),
        pytest.param(
            replace(POLICY, budget=Budget(day_usd=0.0, request_usd=0.0)),
            {"spend": Spend(today_usd=9.0)},
            "asia nowhere near",
            {},
            id="what costs nothing is never over budget",
        ),
        pytest.param(
            replace(
                POLICY, routes={"refactor": Chain((NEAR,), "C", (Elimination("naer", "no such model", "C"),))}
            ),
            {},
            "near",
            {"naer": ("no such model", "C"), "opus": ("not in the chain", "C")},
            id="not in the chain",
        ),
    ],
)
def test_decision(
    policy: Policy,
    request_changes: dict[str, object],
    candidates: str,
    eliminated: dict[str, tuple[str, str]],
) -> None:
    """Each limit takes out the models it is about, with the setting that says so, and leaves the order alone."""
    spend = request_changes.pop("spend", Spend())
    request = replace(REQUEST, **request_changes)  # type: ignore[arg-type]
    route = decide(request, policy, spend=spend)  # type: ignore[arg-type]
    assert [model.name for model in route.candidates] == candidates.split()
    reasons = {e.model: (e.reason, e.source) for e in route.eliminated}
    assert {name: reasons.get(name) for name in eliminated} == eliminated
    everyone = {model.name for model in MODELS}
    assert {model.name for model in route.candidates} | set(reasons) >= everyone
    assert not {model.name for model in route.candidates} & set(reasons)


@pytest.mark.parametrize(
    ("paths", "language", "kind", "candidates", "source"),
    [
        (("infra/a.tf",), "", "refactor", "house", "rule 0"),
        (("INFRA/a.tf",), "", "refactor", "house", "rule 0"),
        (("infra/a.tf",), "", "explain", "opus near", "rule 2"),
        (("infra/a.tf", "src/a.c"), "", "refactor", "house", "rule 0"),
        (("infra/a.tf", "docs/a.md"), "", "refactor", "", "rule 0"),
        (("docs/a.md",), "", "refactor", "opus near", "rule 2"),
        (("src/a.rs",), "rust", "refactor", "near house", "rule 1"),
        (("infra/a.rs", "src/a.rs"), "rust", "refactor", "house", "rule 0"),
        (("src/a.c",), "c", "refactor", "opus house asia nowhere near", "config:1 routes"),
        ((), "", "refactor", "opus house asia nowhere near", "config:1 routes"),
        ((), "rust", "refactor", "near house", "rule 1"),
    ],
)
def test_rules(paths: tuple[str, ...], language: str, kind: Kind, candidates: str, source: str) -> None:
    """The first rule that fits a file holds for it; a model has to be in the rule of every file of the request."""
    rules = (
        Rule((HOUSE,), "rule 0", ("infra/**",), frozenset({"refactor"})),
        Rule((NEAR, HOUSE), "rule 1", (), frozenset(), frozenset({"rust"})),
        Rule((OPUS, NEAR), "rule 2", ("docs/**", "infra/**"), frozenset({"refactor", "explain"})),
    )
    route = decide(
        replace(REQUEST, paths=paths, language=language, kind=kind), replace(POLICY, rules=RuleSet(rules))
    )
    assert [model.name for model in route.candidates] == candidates.split()
    assert route.reason == source


@pytest.mark.parametrize(
    ("general", "of_kind", "asked"),
    [
        (general, of_kind, "allow" not in (general, of_kind) or general != of_kind)
        for general, of_kind in product(("never", "ask", "allow"), repeat=2)
    ],
)
def test_consent(general: str, of_kind: str, asked: bool) -> None:
    """The user is asked unless everything that has a say allows text to leave."""
    chain = replace(ALL, leaves_machine=of_kind)  # type: ignore[arg-type]
    policy = replace(privacy(leaves_machine=general), routes={"refactor": chain})
    assert decide(REQUEST, policy).ask_before_leaving is asked


_USD = st.none() | st.floats(0, 1)
_NAMES = st.lists(st.sampled_from(MODELS), max_size=5, unique=True).map(tuple)
_ORDERINGS = st.builds(
    Ordering,
    st.sampled_from(["order", "cheapest", "fastest", "weighted"]),
    st.dictionaries(st.sampled_from([model.name for model in MODELS]), st.floats(0, 9), max_size=3),
)
_HEALTH = st.dictionaries(
    st.sampled_from([model.name for model in MODELS]),
    st.builds(
        ModelHealth,
        st.sampled_from(["closed", "open", "half-open"]),
        until=st.none() | st.floats(0, 100),
        first_token_ms=st.none() | st.floats(0, 2000),
        tokens_per_second=st.none() | st.floats(1, 1000),
        samples=st.integers(0, 5),
        measured_at=st.none() | st.floats(0, 50),
    ),
).map(Health)
_SPEND = st.builds(Spend, st.floats(0, 2), st.floats(0, 2), st.floats(0, 2), st.floats(0, 2))
_PATHS = st.sampled_from(["src/a.py", "infra/a.tf", "secret/k", "docs/x.md"])
_POLICIES = st.builds(
    Policy,
    models=st.just(MODELS),
    model_sources=st.just({}),
    routes=st.builds(
        Chain,
        _NAMES,
        st.just("C"),
        leaves_machine=st.sampled_from(["never", "ask", "allow"]),
        deadline_ms=st.none() | st.integers(10, 1000),
        ordering=_ORDERINGS,
        tiers=st.dictionaries(st.sampled_from(TIERS), st.builds(TierChain, _NAMES, st.just("T")), max_size=2),
    ).map(lambda chain: dict.fromkeys(KINDS, chain)),
    rules=st.lists(
        st.builds(
            Rule,
            _NAMES,
            st.just("R"),
            st.lists(st.sampled_from(["infra/", "*.py", "**"]), max_size=2).map(tuple),
            st.frozensets(st.sampled_from(KINDS), max_size=2),
        ),
        max_size=4,
    ).map(RuleSet),
    privacy=st.builds(
        Privacy,
        leaves_machine=st.sampled_from(["never", "ask", "allow"]),
        jurisdictions=st.none() | st.frozensets(st.sampled_from(["US", "SG"])),
        local_only=st.sampled_from([patterns(), patterns("secret/"), patterns("*.tf", "*.md")]),
        never_read=st.sampled_from([patterns(), patterns("secret/")]),
    ),
    budget=st.builds(
        Budget,
        day_usd=_USD,
        request_usd=_USD,
        month_usd=_USD,
        workspace_day_usd=_USD,
        workspace_month_usd=_USD,
    ),
)
_REQUESTS = st.builds(
    RouteRequest,
    kind=st.sampled_from(KINDS),
    paths=st.lists(_PATHS, max_size=3).map(tuple),
    keys_present=st.sampled_from([frozenset(), frozenset({"opus"})]),
    input_tokens=st.integers(0, 300_000),
    output_tokens=st.integers(0, 4096),
    files=st.integers(0, 9),
    workspace=st.sampled_from(["", "one", "two"]),
    tools=st.booleans(),
)


@given(_POLICIES, _REQUESTS, _HEALTH, _SPEND)
def test_nothing_crosses_the_line(
    policy: Policy, request: RouteRequest, health: Health, spend: Spend
) -> None:
    """Whatever the rest of the policy says, no candidate is one that privacy, jurisdiction, a path or money forbids."""
    route = decide(request, policy, health, spend, now=50.0)
    chain = policy.routes[request.kind]
    for model in route.candidates:
        assert not any(policy.privacy.never_read.match(path) for path in request.paths)
        if not model.leaves_machine:
            continue
        assert "never" not in (policy.privacy.leaves_machine, chain.leaves_machine)
        assert not any(policy.privacy.local_only.match(path) for path in request.paths)
        allowed = policy.privacy.jurisdictions
        assert allowed is None or model.jurisdiction in {*allowed, "self-hosted"}
        assert health.of(model.name).circuit_at(50.0) != "open"
        cost = model.worst_usd(request.input_tokens, request.output_tokens)
        assert route.limit_usd is None or cost == 0 or (cost is not None and cost <= route.limit_usd + 1e-9)
    told = [*(model.name for model in route.candidates), *(e.model for e in route.eliminated)]
    assert sorted(told) == sorted(model.name for model in MODELS), "every model is told of exactly once"


@given(_POLICIES, _REQUESTS, _HEALTH, _ORDERINGS)
def test_strategies_only_order(
    policy: Policy, request: RouteRequest, health: Health, ordering: Ordering
) -> None:
    """A strategy lets nobody in and keeps nobody out, and the same question has the same answer."""
    chain = policy.routes[request.kind]
    plain, other = (
        decide(
            request, replace(policy, routes={request.kind: replace(chain, ordering=each)}), health, now=50.0
        )
        for each in (Ordering(), ordering)
    )
    assert set(plain.candidates) == set(other.candidates)
    assert plain.eliminated == other.eliminated
    assert {note.model for note in other.notes} <= {model.name for model in other.candidates}


_TIGHTER: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.just({"leaves_machine": "never"}),
    st.just({"jurisdictions": frozenset()}),
    st.just({"local_only": patterns("**")}),
    st.just({"never_read": patterns("*.py", "secret/")}),
)


@given(_POLICIES, _REQUESTS, _HEALTH, _SPEND, _TIGHTER, st.floats(0, 1))
def test_tightening_only_takes_away(
    policy: Policy, request: RouteRequest, health: Health, spend: Spend, tighter: dict[str, Any], usd: float
) -> None:
    """A tighter privacy setting, a lower budget, more spent or a circuit that opens never lets another model in."""
    before = set(decide(request, policy, health, spend, now=50.0).candidates)
    budget = replace(
        policy.budget, day_usd=usd if policy.budget.day_usd is None else min(usd, policy.budget.day_usd)
    )
    broken = Health({**health.models, "opus": ModelHealth("open")})
    for changed in (
        decide(request, replace(policy, privacy=replace(policy.privacy, **tighter)), health, spend, now=50.0),
        decide(request, replace(policy, budget=budget), health, spend, now=50.0),
        decide(request, policy, health, replace(spend, today_usd=spend.today_usd + usd), now=50.0),
        decide(request, policy, broken, spend, now=50.0),
    ):
        assert set(changed.candidates) <= before


def test_wire() -> None:
    """Clients get the names in order, the chosen one, and each model passed over with reason and source."""
    route = decide(
        replace(REQUEST, keys_present=frozenset()),
        replace(POLICY, routes={"refactor": Chain((OPUS, NEAR), "C")}),
    )
    wire = route_to_wire(route)
    assert wire["candidates"] == ["near"]
    assert wire["chosen"] == "near"
    assert wire["eliminated"][0] == {
        "model": "opus",
        "reason": "no key: env:K is not set",
        "source": "config:9 models.opus",
    }
    assert wire["askBeforeLeaving"] is True


@pytest.mark.parametrize(
    ("path", "policy", "names"),
    [
        ("src/a.py", POLICY, "asia house near nowhere opus"),
        ("src/a.py", privacy(leaves_machine="never"), "near"),
        ("src/a.py", privacy(jurisdictions=frozenset({"US"})), "house near opus"),
        ("src/a.py", privacy(local_only=patterns("src/")), "near"),
        ("src/a.py", privacy(never_read=patterns("*.py")), ""),
        ("src/a.py", replace(POLICY, rules=RuleSet([Rule((HOUSE,), "r", ("src/**",))])), "house"),
        (
            "src/a.py",
            replace(
                POLICY,
                routes=dict.fromkeys(KINDS, Chain((NEAR,), "c", tiers={"complex": TierChain((OPUS,), "t")})),
                budget=Budget(day_usd=0.0),
            ),
            "near opus",
        ),
    ],
)
def test_who_may_have_a_file(path: str, policy: Policy, names: str) -> None:
    """What is said of privacy and paths counts, over all tiers; a budget, a key, a size and a circuit do not."""
    request = replace(REQUEST, paths=(path,), keys_present=frozenset(), input_tokens=10**9)
    match_ahead(request.kind, request.language, request.paths, policy)
    assert " ".join(sorted(model.name for model in readers(request, policy))) == names
    assert {model.name for model in decide(request, policy).candidates} <= set(names.split())
