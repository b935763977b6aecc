"""Money: the worst case is set aside before every send, and what was not taken is given back."""

import contextlib
from dataclasses import replace

import pytest

from support.dispatch_kit import FILES, GLM, NEAR, OPUS, Around, Scripted, ask, hang, route, says, setup
from support.ledger_kit import DAY
from turnout.core.answers import Ask
from turnout.core.backends import Delta
from turnout.core.models import Model
from turnout.core.prompts import ChatPrompt, Message
from turnout.core.spending import Refusal
from turnout.dispatch.prompts import prompt_bytes, worst_usd
from turnout.errors import (
    BudgetExceeded,
    ConnectionFailed,
    ConnectionLost,
    DeadlineExceeded,
    KeyMissing,
    ModelMissing,
    OutOfCredit,
    Overloaded,
    RateLimited,
    RequestRejected,
    RouteError,
    StreamTruncated,
    TurnoutError,
    Unauthorized,
)

SONNET = replace(OPUS, name="sonnet")


async def test_the_worst_case_is_set_aside_for_what_costs() -> None:
    """Prompt and longest answer at the model's prices, for its workspace; local models need nothing."""
    around = Around(route(OPUS, limits=(DAY,), workspace="/src/here", deadline_ms=60_000))
    answer = await setup(around, Scripted({"opus": says("x")})).run(ask())
    [reserved] = around.reserved
    assert (reserved.receipt_id, reserved.workspace) == (answer.receipt.id, "/src/here")
    assert (reserved.model, reserved.provider, reserved.seconds) == ("opus", "anthropic", 90.0)
    assert answer.receipt.cost_usd is not None
    assert reserved.usd > 2048 * 25e-6
    assert answer.receipt.workspace == "/src/here"
    around.route = route(NEAR, limits=(DAY,))
    await setup(around, Scripted({"near": says("x")})).run(ask())
    assert len(around.reserved) == 1


async def test_a_model_for_which_no_money_is_left_is_passed_over() -> None:
    """A cheaper one or one on this machine answers, and the receipt says why."""
    around = Around(route(OPUS, NEAR, limits=(DAY,)), refusals=[Refusal(DAY, 0.97)])
    backend = Scripted({"near": says("x")})
    answer = await setup(around, backend).run(ask())
    assert backend.asked == ["near"]
    assert "$0.9700 of $1.00 a day is spent or set aside" in answer.receipt.reason
    assert not answer.receipt.leaves_machine


@pytest.mark.parametrize(
    ("model", "refusals", "message"),
    [
        (OPUS, [Refusal(DAY, 1.0)], "budget.day_usd"),
        (OPUS, [Refusal(None)], "cannot be recorded"),
        (GLM, [], "price is unknown"),
    ],
)
async def test_without_money_nothing_is_sent(
    model: object, refusals: list[Refusal | None], message: str
) -> None:
    """A limit that is reached, a ledger that is broken and a price that nobody knows all refuse, each in its words."""
    around, backend = Around(route(model, limits=(DAY,)), refusals=refusals), Scripted({})  # type: ignore[arg-type]
    with pytest.raises(BudgetExceeded) as caught:
        await setup(around, backend).run(ask())
    assert message in str(caught.value)
    assert (backend.asked, around.receipts[0].cost_usd) == ([], 0)


async def test_without_limits_nobody_waits_for_the_ledger() -> None:
    """What is set aside is on record for others all the same, and a ledger that is broken refuses nothing."""
    around = Around(route(OPUS), refusals=[Refusal(None)])
    assert (await setup(around, Scripted({"opus": says("x")})).run(ask())).model == OPUS


async def test_what_a_failed_send_did_not_take_is_free_for_the_next() -> None:
    """A connection that was refused took nothing, a stream that broke what it came to."""
    around = Around(route(OPUS, SONNET, NEAR, limits=(DAY,)))
    scripts = {
        "opus": [ConnectionFailed("no")],
        "sonnet": [Delta("ha"), StreamTruncated("cut")],
        "near": says("x"),
    }
    answer = await setup(around, Scripted(scripts)).run(ask())
    first, second = around.reserved
    assert around.settled[0] == (first.id, 0.0)
    assert around.settled[1][0] == second.id
    assert around.settled[1][1] == pytest.approx(answer.receipt.cost_usd)
    assert answer.receipt.estimated
    assert [(send.model, send.estimated) for send in answer.receipt.sends] == [
        ("sonnet", True),
        ("near", False),
    ]


