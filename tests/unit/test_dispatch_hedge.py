"""Hedging: a second model is asked beside a silent one, never past a line that the first may not cross."""

import asyncio
from typing import Any

import pytest

from support.dispatch_kit import DONE, HOUSE, NEAR, OPUS, Around, Scripted, ask, hang, route, says, setup
from turnout.core.backends import Delta
from turnout.core.models import Model
from turnout.errors import Overloaded, RouteError, Unauthorized

OTHER = Model("other", "anthropic", "other", leaves_machine=True, input_usd=1.0, output_usd=1.0)


def hedged(*models: Model, **more: Any) -> Any:
    """A route for explanations, which may be hedged after a moment."""
    return route(*models, kind="explain", hedge_ms=10, **more)


async def test_the_first_to_answer_is_taken_and_the_other_paid() -> None:
    """The loser is cancelled, what it read is in the receipt, and only the winner is heard."""
    heard: list[str] = []
    around, backend = Around(hedged(OPUS, OTHER)), Scripted({"opus": [hang], "other": says("quick")})
    answer = await setup(around, backend).run(ask(heard.append, kind="explain"))
    assert (answer.model, heard, backend.closed) == (OTHER, ["quick"], 2)
    [receipt] = around.receipts
    assert (receipt.model, receipt.estimated) == ("other", True)
    assert [(send.model, send.estimated) for send in receipt.sends] == [("opus", True), ("other", False)]
    assert receipt.cost_usd == pytest.approx(sum(send.cost_usd or 0 for send in receipt.sends))


async def test_the_first_one_may_still_win() -> None:
    """Once it speaks the other one is cancelled, and no text of that one gets through."""
    second_asked, heard = asyncio.Event(), list[str]()

    async def first() -> None:
        await second_asked.wait()

    async def second() -> None:
        second_asked.set()
        await hang()

    around = Around(hedged(OPUS, OTHER))
    backend = Scripted({"opus": [first, Delta("slow"), DONE], "other": [second]})
    answer = await setup(around, backend).run(ask(heard.append, kind="explain"))
    assert (answer.model, heard, backend.closed) == (OPUS, ["slow"], 2)


@pytest.mark.parametrize(
    ("models", "agreed", "asked"),
    [
        ((NEAR, OPUS), True, ["near"]),
        ((NEAR, HOUSE), True, ["near"]),
        ((HOUSE, OPUS), True, ["house"]),
        ((OPUS, HOUSE), True, ["opus", "house"]),
        ((OPUS, NEAR), True, ["opus", "near"]),
        ((OPUS, OTHER), False, ["opus"]),
        ((OPUS, OTHER, NEAR), False, ["opus", "near"]),
    ],
    ids=lambda value: "-".join(model.name for model in value) if isinstance(value, tuple) else str(value),
)
async def test_text_travels_no_further_for_the_sake_of_speed(
    models: tuple[Model, ...], agreed: bool, asked: list[str]
) -> None:
    """Not from this machine to a server, not from the house to a hosted API, and not where the user was not asked."""
    around = Around(hedged(*models, ask=not agreed, deadline_ms=250))
    backend = Scripted({name: [hang] for name in ("opus", "house", "near", "other")})
    with pytest.raises(Exception, match="250 ms"):
        await setup(around, backend).run(ask(kind="explain"))
    assert backend.asked == asked
    assert backend.closed == len(asked)


async def test_a_refactor_is_never_hedged() -> None:
    """Its answers are long and dear."""
    around = Around(route(OPUS, OTHER, hedge_ms=10, deadline_ms=60))
    backend = Scripted({"opus": [hang], "other": says("x")})
    with pytest.raises(Exception, match="60 ms"):
        await setup(around, backend).run(ask())
    assert backend.asked == ["opus"]


async def test_a_racer_that_fails_leaves_the_other_one_running() -> None:
    """Whichever it is; where both fail the chain goes on, and nobody is asked twice."""
    second_asked = asyncio.Event()

    async def second() -> None:
        second_asked.set()

    around = Around(hedged(OPUS, OTHER, NEAR))
    backend = Scripted(
        {
            "opus": [second_asked.wait, *says("late")],
            "other": [second, Overloaded("busy")],
            "near": says("third"),
        }
    )
    assert (await setup(around, backend).run(ask(kind="explain"))).text == "late"
    backend.asked.clear()
    second_asked.clear()
    backend.scripts["opus"] = [second_asked.wait, Overloaded("busy")]
    assert (await setup(around, backend).run(ask(kind="explain"))).text == "third"
    assert backend.asked == ["opus", "other", "near"]


async def test_a_loser_may_be_asked_when_the_winner_breaks() -> None:
    """It was only slower; the text that was heard is taken back first."""
    heard: list[str] = []
    around = Around(hedged(OPUS, OTHER))
    scripts = {"opus": [hang], "other": [Delta("ha"), Overloaded("broke")]}
    backend = Scripted(scripts, turns={"opus": [[hang], says("slow")]})
    answer = await setup(around, backend).run(ask(heard.append, kind="explain", on_restart=heard.clear))
    assert (answer.model, heard, backend.asked) == (OPUS, ["slow"], ["opus", "other", "opus"])


async def test_cancelling_twice_leaves_nobody_running() -> None:
    """A connection may take a while to close; the receipt is written after that, however often one cancels."""
    asked, closing, close = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def slow_to_leave() -> None:
        asked.set()
        try:
            await hang()
        finally:
            closing.set()
            await close.wait()

    around = Around(hedged(OPUS, OTHER))
    backend = Scripted({"opus": [hang], "other": [slow_to_leave]})
    running = asyncio.create_task(setup(around, backend).run(ask(kind="explain")))
    await asked.wait()
    running.cancel()
    await closing.wait()
    running.cancel()
    for _ in range(9):
        await asyncio.sleep(0)
    assert (running.done(), around.receipts) == (False, [])
    close.set()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert (backend.closed, [receipt.outcome for receipt in around.receipts]) == (2, ["cancelled"])


async def test_a_quick_answer_is_not_hedged_and_a_refused_key_ends_the_race() -> None:
    """The second model is for silence alone."""
    around, backend = Around(hedged(OPUS, OTHER)), Scripted({"opus": says("x"), "other": says("y")})
    await setup(around, backend).run(ask(kind="explain"))
    assert backend.asked == ["opus"]
    backend.scripts["opus"] = [Unauthorized("bad key")]
    with pytest.raises(Unauthorized):
        await setup(around, backend).run(ask(kind="explain"))
    around.route = hedged(OPUS)
    backend.scripts["opus"] = [Overloaded("busy")]
    with pytest.raises((Overloaded, RouteError)):
        await setup(around, backend).run(ask(kind="explain"))
