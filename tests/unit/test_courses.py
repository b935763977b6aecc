"""Questions under way: letters that follow an answer wait for it, and nothing goes on that nobody waits for."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from support.holes import hole_in, place_in
from turnout.complete import Completer, Rules
from turnout.complete.courses import LINGER_S, SILENCE_S, typed_since
from turnout.core.answers import SUPERSEDED, Answer, Ask
from turnout.core.models import Model
from turnout.core.receipts import Receipt
from turnout.errors import RouteError, TurnoutError

RECEIPT = Receipt(
    "r1", "inline", "near", ("near",), "", False, (), 0, 0, 0, 0, 0.0, None, None, None, 1.0, "shown"
)


@dataclass(eq=False)
class Running:
    """One request to the model, which a test answers piece by piece."""

    ask: Ask
    text: str = ""
    over: "asyncio.Future[None]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    ended_by: list[tuple[object, ...]] = field(default_factory=list)

    def says(self, text: str) -> None:
        self.text += text
        self.ask.on_text(text)


@dataclass
class Bench:
    """A completer with a model, a clock and timers that do as the test says."""

    runs: "asyncio.Queue[Running]" = field(default_factory=asyncio.Queue)
    now_s: float = 0.0
    put_off: list[tuple[float, Callable[[], None]]] = field(default_factory=list)
    receipt: Receipt = RECEIPT

    async def run(self, ask: Ask) -> Answer:
        running = Running(ask)
        self.runs.put_nowait(running)
        try:
            await running.over
        except asyncio.CancelledError as cancelled:
            running.ended_by.append(cancelled.args)
            raise
        receipt = replace(self.receipt, id=f"r{len(running.text)}")
        return Answer(running.text, "stop", receipt, Model("near", "local", "tiny"))

    def later(self, delay_s: float, call: Callable[[], None]) -> Any:
        entry = delay_s, call
        self.put_off.append(entry)
        put_off = self.put_off

        class Timer:
            def cancel(self) -> None:
                if entry in put_off:
                    put_off.remove(entry)

        return Timer()

    def completer(self) -> Completer:
        def heard(error: TurnoutError) -> str:
            return str(error)

        return Completer(
            self, lambda _uri: Rules(), lambda _uri: "a.py", heard, clock=lambda: self.now_s, later=self.later
        )


def ask(subject: Completer, text: str, *, explicit: bool = False) -> "asyncio.Task[Any]":
    snapshot, position = place_in(text)
    return asyncio.create_task(subject.complete("inline", snapshot, position, explicit=explicit))


async def settle() -> None:
    """Let everything run as far as it gets."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_letters_along_an_answer_wait_for_it() -> None:
    """The older requests are answered with nothing at once, the newest with what is left; the model is asked once."""
    bench = Bench()
    subject = bench.completer()
    first = ask(subject, "x = |\n")
    running = await bench.runs.get()
    second = ask(subject, "x = c|\n")
    assert await first is None
    running.says("com")
    third = ask(subject, "x = co|\n")
    assert await second is None
    await settle()
    assert subject.why("file:///d") == "a completion is under way: the model is writing"
    running.says("pute()")
    running.over.set_result(None)
    completion = await third
    assert (completion.text, completion.receipt.id) == ("mpute()", completion.id)
    assert bench.runs.empty()
    assert bench.put_off == []


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ("comp", "x = z|\n"),
        ("", "y = |\n"),
        ("comp", "x = c|)\n"),
        ("comp", "x |\n"),
        ("", "z = 1\nx = |\n"),
    ],
)
async def test_a_letter_that_is_another_begins_anew(said: str, text: str) -> None:
    """What the model says about something else ends as soon as somebody asks about this."""
    bench = Bench()
    subject = bench.completer()
    older = ask(subject, "x = |\n")
    running = await bench.runs.get()
    if said:
        running.says(said)
    newer = ask(subject, text)
    await bench.runs.get()
    assert await older is None
    assert running.ended_by == [(SUPERSEDED,)]
    newer.cancel()
    await asyncio.wait([newer])
    await subject.close()


async def test_an_answer_that_turns_elsewhere_is_left() -> None:
    """As soon as it says something else than was typed meanwhile, the model is asked about that."""
    bench = Bench()
    subject = bench.completer()
    ask(subject, "x = |\n")
    running = await bench.runs.get()
    newer = ask(subject, "x = co|\n")
    await settle()
    running.says("c")
    running.says("all()")
    again = await bench.runs.get()
    assert running.ended_by == [(SUPERSEDED,)]
    again.says("unt()")
    again.over.set_result(None)
    assert (await newer).text == "unt()"