async def test_two_operations_at_once_do_not_share_a_name() -> None:
    """Every send has a reservation of its own."""
    around = Around(route(OPUS, SONNET, NEAR))
    scripts = {"opus": [ConnectionFailed("no")], "sonnet": [ConnectionFailed("no")], "near": says("x")}
    for _ in range(2):
        await setup(around, Scripted(scripts)).run(ask())
    assert len({reserved.id for reserved in around.reserved}) == 4


async def test_the_policy_is_asked_again_after_money_was_set_aside() -> None:
    """That may take a while, in which the settings may change; nothing is sent then, and nothing is spent."""
    decided = [route(limits=(DAY,)), route(OPUS, limits=(DAY,))]
    around, backend = Around(route(OPUS, limits=(DAY,))), Scripted({"opus": says("x")})
    dispatcher = setup(around, backend, permits=lambda *_: decided.pop())
    with pytest.raises(RouteError, match="settings changed"):
        await dispatcher.run(ask())
    assert (decided, backend.asked) == ([], [])
    assert around.receipts[0].cost_usd == 0


async def test_a_limit_that_was_lowered_meanwhile_holds() -> None:
    """Limits over time and the one per request: the lower of what holds now and what held before."""
    backend = Scripted({"opus": says("x")})
    around = Around(route(OPUS, limit_usd=1.0))
    now = route(OPUS, limit_usd=0.01, limits=(DAY,))
    with pytest.raises(BudgetExceeded, match=r"\$0.0100 is left"):
        await setup(around, backend, permits=lambda *_: now).run(ask())
    around.refusals = [Refusal(DAY, 1.0)]
    now = replace(now, limit_usd=5.0)
    with pytest.raises(BudgetExceeded, match="a day is spent"):
        await setup(around, backend, permits=lambda *_: now).run(ask())
    assert backend.asked == []


