"""A spent budget whose user wants to be asked: nothing goes over it without a yes, and what does is on record."""

import asyncio
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from support.dispatch_kit import NEAR, OPUS, Around, Script, Scripted, ask, hang, route, says, setup
from support.ledger_kit import DAY, Clock
from turnout.core.budget import limits_of, standings
from turnout.core.health import Spend
from turnout.core.limits import Limit
from turnout.core.models import Model
from turnout.core.policy import Budget, Chain, Policy
from turnout.core.requests import COMPLETION_KINDS, KINDS, Kind, Route
from turnout.core.routing import RouteRequest, decide
from turnout.core.spending import Refusal, Reservation
from turnout.dispatch import Dispatcher
from turnout.errors import BudgetExceeded, ConnectionFailed, RouteError, TurnoutError
from turnout.session.narrowing import within
from turnout.store import Ledger, spent
from turnout.store.schema import open_database

MONTH = Limit(2.0, "month", None, "config.toml:4 budget.month_usd")
SONNET = replace(OPUS, name="sonnet")


def asking(*models: Model, **more: Any) -> Route:
    """A route whose user is asked at a spent budget."""
    return route(*models, **{"limits": (DAY,), "when_spent": "ask", **more})


@pytest.mark.parametrize("said", [True, False])
async def test_the_user_decides(said: bool) -> None:
    """A yes sends it, with the limit allowed and in the receipt; a no asks the next model. Either is asked for once."""
    around = Around(asking(OPUS, NEAR), refusals=[Refusal(DAY, 0.97)], allows=[said])
    backend = Scripted({"opus": says("far"), "near": says("near")})
    answer = await setup(around, backend).run(ask())
    assert backend.asked == (["opus"] if said else ["near"])
    [question] = around.overspending
    assert (question.limit, question.taken_usd, question.model) == (DAY, 0.97, OPUS)
    assert [reserved.allowed for reserved in around.reserved] == ([(DAY,)] if said else [])
    assert ("you allowed it to go over $1.00 a day" in answer.receipt.reason) is said
    assert ("did not allow it" in answer.receipt.reason) is not said


async def test_it_is_asked_with_what_it_may_cost() -> None:
    """The worst case, which is what is set aside then."""
    around = Around(asking(OPUS), refusals=[Refusal(DAY, 0.97)], allows=[True])
    await setup(around, Scripted({"opus": says("x")})).run(ask())
    assert [question.worst_usd for question in around.overspending] == [around.reserved[0].usd]


@pytest.mark.parametrize("kind", sorted(COMPLETION_KINDS))
async def test_typing_is_never_asked_about(kind: Kind) -> None:
    """Completions stay within their budget, also where a route should say otherwise."""
    around = Around(asking(OPUS, NEAR, kind=kind), refusals=[Refusal(DAY, 1.0)], allows=[True])
    backend = Scripted({"near": says("x")})
    await setup(around, backend).run(ask(kind=kind))
    assert (backend.asked, around.overspending) == (["near"], [])


@pytest.mark.parametrize("refusal", [Refusal(None), Refusal(DAY, 1.0)], ids=["broken ledger", "degrades"])
async def test_who_does_not_want_it_is_not_asked(refusal: Refusal) -> None:
    """Nor can anybody allow what could not be recorded."""
    when = "ask" if refusal.limit is None else "degrade"
    around = Around(asking(OPUS, when_spent=when), refusals=[refusal], allows=[True])
    backend = Scripted({})
    with pytest.raises(BudgetExceeded):
        await setup(around, backend).run(ask())
    assert (backend.asked, around.overspending) == ([], [])


async def test_what_one_request_may_cost_is_never_asked_about() -> None:
    """The limit of a request holds over every yes, also for its next try."""
    cap = 0.06  # one worst case, not two
    around = Around(asking(OPUS, SONNET, limit_usd=cap), refusals=[Refusal(DAY, 1.0)], allows=[True] * 9)
    backend = Scripted({"opus": [hang], "sonnet": says("x")})
    around.route = replace(around.route, first_token_ms=1)
    with pytest.raises(TurnoutError, match="is left for it"):
        await setup(around, backend).run(ask())
    assert backend.asked == ["opus"]
    around = Around(asking(OPUS, limit_usd=0.01), refusals=[Refusal(DAY, 1.0)], allows=[True])
    with pytest.raises(BudgetExceeded, match=r"\$0.0100 is left"):
        await setup(around, backend).run(ask())
    assert around.overspending == []


