"""Asking ahead: what comes after a suggestion is there when it is taken, and nobody ever waits for it."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from support.holes import place_in
from turnout.complete import Completer, Rules
from turnout.complete.ahead import Offer, with_text
from turnout.core.answers import Answer, Ask
from turnout.core.documents import Document, Position
from turnout.core.models import Model
from turnout.core.prompts import FimPrompt
from turnout.core.receipts import Receipt
from turnout.errors import RequestRejected, TurnoutError

NEAR = Model("near", "local", "tiny")
FAR = Model("far", "completions", "big", input_usd=1.0, output_usd=1.0)


@dataclass
class Scripted:
    """Answers each hole with what its prefix ends with says; `hold` lets requests wait for `release`."""

    answers: dict[str, str]
    model: Model = NEAR
    asks: list[FimPrompt] = field(default_factory=list)
    hold: bool = False
    begun: str = ""
    release: asyncio.Event = field(default_factory=asyncio.Event)
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    stopped: int = 0
    refused: Exception | None = None
    prefill_ms: float | None = None

    async def run(self, ask: Ask) -> Answer:
        try:
            prompt = ask.prompt(self.model)
        except RequestRejected as error:
            self.refused = error
            raise
        assert isinstance(prompt, FimPrompt)
        self.asks.append(prompt)
        try:
            if self.hold:
                if self.begun:
                    ask.on_text(self.begun)
                self.asked.set()
                await self.release.wait()
        except asyncio.CancelledError:
            self.stopped += 1
            raise
        text = next((text for end, text in self.answers.items() if prompt.prefix.endswith(end)), "")
        receipt = Receipt(
            f"r{len(self.asks)}", ask.kind, self.model.name, (), "", False, (), 0, 0, 0, 0, 0.0, None, None,
            None, 1.0, ask.outcome(text), prefill_ms=self.prefill_ms,
        )  # fmt: skip
        return Answer(text, "stop", receipt, self.model)


@dataclass
class Timers:
    """Time that passes when a test says so."""

    waiting: list[Callable[[], None]] = field(default_factory=list)

    def later(self, _delay_s: float, call: Callable[[], None]) -> Any:
        self.waiting.append(call)
        timers = self

        class Timer:
            def cancel(self) -> None:
                if call in timers.waiting:
                    timers.waiting.remove(call)

        return Timer()

    async def pass_by(self) -> None:
        """Let the time come for what was put off, and run what that begins as far as it gets."""
        due, self.waiting = self.waiting, []
        for call in due:
            call()
        for _ in range(20):
            await asyncio.sleep(0)


def subject(
    runner: Scripted, timers: Timers, wait: Callable[[float], Awaitable[None]] = asyncio.sleep
) -> Completer:
    def unheard(error: TurnoutError) -> str:
        return str(error)

    return Completer(
        runner, lambda _uri: Rules(), lambda _uri: "a.py", unheard, wait=wait, later=timers.later
    )


async def ghost(completer: Completer, text: str) -> str | None:
    """What is shown at a place, by an editor that says so."""
    completion = await completer.complete("inline", *place_in(text), explicit=False)
    if completion is None:
        return None
    completer.shown(completion.id)
    return completion.text


ANSWERS = {"x = ": "a + ", "x = a +": " b\n", "a": "bc"}


async def test_the_next_request_is_answered_when_a_suggestion_is_taken() -> None:
    """While it is looked at, what comes after is asked of this machine, behind everything; then it is there."""
    runner, timers = Scripted(ANSWERS), Timers()
    completer = subject(runner, timers)
    assert await ghost(completer, "x = |\n") == "a +"
    await timers.pass_by()
    assert [prompt.kind for prompt in runner.asks] == ["inline", "ahead"]
    assert runner.asks[1].prefix == "x = a +"
    assert await ghost(completer, "x = a +|\n") == " b"
    assert len(runner.asks) == 2


async def test_accepting_does_not_wait_for_the_rest() -> None:
    """Who takes a suggestion at once has the next request begun at once."""
    runner, timers = Scripted(ANSWERS), Timers()
    completer = subject(runner, timers)
    await ghost(completer, "x = |\n")
    completer.accepted("r1", "full")
    await timers.pass_by()
    assert await ghost(completer, "x = a +|\n") == " b"
    assert [prompt.kind for prompt in runner.asks] == ["inline", "ahead"]


async def test_who_waits_for_it_asks_for_it() -> None:
    """While somebody waits for an answer it is behind nothing, has the deadline of any request, and no pause first."""
    runner, timers = Scripted(ANSWERS), Timers()
    paused: list[float] = []

    async def pause(delay_s: float) -> None:
        paused.append(delay_s)

    completer = subject(runner, timers, pause)
    runner.prefill_ms = 10_000.0
    await ghost(completer, "x = |\n")
    runner.hold = True
    completer.accepted("r1", "full")
    await timers.pass_by()
    runner.hold = False
    assert await ghost(completer, "x = a +|\n") == " b"
    assert [prompt.kind for prompt in runner.asks] == ["inline", "ahead", "inline"]
    assert (runner.stopped, paused) == (1, [])


async def test_what_is_being_written_is_waited_for() -> None:
    """Asked anew, a model would begin its answer anew."""
    runner, timers = Scripted(ANSWERS, begun=" "), Timers()
    completer = subject(runner, timers)
    await ghost(completer, "x = |\n")
    runner.hold = True
    completer.accepted("r1", "full")
    await timers.pass_by()
    asked = asyncio.create_task(ghost(completer, "x = a +|\n"))
    await timers.pass_by()
    runner.release.set()
    assert await asked == " b"
    assert [prompt.kind for prompt in runner.asks] == ["inline", "ahead"]
    assert runner.stopped == 0


async def test_nothing_is_begun_while_typing_goes_on() -> None:
    """Only the suggestion that was looked at last counts, and none while a request is under way."""
    runner, timers = Scripted(ANSWERS), Timers()
    completer = subject(runner, timers)
    await ghost(completer, "x = |\n")
    await ghost(completer, "y = x\nx = |\n")
    assert len(timers.waiting) == 1
    runner.hold = True
    under_way = asyncio.create_task(ghost(completer, "y = 2\nx = |\n"))
    await runner.asked.wait()
    await timers.pass_by()
    assert [prompt.kind for prompt in runner.asks] == ["inline"] * 3
    runner.release.set()
    await under_way


@pytest.mark.parametrize("how", ["elsewhere", "quiet", "rejected", "closed", "end"])
async def test_it_ends_when_the_user_goes_elsewhere(how: str) -> None:
    """A request somewhere else, be it in a word, a rejection, the end of the document or of the server ends it."""
    runner, timers = Scripted(ANSWERS), Timers()
    completer = subject(runner, timers)
    await ghost(completer, "x = |\n")
    runner.hold = True
    await timers.pass_by()
    assert len(runner.asks) == 2
    if how == "elsewhere":
        runner.hold = False
        await ghost(completer, "y = |\n")
    elif how == "quiet":
        assert await ghost(completer, "x|y = 1\n") is None
    elif how == "rejected":
        completer.rejected("r1")
    elif how == "closed":
        completer.forget("file:///d")
    else:
        await completer.close()
    await timers.pass_by()
    assert runner.stopped == 1


@pytest.mark.parametrize(
    ("text", "goes_on"),
    [
        ("x = |\n", True),
        ("x = a|\n", True),
        ("x = a +|\n", True),
        ("x = a)|\n", True),  # closed by the editor
        ("x = b|\n", False),
        ("x = a + |\n", False),
        ("x =| \n", False),
        ("y = a|\n", False),
        ("x = \n|", False),
        ("|x = \n", False),
    ],
)
async def test_it_goes_on_only_where_the_user_is(text: str, goes_on: bool) -> None:
    """It ends as soon as the cursor, or what is typed, is neither at the suggestion's place nor along its text."""
    runner, timers = Scripted(ANSWERS), Timers()
    completer = subject(runner, timers)
    await ghost(completer, "x = |\n")
    runner.hold = True
    await timers.pass_by()
    snapshot, position = place_in(text)
    completer.moved(Document(snapshot.uri, snapshot.language, 2, snapshot.text), position)
    await timers.pass_by()
    assert runner.stopped == (0 if goes_on else 1)
    await completer.close()