async def test_an_answer_with_nothing_left_is_followed_by_another() -> None:
    """Who typed all of it by the time it ends has the model asked about what comes after."""
    bench = Bench()
    subject = bench.completer()
    ask(subject, "x = |\n")
    running = await bench.runs.get()
    newer = ask(subject, "x = ab|\n")
    await settle()
    running.says("ab")
    running.over.set_result(None)
    again = await bench.runs.get()
    again.says("c")
    again.over.set_result(None)
    assert (await newer).text == "c"


async def test_one_that_is_taken_back_waits_for_the_next_letter() -> None:
    """Editors take a request back before they send the next: it goes on for a moment, and no longer."""
    bench = Bench()
    subject = bench.completer()
    first = ask(subject, "x = |\n")
    running = await bench.runs.get()
    first.cancel()
    await asyncio.wait([first])
    await settle()
    assert [delay_s for delay_s, _ in bench.put_off] == [LINGER_S]
    second = ask(subject, "x = c|\n")
    await settle()
    assert bench.put_off == []
    second.cancel()
    await asyncio.wait([second])
    await settle()
    assert running.ended_by == []
    bench.put_off[0][1]()
    await settle()
    assert running.ended_by == [()]
    await subject.close()


@pytest.mark.parametrize(
    ("said", "linger_s"),
    [
        ("", 0.05),  # reading its prompt, which took as long before
        ("com", 0.02),
    ],
)
async def test_what_was_taken_back_goes_on_for_a_step_of_its_model(said: str, linger_s: float) -> None:
    """Where steps are short the model is free again after one of them, as it is after a newer request."""
    bench = Bench()
    bench.receipt = replace(RECEIPT, queue_ms=5.0, prefill_ms=50.0, model_ms=75.0, tokens_out=1)
    subject = bench.completer()
    measured = ask(subject, "y = |\n")
    (await bench.runs.get()).over.set_result(None)
    await measured
    first = ask(subject, "x = |\n")
    running = await bench.runs.get()
    if said:
        running.says(said)
    first.cancel()
    await asyncio.wait([first])
    await settle()
    assert [delay_s for delay_s, _ in bench.put_off] == [pytest.approx(linger_s)]
    await subject.close()


@pytest.mark.parametrize("why", ["silence", "key"])
async def test_nobody_waits_for_what_may_be_stuck_or_is_less_than_asked_for(why: str) -> None:
    """After a long silence the next letter asks anew, and so does who asks by a key."""
    bench = Bench()
    subject = bench.completer()
    ask(subject, "x = |\n")
    running = await bench.runs.get()
    running.ask.on_waiting("the worker is loading the model")
    bench.now_s = SILENCE_S if why == "silence" else 0.0
    newer = ask(subject, "x = c|\n", explicit=why == "key")
    await bench.runs.get()
    assert running.ended_by == [(SUPERSEDED,)]
    newer.cancel()
    await asyncio.wait([newer])
    await subject.close()


async def test_who_asks_by_a_key_waits_for_what_typing_asked_there() -> None:
    """What the model has come to by then is not thrown away, where it is asked for the same."""
    bench = Bench()
    subject = bench.completer()
    ask(subject, "x = |\n")
    running = await bench.runs.get()
    running.says("com")
    by_key = ask(subject, "x = |\n", explicit=True)
    await settle()
    running.says("pute()")
    running.over.set_result(None)
    assert (await by_key).text == "compute()"
    assert bench.runs.empty()


@pytest.mark.parametrize(
    ("text", "first_by_key", "said"),
    [("x = 1\n\n|\n\n", False, "com"), ("x = |\n", True, "com"), ("x = |\n", False, "")],
    ids=["for more", "once more", "before a word was said"],
)
async def test_who_asks_by_a_key_for_something_else_asks_anew(
    text: str, first_by_key: bool, said: str
) -> None:
    """A key asks for a block where typing asks for a line, and each request by a key is one of its own."""
    bench = Bench()
    subject = bench.completer()
    ask(subject, text, explicit=first_by_key)
    running = await bench.runs.get()
    if said:
        running.says(said)
    by_key = ask(subject, text, explicit=True)
    await bench.runs.get()
    assert running.ended_by == [(SUPERSEDED,)]
    by_key.cancel()
    await asyncio.wait([by_key])
    await subject.close()