async def test_each_limit_is_asked_about_once_for_all_of_an_operation() -> None:
    """Yes and no hold for its other requests and models; another limit is another question."""
    refusals: list[Refusal | None] = [Refusal(DAY, 1.0), Refusal(MONTH, 2.0)]
    around = Around(asking(OPUS, limits=(DAY, MONTH)), refusals=refusals, allows=[True, True])
    dispatcher = setup(around, Scripted({"opus": says("x"), "sonnet": says("y")}))
    operation = dispatcher.operation()
    await dispatcher.run_within(ask(), operation)
    await dispatcher.run_within(ask(), operation)
    assert [question.limit for question in around.overspending] == [DAY, MONTH]
    assert [reserved.allowed for reserved in around.reserved] == [(DAY, MONTH)] * 2
    around.refusals, around.route = [Refusal(DAY, 1.0)] * 2, asking(OPUS, SONNET)
    around.overspending.clear()
    with pytest.raises(RouteError):
        await dispatcher.run(ask())
    assert len(around.overspending) == 1


async def test_parts_of_an_operation_do_not_ask_the_same_at_once() -> None:
    """One question, whose answer all of them wait for."""
    around = Around(asking(OPUS), refusals=[Refusal(DAY, 1.0)] * 3, allows=[True])
    dispatcher = setup(around, Scripted({"opus": says("x")}))
    operation = dispatcher.operation()
    await asyncio.gather(*(dispatcher.run_within(ask(), operation) for _ in range(3)))
    assert len(around.overspending) == 1


TIGHTER: list[tuple[dict[str, Any], str]] = [
    ({"when_spent": "degrade"}, "spent or set aside"),
    ({"limit_usd": 0.01}, "is left for it"),
    ({"limits": (replace(DAY, usd=0.5),)}, "did not allow"),
]


@pytest.mark.parametrize(("change", "words"), TIGHTER, ids=lambda value: next(iter(value), "")[:10])
async def test_what_is_tighter_by_the_time_of_the_answer_holds(change: dict[str, Any], words: str) -> None:
    """The question stood open, and a yes to it is none to the settings of now."""
    before = asking(OPUS)
    decided = [before]
    around = Around(before, refusals=[Refusal(DAY, 1.0)])

    async def allow(question: object) -> bool:
        around.overspending.append(question)  # type: ignore[arg-type]
        decided[0] = replace(before, **change)
        around.refusals = [Refusal(decided[0].limits[0], 1.0)]
        return len(around.overspending) == 1

    around.may_overspend = allow  # type: ignore[method-assign]
    backend = Scripted({"opus": says("x")})
    with pytest.raises(BudgetExceeded, match=words):
        await setup(around, backend, permits=lambda *_: decided[0]).run(ask())
    assert backend.asked == []


async def test_a_policy_that_forbids_it_by_the_time_of_the_answer_holds() -> None:
    """Nothing is sent to a model that the settings took away while the question stood open."""
    around = Around(asking(OPUS), refusals=[Refusal(DAY, 1.0)], allows=[True])
    backend = Scripted({"opus": says("x")})
    with pytest.raises(RouteError, match="settings changed"):
        await setup(
            around, backend, permits=lambda *_: asking() if around.overspending else around.route
        ).run(ask())
    assert (backend.asked, around.receipts[0].cost_usd) == ([], 0)


async def test_nobody_is_asked_to_pay_for_a_hedge() -> None:
    """A model is asked beside another one only within the budget; should that one fail, its turn comes all the same."""
    failing = asyncio.Event()

    async def until_asked() -> None:
        await failing.wait()

    first: Script = [until_asked, ConnectionFailed("no")]
    around = Around(
        asking(NEAR, OPUS, kind="explain", hedge_ms=1, ask=False),
        refusals=[Refusal(DAY, 1.0)] * 2,
        allows=[True],
    )
    local = replace(OPUS, name="house", input_usd=0.0, output_usd=0.0)
    around.route = replace(around.route, candidates=(local, OPUS))
    backend = Scripted({"house": first, "opus": says("x")})
    reserve = around.reserve

    def refused(reservation: Reservation, limits: tuple[Limit, ...]) -> "asyncio.Future[Refusal | None]":
        assert around.overspending == []
        failing.set()
        return reserve(reservation, limits)

    around.reserve = refused  # type: ignore[method-assign]
    running = asyncio.create_task(setup(around, backend).run(ask(kind="explain", on_restart=lambda: None)))
    await asyncio.wait_for(failing.wait(), 30)
    around.reserve = reserve  # type: ignore[method-assign]
    assert (await running).model == OPUS
    assert (backend.asked, len(around.overspending)) == (["house", "opus"], 1)


@pytest.fixture
def ledgers(tmp_path: Path) -> Iterator[tuple[Ledger, Ledger]]:
    """Two servers of one user."""
    clock = Clock()
    both = (Ledger(tmp_path / "ledger.sqlite", now=clock), Ledger(tmp_path / "ledger.sqlite", now=clock))
    yield both
    for ledger in both:
        ledger.close()


def over(around: Around, ledger: Ledger) -> Dispatcher:
    """A dispatcher that spends from `ledger`."""
    backend: Any = Scripted({"opus": says("x")})
    return Dispatcher(around, {"anthropic": backend}, around, ledger, purse=ledger)


