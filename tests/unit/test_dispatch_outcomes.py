"""One outcome and one receipt for every request, whatever fails and wherever it is cancelled."""

import asyncio
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from support.dispatch_kit import (
    DONE,
    GLM,
    HOUSE,
    NEAR,
    OPUS,
    Around,
    Script,
    Scripted,
    ask,
    hang,
    route,
    setup,
)
from support.ledger_kit import DAY
from turnout.core.answers import Answer
from turnout.core.backends import Delta, Waiting
from turnout.core.spending import Refusal
from turnout.dispatch import Vitals
from turnout.errors import (
    ConnectionFailed,
    Overloaded,
    RateLimited,
    RequestRejected,
    StreamTruncated,
    TurnoutError,
    Unauthorized,
)

MODELS = (OPUS, HOUSE, GLM, NEAR)


async def turn() -> None:
    """Let others run."""
    await asyncio.sleep(0)


FAILURES = st.sampled_from(
    [
        ConnectionFailed("refused"),
        Overloaded("busy"),
        RateLimited("wait", retry_after_s=0.5),
        RequestRejected("no"),
        StreamTruncated("cut"),
        Unauthorized("bad key"),
    ]
)
STEPS: st.SearchStrategy[Any] = st.one_of(
    st.just(turn), st.builds(Delta, st.sampled_from(["a", "bc"])), st.just(Waiting("loading"))
)
ENDS: st.SearchStrategy[Any] = st.one_of(FAILURES, st.just(DONE), st.just(hang), st.none())


@st.composite
def scripts(draw: Any) -> Script:
    """What one model does: some steps, and then an end or none."""
    end = draw(ENDS)
    return [*draw(st.lists(STEPS, max_size=4)), *([] if end is None else [end])]


CASES = st.fixed_dictionaries(
    {
        "scripts": st.lists(st.lists(scripts(), min_size=4, max_size=4), min_size=1, max_size=3),
        "models": st.lists(st.sampled_from(MODELS), min_size=1, max_size=4, unique=True),
        "kind": st.sampled_from(["inline", "explain", "refactor"]),
        "hedge": st.booleans(),
        "asks": st.booleans(),
        "agrees": st.booleans(),
        "refusals": st.lists(st.sampled_from([None, Refusal(DAY, 1.0)]), max_size=3),
        "restarts": st.booleans(),
        "cancel_after": st.integers(1, 25),
    }
)


@settings(deadline=None, max_examples=120)
@given(CASES)
def test_every_request_has_one_outcome_and_one_receipt(case: dict[str, Any]) -> None:
    """And when it is over no stream is open, no task runs, and all money that was set aside has its receipt."""
    asyncio.run(_run(case))


async def _run(case: dict[str, Any]) -> None:
    priced = [model for model in case["models"] if model.input_usd is not None or model.api == "local"]
    chosen = route(
        *case["models"],
        ask=case["asks"],
        kind=case["kind"],
        hedge_ms=1 if case["hedge"] else None,
        limits=(DAY,) if len(priced) == len(case["models"]) else (),
    )
    around = Around(chosen, answer=case["agrees"], refusals=list(case["refusals"]))
    turns = {
        model.name: [column[number] for column in case["scripts"]] for number, model in enumerate(MODELS)
    }
    backend = Scripted({model.name: [DONE] for model in MODELS}, turns=turns)
    heard: list[str] = []
    request = ask(heard.append, kind=case["kind"], on_restart=heard.clear if case["restarts"] else None)
    running = asyncio.ensure_future(setup(around, backend, Vitals(lambda: 0.0)).run(request))
    for _ in range(case["cancel_after"]):
        await asyncio.sleep(0)
    if case["hedge"] and case["cancel_after"] > 20:
        await asyncio.wait([running], timeout=0.003)
    running.cancel()
    [ended] = await asyncio.gather(running, return_exceptions=True)

    [receipt] = around.receipts
    how = receipt.outcome.partition(":")[0]
    if isinstance(ended, Answer):
        assert how in ("answered", "empty")
        assert (ended.receipt, ended.text) == (receipt, "".join(heard))
    elif isinstance(ended, asyncio.CancelledError):
        assert how == "cancelled"
    else:
        assert isinstance(ended, TurnoutError), ended
        assert how == "failed"
    assert backend.closed == len(backend.asked)
    assert all(reserved.receipt_id == receipt.id for reserved in around.reserved)
    assert len(receipt.sends) <= len(backend.asked)
    assert len(asyncio.all_tasks()) == 1
