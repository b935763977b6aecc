"""Every way to show nothing has a reason in words, and each of them can be come by."""

import asyncio
from dataclasses import dataclass, replace
from typing import Any

import pytest

from support.holes import place_in
from turnout.complete import Completer, Rules
from turnout.complete.completer import SUPERSEDED, TAKEN_BACK
from turnout.complete.patience import REASON as TURNED_DOWN
from turnout.core import quiet, trimming
from turnout.core.answers import Answer, Ask
from turnout.core.backends import Finish
from turnout.core.models import Model
from turnout.core.receipts import Receipt
from turnout.errors import DeadlineExceeded, ModelMissing, RouteError, TurnoutError

URI = "file:///d"
RECEIPT = Receipt(
    "r1", "inline", "near", ("near",), "", False, (), 0, 0, 0, 0, 0.0, None, None, None, 1.0, "shown"
)


@dataclass
class Says:
    """A model that says one thing, or fails."""

    text: str = ""
    finish: Finish = "stop"
    error: TurnoutError | None = None
    prefill_ms: float = 0.0

    async def run(self, ask: Ask) -> Answer:
        if self.error is not None:
            raise self.error
        receipt = replace(RECEIPT, prefill_ms=self.prefill_ms)
        return Answer(self.text, self.finish, receipt, Model("near", "local", "tiny"))


def completer(runner: Any, rules: Rules | None = None, **more: Any) -> Completer:
    return Completer(runner, lambda _uri: rules or Rules(), lambda _uri: "d", str, **more)


FILTERED: list[tuple[str, Says, str]] = [
    ("x = |", Says(), "the model had nothing to add here"),
    ("x = |", Says("  \n"), "the model answered with white space only"),
    ("x = |", Says("<|fim_pad|>"), "the model answered with its own marker tokens"),
    ("x = |", Says("```python"), "the model answered with a markdown fence"),
    ("x = |", Says("\ny = 1"), "the model answered with an empty line"),
    ("x.|", Says("compu", "length"), "the token limit ended it within its first word"),
    ("f(|, y)", Says(", y)"), "it repeats the text after the cursor"),
    ("|\nreturn total", Says("return total"), "it repeats the lines below"),
    ("return total\n|", Says("return total"), "it repeats the line above"),
    ("f(|)", Says(")"), "it only closes what is closed already"),
]

ROWS: list[tuple[str, Says, Rules, str]] = [
    *((text, says, Rules(), f"filtered: {reason}") for text, says, reason in FILTERED),
    ("x = |", Says("1"), Rules(enabled=False), "completions are switched off (completion.enabled)"),
    (
        "x = |",
        Says("1"),
        Rules(disabled_languages=frozenset({"python"})),
        "completions are switched off for python (completion.disabled_languages)",
    ),
    ("x = a|b", Says("1"), Rules(), quiet.IN_WORD),
    ("# a |", Says("1"), Rules(), quiet.IN_COMMENT),
    ("x = 'a |", Says("1"), Rules(), quiet.IN_STRING),
    ("x = |", Says("1", "superseded"), Rules(), SUPERSEDED),
    ("x = |", Says(error=RouteError("no model.")), Rules(), "route inline: no model."),
    ("x = |", Says(error=ModelMissing("not here.", model="m")), Rules(), "route inline: not here."),
    (
        "x = |",
        Says(error=DeadlineExceeded("No answer within 400 ms: the worker is loading the model, 62 %.")),
        Rules(),
        "route inline: No answer within 400 ms: the worker is loading the model, 62 %.",
    ),
]


@pytest.mark.parametrize(("text", "says", "rules", "reason"), ROWS, ids=[row[3] for row in ROWS])
async def test_each_reason_can_be_come_by(text: str, says: Says, rules: Rules, reason: str) -> None:
    """Nothing is shown, and `why` says this; asked again, it says the same."""
    subject = completer(says, rules)
    for _ in range(2):
        assert await subject.complete("inline", *place_in(text), explicit=False) is None
        assert subject.why(URI) == reason


def test_no_filter_is_left_out() -> None:
    """There is a row for each filter that may leave nothing."""
    named = {reason for reason, _ in trimming.FILTERS if reason}
    assert named < {reason for _, _, reason in FILTERED}


async def test_reasons_that_take_more_than_one_request() -> None:
    """Turned down too often, replaced, taken back; and in a file where nothing was asked yet."""
    subject = completer(Says("1"))
    assert subject.why(URI) == "no completion was asked for in this file yet"
    for _ in range(3):
        completion = await subject.complete("inline", *place_in("x = |"), explicit=False)
        assert completion is not None
        subject.rejected(completion.id)
    assert await subject.complete("inline", *place_in("x = |"), explicit=False) is None
    assert subject.why(URI) == TURNED_DOWN


class Waits:
    """A model that never answers, and says what it waits for."""

    def __init__(self) -> None:
        self.asks: asyncio.Queue[Ask] = asyncio.Queue()

    async def run(self, ask: Ask) -> Answer:
        self.asks.put_nowait(ask)
        return await asyncio.Future()


async def test_what_is_under_way_says_what_it_waits_for() -> None:
    """From the pause in typing to the model's writing; who is replaced or taken back says that."""
    paused = asyncio.Event()

    async def wait(_delay_s: float) -> None:
        paused.set()
        await asyncio.Future()

    slow = completer(Says("1", prefill_ms=2_000.0), wait=wait)
    await slow.complete("inline", *place_in("x = |"), explicit=False)
    task = asyncio.create_task(slow.complete("inline", *place_in("y = |"), explicit=False))
    await paused.wait()
    assert slow.why(URI).startswith("a completion is under way: a pause in typing is waited for")
    task.cancel()
    await asyncio.wait([task])
    assert slow.why(URI) == TAKEN_BACK

    model = Waits()
    subject = completer(model)
    task = asyncio.create_task(subject.complete("inline", *place_in("x = |"), explicit=False))
    ask = await model.asks.get()
    ask.on_waiting("the worker is loading the model, 62 %")
    assert subject.why(URI) == "a completion is under way: the worker is loading the model, 62 %"
    ask.on_text("x")
    assert subject.why(URI) == "a completion is under way: the model is writing"
    task.cancel()
    await asyncio.wait([task])
    assert subject.why(URI) == TAKEN_BACK