async def test_it_ends_in_another_document() -> None:
    """Whoever works on another file is elsewhere, wherever the cursor is."""
    runner, timers = Scripted(ANSWERS), Timers()
    completer = subject(runner, timers)
    await ghost(completer, "x = |\n")
    runner.hold = True
    await timers.pass_by()
    completer.moved(Document("file:///e", "python", 1, "x = \n"), Position(0, 4))
    await timers.pass_by()
    assert runner.stopped == 1


async def test_typing_along_keeps_it() -> None:
    """The end of the suggestion is the same, however much of it is typed by then."""
    runner, timers = Scripted(ANSWERS), Timers()
    completer = subject(runner, timers)
    await ghost(completer, "x = |\n")
    await timers.pass_by()
    assert await ghost(completer, "x = a|\n") == " +"
    await timers.pass_by()
    assert [prompt.kind for prompt in runner.asks] == ["inline", "ahead"]


async def test_nothing_is_asked_after_what_another_machine_said() -> None:
    """Where ghost text comes from elsewhere, neither text nor money is spent on what nobody asked for."""
    runner, timers = Scripted(ANSWERS, FAR), Timers()
    completer = subject(runner, timers)
    assert await ghost(completer, "x = |\n") == "a +"
    completer.accepted("r1", "full")
    await timers.pass_by()
    assert [prompt.kind for prompt in runner.asks] == ["inline"]


async def test_no_other_machine_is_asked_ahead() -> None:
    """Every candidate elsewhere is turned away, also where the route would go on to it."""
    runner, timers = Scripted(ANSWERS), Timers()
    completer = subject(runner, timers)
    assert await ghost(completer, "x = |\n") == "a +"
    runner.model = FAR
    await timers.pass_by()
    assert [prompt.kind for prompt in runner.asks] == ["inline"]
    assert isinstance(runner.refused, RequestRejected)


async def test_what_no_editor_shows_is_not_gone_on_with() -> None:
    """An editor that says nothing of what it shows has it begun when it takes something."""
    runner, timers = Scripted(ANSWERS), Timers()
    completer = subject(runner, timers)
    await completer.complete("inline", *place_in("x = |\n"), explicit=False)
    await timers.pass_by()
    assert [prompt.kind for prompt in runner.asks] == ["inline"]
    completer.accepted("r1", "full")
    await timers.pass_by()
    assert [prompt.kind for prompt in runner.asks] == ["inline", "ahead"]


def test_a_document_with_a_suggestion_in_it() -> None:
    """What is asked about is the text that the editor will have, closers replaced and line endings kept."""
    for text, put_in, replaces, after in [
        ("print(|)\n", "x) or y", 1, "print(x) or y|\n"),
        ("if x:\r\n    |\r\nend", "a()\n    b()", 0, "if x:\r\n    a()\r\n    b()|\r\nend"),
        ("x = |", "1", 0, "x = 1|"),
        ("|", "a\nb", 0, "a\nb|"),
    ]:
        snapshot, position = place_in(text)
        done, at = with_text(Offer("id", snapshot, position, put_in, replaces))
        expected, cursor = place_in(after)
        assert (done.lines, at) == (expected.lines, cursor)