async def test_what_was_allowed_is_counted_and_on_record(
    ledgers: tuple[Ledger, Ledger], tmp_path: Path
) -> None:
    """For all servers at once: the next one finds it taken, and the ledger says who was let over which limit."""
    tight = replace(DAY, usd=0.03)
    answers = []
    for ledger in ledgers:
        around = Around(asking(OPUS, limits=(tight,)), allows=[True])
        answers.append(await over(around, ledger).run(ask()))
        ledger.flush()
        [question] = around.overspending
        assert question.taken_usd == pytest.approx(0.001 * (len(answers) - 1), rel=0.2)
    total = sum(answer.receipt.cost_usd or 0 for answer in answers)
    connection = open_database(tmp_path / "ledger.sqlite")
    assert connection is not None
    with closing(connection):
        rows = connection.execute("SELECT receipt, allowance, source FROM overspent").fetchall()
    assert rows == [(answer.receipt.id, "$0.03 a day", tight.source) for answer in answers]
    assert spent(tmp_path / "ledger.sqlite", "", Clock().now.date()).today_usd == pytest.approx(total)


async def test_a_yes_to_one_limit_is_none_to_another(ledgers: tuple[Ledger, Ledger]) -> None:
    """The ledger itself holds the other limits, whatever was allowed; nothing is recorded where it refuses."""
    hard = Limit(0.02, "month", None, "config.toml:9 budget.month_usd")
    around = Around(asking(OPUS, limits=(replace(DAY, usd=0.01), hard)), allows=[True, False])
    with pytest.raises(BudgetExceeded, match="a month"):
        await over(around, ledgers[0]).run(ask())
    ledgers[0].flush()
    assert ledgers[1].spent("") == Spend()


async def test_requests_that_are_asked_at_once_are_both_counted(ledgers: tuple[Ledger, Ledger]) -> None:
    """Each is told what the other one had taken when it was asked, and none goes out unrecorded."""
    tight = replace(DAY, usd=0.01)
    arounds = [Around(asking(OPUS, limits=(tight,)), allows=[True]) for _ in ledgers]
    answers = await asyncio.gather(
        *(over(around, ledger).run(ask()) for around, ledger in zip(arounds, ledgers, strict=True))
    )
    for ledger in ledgers:
        ledger.flush()
    total = sum(answer.receipt.cost_usd or 0 for answer in answers)
    assert ledgers[0].settled("").today_usd == pytest.approx(total) or ledgers[1].settled(
        ""
    ).today_usd == pytest.approx(total)


POLICY = Policy(
    models=(OPUS, NEAR),
    model_sources={},
    routes={kind: Chain((OPUS, NEAR), "C") for kind in KINDS},
    budget=Budget(day_usd=1.0, day_source="D", when_spent="ask"),
)


@pytest.mark.parametrize("kind", KINDS)
def test_a_spent_budget_leaves_a_model_in_its_route_where_it_is_asked_about(kind: Kind) -> None:
    """Not for completions, and never over what one request may cost; an unknown price stays out."""
    spend = Spend(today_usd=1.0)
    asked = kind not in COMPLETION_KINDS
    request = RouteRequest(kind, input_tokens=1000, output_tokens=100)
    far = replace(OPUS, api="completions") if not asked else OPUS
    policy = replace(POLICY, routes={kind: Chain((far, NEAR), "C")})
    found = decide(request, policy, spend=spend)
    assert (far in found.candidates, found.when_spent == "ask") == (asked, asked)
    assert found.limit_usd == (None if asked else 0.0)
    assert found.limits == tuple(limits_of(policy.budget, ""))
    capped = replace(policy, budget=replace(policy.budget, request_usd=0.001))
    assert far not in decide(request, capped, spend=spend).candidates
    unknown = replace(far, input_usd=None)
    priceless = replace(policy, routes={kind: Chain((unknown, NEAR), "C")})
    assert decide(request, priceless, spend=spend).candidates == (NEAR,)
    assert [standing.left_usd for standing in standings(policy.budget, spend)] == [0.0]


def test_the_stricter_of_two_folders_holds() -> None:
    """A request over both is asked about only where both say so."""
    ask_it, degrade = asking(OPUS), asking(OPUS, when_spent="degrade")
    assert within(ask_it, ask_it).when_spent == "ask"
    for one, other in ((ask_it, degrade), (degrade, ask_it), (degrade, degrade)):
        assert within(one, other).when_spent == "degrade"


async def test_a_question_that_is_given_up_leaves_nothing_behind(ledgers: tuple[Ledger, Ledger]) -> None:
    """Cancelled while the user thinks: nothing is set aside, and nothing was sent."""
    around = Around(asking(OPUS, limits=(replace(DAY, usd=0.01),)))
    asked = asyncio.Event()

    async def think(question: object) -> bool:
        asked.set()
        await hang()
        return True

    around.may_overspend = think  # type: ignore[method-assign]
    running = asyncio.create_task(over(around, ledgers[0]).run(ask()))
    await asyncio.wait_for(asked.wait(), 30)
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    ledgers[0].flush()
    ledgers[1].flush()
    assert ledgers[1].spent("") == Spend()
