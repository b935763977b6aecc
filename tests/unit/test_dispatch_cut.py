"""Answers that were cut: what they came to is what their backend knows, and the worst case where it knows nothing."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from support.dispatch_kit import OPUS, Around, Scripted, ask, hang, route, setup
from support.ledger_kit import DAY
from turnout.core.backends import Account, Delta, Departing, Done, StreamItem
from turnout.core.models import Model, Usage
from turnout.core.prompts import Prompt
from turnout.errors import RateLimited, StreamTruncated, TurnoutError

COUNTED = Usage(1000, 300, 100, estimated=True)


@dataclass
class Knowing:
    """A backend that tells what it knows at the end, as the remote one does."""

    script: list[Any]
    known: Usage | None
    departs: bool = True

    async def stream(self, model: Model, prompt: Prompt) -> AsyncIterator[StreamItem]:
        account = Account(asyncio.get_running_loop().create_future())
        try:
            yield account
            if self.departs:
                yield Departing()
            for item in self.script:
                if isinstance(item, TurnoutError):
                    raise item
                if callable(item):
                    await item()
                else:
                    yield item
        finally:
            account.settled.set_result(Done("cancelled", self.known) if self.known else None)


async def cut_short(around: Around, backend: Any) -> None:
    """One request, which is given up as soon as its backend hangs."""
    hung = asyncio.Event()

    async def hang() -> None:
        hung.set()
        await asyncio.Event().wait()

    backend.script = [hang if step == "hang" else step for step in backend.script]
    running = asyncio.create_task(setup(around, backend).run(ask(kind="inline")))
    waiting = asyncio.create_task(hung.wait())
    async with asyncio.timeout(30):
        await asyncio.wait({running, waiting}, return_when=asyncio.FIRST_COMPLETED)
    running.cancel()
    waiting.cancel()
    with contextlib.suppress(TurnoutError, asyncio.CancelledError):
        await running


@pytest.mark.parametrize(
    "script",
    [[StreamTruncated("cut")], [Delta("a"), StreamTruncated("cut")], [Delta("a"), "hang"], ["hang"]],
    ids=["silent", "text", "given up", "silent and given up"],
)
@pytest.mark.parametrize("known", [COUNTED, None], ids=["known", "unknown"])
async def test_a_cut_answer_costs_what_is_known_of_it(script: list[Any], known: Usage | None) -> None:
    """Thoughts ahead of its text and what was told meanwhile included; where nobody knows, what was set aside."""
    around = Around(route(OPUS, kind="inline", limits=(DAY,)))
    await cut_short(around, Knowing(script, known))
    [receipt], [reserved] = around.receipts, around.reserved
    assert receipt.estimated
    if known is None:
        assert receipt.cost_usd == reserved.usd
    else:
        assert receipt.cost_usd == pytest.approx(OPUS.cost_of(known))
        assert (receipt.tokens_in, receipt.tokens_out, receipt.tokens_cached) == (1000, 300, 100)
    assert around.settled in ([], [(reserved.id, receipt.cost_usd)])


async def test_an_answer_that_was_enough_costs_what_is_known_of_it() -> None:
    """Its reader closed it; that is no failure, and its cost is an estimate all the same."""
    around, backend = Around(route(OPUS)), Knowing([Delta("enough"), hang], COUNTED)
    answer = await setup(around, backend).run(ask(lambda _text: True))  # type: ignore[arg-type]
    assert (answer.text, answer.receipt.tokens_out, answer.receipt.estimated) == ("enough", 300, True)


@pytest.mark.parametrize("too_slow", [False, True], ids=["given up", "too slow"])
async def test_what_never_departed_costs_nothing(too_slow: bool) -> None:
    """Left while its backend still waited for a key: nothing was sent, nothing is said to have been."""
    around = Around(route(OPUS, kind="inline", first_token_ms=1 if too_slow else None))
    backend = Knowing([hang if too_slow else "hang"], None, departs=False)
    await cut_short(around, backend)
    [receipt] = around.receipts
    assert (receipt.cost_usd, receipt.bytes_sent, receipt.leaves_machine, receipt.sends) == (0, 0, False, ())


@pytest.mark.parametrize("extent", ["taken", "refused", "unsent"])
async def test_what_its_backend_says_of_how_far_it_got_holds(extent: Any) -> None:
    """Also of an error that mostly comes ahead of all else, as one for too many requests in the middle of a stream."""
    around = Around(route(OPUS, kind="inline"))
    known = COUNTED if extent == "taken" else None
    backend: Any = Knowing([RateLimited("slow down", extent=extent)], known)
    with pytest.raises(TurnoutError):
        await setup(around, backend).run(ask(kind="inline"))
    [receipt] = around.receipts
    assert (receipt.cost_usd or 0) > 0 if extent == "taken" else receipt.cost_usd == 0
    assert (receipt.bytes_sent > 0) is (extent != "unsent")


GATEWAY = replace(OPUS, api="openai-chat", input_usd=10.0, output_usd=100.0, cache_read_usd=1.0)


@pytest.mark.parametrize(
    ("told", "usage", "booked", "estimated"),
    [
        (0.02, Usage(1000, 100), 0.02, False),
        (0.025, Usage(1000, 100), 0.025, False),
        (0.0199, Usage(1000, 100), 0.02, False),
        (1e-9, Usage(1000, 100), 0.02, False),
        (0.3, Usage(1000, 100), 0.02, True),
        (0.011, Usage(1000, 100, 1000), 0.011, False),
        (0.0109, Usage(1000, 100, 1000), 0.011, False),
    ],
    ids=[
        "ours",
        "a fee on top",
        "a little less",
        "next to nothing",
        "out of all proportion",
        "cached",
        "less than that",
    ],
)
async def test_the_cost_that_a_gateway_tells(
    told: float, usage: Usage, booked: float, estimated: bool
) -> None:
    """Is believed between the prices of the settings and ten times those; below them they hold, above nobody knows."""
    around = Around(route(GATEWAY))
    done = Done("stop", replace(usage, cost_usd=told))
    answer = await setup(around, Scripted({"opus": [Delta("x"), done]})).run(ask())
    assert answer.receipt.cost_usd == pytest.approx(booked)
    assert answer.receipt.estimated is estimated


@pytest.mark.parametrize(("told", "booked"), [(0.0111, 0.0111), (0.0109, 0.02)])
async def test_a_cache_whose_price_is_not_known(told: float, booked: float) -> None:
    """May make its part of the input a tenth, and no less: what a gateway says in between is believed."""
    around = Around(route(replace(GATEWAY, cache_read_usd=None)))
    done = Done("stop", Usage(1000, 100, 1000, cost_usd=told))
    answer = await setup(around, Scripted({"opus": [Delta("x"), done]})).run(ask())
    assert answer.receipt.cost_usd == pytest.approx(booked)


async def test_a_cost_at_an_unknown_price_is_all_that_is_known() -> None:
    """It is believed of those who document it; under a budget such a model is refused before it comes to that."""
    around = Around(route(replace(GATEWAY, input_usd=None)))
    done = Done("stop", Usage(1000, 100, cost_usd=0.5))
    answer = await setup(around, Scripted({"opus": [Delta("x"), done]})).run(ask())
    assert answer.receipt.cost_usd == 0.5