@pytest.mark.parametrize("text", ["x" * 1000, "def f(x):\n    return x\n" * 50, "é" * 400], ids=len)
def test_the_worst_case_is_more_than_the_usual(text: str) -> None:
    """A token for two bytes, and the longest answer."""
    prompt = ChatPrompt((Message("user", text),), max_tokens=100)
    worst = worst_usd(OPUS, prompt, prompt_bytes(prompt))
    assert worst is not None
    assert worst > OPUS.cost_usd(len(text) // 3, 100)  # type: ignore[operator]


def test_tools_are_paid_for() -> None:
    """Tools, their calls and what led to those are a part of what is sent, and of what it may cost."""
    from turnout.core.prompts import ChatPrompt, Message, Thought, Tool, ToolCall

    thought = Thought.of(Model("far", "anthropic", "m"), "thought")
    called = Message("assistant", "", (ToolCall("1", "f", "{}"),), (thought,))
    prompt = ChatPrompt((called,), tools=(Tool("f", "does", "{ }"),))
    assert prompt_bytes(prompt) == len("{}" + "thought" + "f" + "does" + "{ }")


CUT = [Delta("x" * 3000), StreamTruncated("cut")]


@pytest.mark.parametrize(
    ("scripts", "limit_usd", "asked", "deadline_ms"),
    [
        ({"opus": [CUT] * 3, "sonnet": [says("x")]}, 0.0535, ["opus"], None),
        ({"opus": [CUT] * 3, "sonnet": [says("x")]}, 0.08, ["opus", "sonnet"], None),
        ({"opus": [[hang]], "sonnet": [says("x")]}, 0.08, ["opus"], 200),  # nothing else ends it
        ({"opus": [[hang]], "sonnet": [says("x")]}, 0.11, ["opus", "sonnet"], None),
        ({"opus": [[ConnectionFailed("no")]], "sonnet": [says("x")]}, 0.0535, ["opus", "sonnet"], None),
    ],
    ids=["no money for a fallback", "fallback", "no money for a hedge", "hedge", "what failed was free"],
)
async def test_all_sends_of_a_request_share_its_limit(
    scripts: dict[str, list[list[object]]], limit_usd: float, asked: list[str], deadline_ms: int | None
) -> None:
    """Each is held to what the earlier ones came to, and to the worst case of those that are still under way."""
    chosen = route(OPUS, SONNET, kind="explain", limit_usd=limit_usd, hedge_ms=1, deadline_ms=deadline_ms)
    backend = Scripted({}, turns=scripts)  # type: ignore[arg-type]
    around = Around(chosen)
    with contextlib.suppress(TurnoutError):
        await setup(around, backend).run(ask(kind="explain", on_restart=lambda: None))
    assert backend.asked == asked
    assert (around.receipts[0].cost_usd or 0) <= limit_usd


async def test_the_worst_case_is_held_to_the_limit_of_a_request() -> None:
    """A token for two bytes, and input at the price of writing it to the cache."""
    long = ChatPrompt((Message("user", "x" * 100_000),), max_tokens=8000)
    around, backend = Around(route(OPUS, limit_usd=0.40)), Scripted({"opus": says("x")})
    with pytest.raises(BudgetExceeded, match=r"may cost \$0.5127, and \$0.4000 is left"):
        await setup(around, backend).run(Ask("rewrite", FILES, lambda _model: long))
    assert backend.asked == []


@pytest.mark.parametrize(
    "script",
    [
        [StreamTruncated("cut")],
        [DeadlineExceeded("silent")],
        [ConnectionLost("maybe")],
        [Overloaded("in the stream")],
        [hang],
    ],
    ids=lambda script: type(script[0]).__name__,
)
async def test_silence_may_have_been_thinking(script: list[object]) -> None:
    """Where nobody counted and no text came the worst case is paid, which is what was set aside."""
    around = Around(route(OPUS, kind="inline", limits=(DAY,), first_token_ms=20))
    with pytest.raises(TurnoutError):
        await setup(around, Scripted({"opus": script})).run(ask(kind="inline"))
    [reserved], [receipt] = around.reserved, around.receipts
    assert (receipt.cost_usd, receipt.estimated, receipt.tokens_out) == (reserved.usd, True, 0)
    assert around.settled in ([], [(reserved.id, reserved.usd)])


@pytest.mark.parametrize(
    ("script", "sent", "costs"),
    [
        ([Unauthorized("no")], True, False),
        ([OutOfCredit("no")], True, False),
        ([RateLimited("no")], True, False),
        ([RequestRejected("no", extent="refused")], True, False),
        ([Overloaded("no", extent="refused")], True, False),
        ([RequestRejected("never", extent="unsent")], False, False),
        ([KeyMissing("none")], False, False),
        ([ConnectionFailed("no")], False, False),
        ([ModelMissing("gone", model="opus")], False, False),
        ([ConnectionLost("maybe")], True, True),
        ([Overloaded("in the stream")], True, True),
        ([Delta("x"), RateLimited("in the stream")], True, True),
    ],
    ids=lambda value: f"{value[-1]!r}" if isinstance(value, list) else "",
)
@pytest.mark.parametrize("model", [OPUS, GLM], ids=lambda model: model.name)
async def test_bytes_that_went_out_are_not_always_paid_for(
    model: Model, script: list[object], sent: bool, costs: bool
) -> None:
    """What was turned away costs nothing, also at an unknown price; what never went out is not said to have."""
    around = Around(route(model, kind="inline"))
    with contextlib.suppress(TurnoutError):
        await setup(around, Scripted({model.name: script})).run(ask(kind="inline"))
    [receipt] = around.receipts
    assert (receipt.bytes_sent > 0, receipt.leaves_machine) == (sent, sent)
    assert (receipt.cost_usd != 0) is costs
    assert around.settled == [] or (around.settled[0][1] != 0) is costs