async def test_a_key_has_a_request_of_its_own_where_that_of_typing_fails() -> None:
    """Its deadline is nearly over by then, perhaps."""
    bench = Bench()
    subject = bench.completer()
    ask(subject, "x = |\n")
    running = await bench.runs.get()
    running.says("com")
    by_key = ask(subject, "x = |\n", explicit=True)
    await settle()
    running.over.set_exception(RouteError("No answer within 400 ms"))
    own = await bench.runs.get()
    own.says("compute()")
    own.over.set_result(None)
    assert (await by_key).text == "compute()"


async def test_a_closed_document_has_no_questions() -> None:
    """What is under way for it ends at once and shows nothing, and nobody hears of it who opens the file anew."""
    bench = Bench()
    subject = bench.completer()
    asked = ask(subject, "x = |\n")
    running = await bench.runs.get()
    running.says("com")
    subject.forget("file:///d")
    assert await asked is None
    assert running.ended_by == [()]
    assert subject.why("file:///d") == "no completion was asked for in this file yet"
    assert bench.put_off == []
    newer = ask(subject, "x = c|\n")
    await bench.runs.get()
    newer.cancel()
    await asyncio.wait([newer])
    await subject.close()


async def test_a_request_that_is_taken_back_and_closed_leaves_no_word() -> None:
    """Whoever opens the document anew hears nothing of a request from before, in whatever order it ended."""
    bench = Bench()
    subject = bench.completer()
    asked = ask(subject, "x = |\n")
    await bench.runs.get()
    asked.cancel()
    subject.forget("file:///d")
    await asyncio.wait([asked])
    assert subject.why("file:///d") == "no completion was asked for in this file yet"
    await subject.close()


async def test_a_failure_reaches_who_waits_by_then() -> None:
    """The newest request says why there is nothing."""
    bench = Bench()
    subject = bench.completer()
    ask(subject, "x = |\n")
    running = await bench.runs.get()
    newer = ask(subject, "x = c|\n")
    await settle()
    running.over.set_exception(RouteError("no model."))
    assert await newer is None
    assert subject.why("file:///d") == "route inline: no model."
    assert bench.runs.empty()


@pytest.mark.parametrize("failure", [RouteError("no model."), KeyError("a bug")])
@pytest.mark.parametrize("is_waited_for", [True, False])
async def test_a_bug_is_never_lost(
    failure: Exception, is_waited_for: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever waits hears of it; where nobody does any more, what is no failure of a model is logged."""
    bench = Bench()
    subject = bench.completer()
    asked = ask(subject, "x = |\n")
    running = await bench.runs.get()
    if not is_waited_for:
        asked.cancel()
        await settle()
    running.over.set_exception(failure)
    await asyncio.wait([asked])
    await settle()
    said = None if asked.cancelled() else asked.exception()
    is_bug = isinstance(failure, KeyError)
    assert isinstance(said, KeyError) == (is_waited_for and is_bug)
    assert bool(caplog.records) == (is_bug and not is_waited_for)


async def test_an_answer_begun_anew_by_another_model_counts_from_there() -> None:
    """What the first model had said is void, also for who typed along it."""
    bench = Bench()
    subject = bench.completer()
    ask(subject, "x = |\n")
    running = await bench.runs.get()
    running.says("z")
    assert running.ask.on_restart is not None
    running.ask.on_restart()
    running.text = ""
    newer = ask(subject, "x = c|\n")
    await settle()
    running.says("call()")
    running.over.set_result(None)
    assert (await newer).text == "all()"


@pytest.mark.parametrize(
    ("older", "newer", "typed"),
    [
        ("x = |\n", "x = |\n", ""),
        ("x = |\n", "x = ab|\n", "ab"),
        ("a\nx = |", "a\nx = 1|", "1"),
        ("x = ab|\n", "x = a|\n", None),
        ("x = |\n", "y = a|\n", None),
        ("a\nx = |", "b\nx = 1|", None),
        ("f|\n", "f(|)\n", None),
        ("x|\ny", "x\n|y", None),
        ("x|\ny", "x|\nz", None),
    ],
)
def test_what_was_typed_between_two_holes(older: str, newer: str, typed: str | None) -> None:
    """Letters on the same line with the same text around them, however far the text is kept."""
    assert typed_since(hole_in(older), hole_in(newer)) == typed
    above = "a line of code\n" * 1000
    assert typed_since(hole_in(above + older), hole_in(above + newer)) == typed
