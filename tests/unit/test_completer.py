"""The completer: one straight line from the cursor to an answer, and a reason whenever there is none."""

import asyncio
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from support.holes import place_in
from turnout.complete import Completer, Rules, cause_among
from turnout.core.answers import Answer, Ask
from turnout.core.backends import Finish
from turnout.core.documents import Position
from turnout.core.models import Model
from turnout.core.prompts import FimPrompt
from turnout.core.receipts import Receipt
from turnout.errors import ModelMissing, RouteError, TurnoutError

URI = "file:///d"
MODEL = Model("near", "local", "tiny")


@dataclass
class Fake:
    """Answers every request with `text`, fed piece by piece, or fails with `error`."""

    text: str = "compute()"
    finish: Finish = "stop"
    error: TurnoutError | None = None
    asks: list[Ask] = field(default_factory=list)
    fed: str = ""
    prefill_ms: float | None = None

    async def run(self, ask: Ask) -> Answer:
        self.asks.append(ask)
        if self.error is not None:
            raise self.error
        self.fed = ""
        for line in self.text.splitlines(keepends=True):
            self.fed += line
            if ask.on_text(line):
                break
        receipt = Receipt(
            "r1", ask.kind, "near", ("near",), "", False, ask.files, 0, 0, 0, 0, 0.0, None, None, None, 1.0,
            ask.outcome(self.fed), prefill_ms=self.prefill_ms,
        )  # fmt: skip
        return Answer(self.fed, self.finish, receipt, MODEL)


def completer(
    fake: Any, rules: Rules | None = None, failures: list[Any] | None = None, **more: Any
) -> Completer:
    def heard(error: TurnoutError) -> str:
        if failures is not None:
            failures.append(error)
        return str(error)

    return Completer(fake, lambda _uri: rules or Rules(), lambda _uri: "a.py", heard, **more)


async def test_a_completion_carries_its_receipt() -> None:
    """What is shown, where, under which id, and the prompt that it came from."""
    fake = Fake()
    snapshot, position = place_in("x = |\ny = 2\n")
    completion = await completer(fake).complete("inline", snapshot, position, explicit=False)
    assert completion is not None
    assert (completion.text, completion.position, completion.id) == ("compute()", position, "r1")
    prompt = fake.asks[0].prompt(MODEL)
    assert prompt == FimPrompt(URI, "a.py", "x = ", "\ny = 2\n", shape="line", max_tokens=96)


async def test_typing_into_a_completion_asks_no_model() -> None:
    """The letters that were proposed are answered from the cache, with the id of the first answer."""
    fake = Fake()
    subject = completer(fake)
    await subject.complete("inline", *place_in("x = |\n"), explicit=False)
    completion = await subject.complete("inline", *place_in("x = comp|\n"), explicit=False)
    assert completion is not None
    assert (completion.text, completion.id, completion.receipt) == ("ute()", "r1", None)
    assert len(fake.asks) == 1


SILENT = [
    ("x = |", Rules(enabled=False), Fake(), "switched off (completion.enabled)"),
    ("x = |", Rules(disabled_languages=frozenset({"python"})), Fake(), "switched off for python"),
    ("x = ab|cd", Rules(), Fake(), "inside a word"),
    ("x = 'a|'", Rules(), Fake(), "in a string"),
    ("# so |", Rules(), Fake(), "in a comment"),
    ("x = |", Rules(), Fake(text="compu", finish="length"), "token limit"),
    ("x = |", Rules(), Fake(text=""), "nothing to add"),
    ("|\nreturn total\n", Rules(), Fake(text="return total"), "repeats the lines below"),
    ("x = |", Rules(), Fake(finish="superseded"), "newer request"),
    ("x = |", Rules(), Fake(error=RouteError("no model is left.")), "route inline: no model is left."),
]


@pytest.mark.parametrize(("text", "rules", "fake", "reason"), SILENT, ids=[row[3] for row in SILENT])
async def test_silence_has_a_reason(text: str, rules: Rules, fake: Fake, reason: str) -> None:
    """Nothing is shown, and `why` says the reason in words."""
    subject = completer(fake, rules)
    assert await subject.complete("inline", *place_in(text), explicit=False) is None
    assert reason in subject.why(URI)


async def test_an_explicit_request_is_answered_inside_a_word() -> None:
    """Who asks by a key gets an answer where typing alone would not ask."""
    assert await completer(Fake()).complete("inline", *place_in("x = ab|cd"), explicit=True)


async def test_the_model_is_stopped_when_the_block_has_ended() -> None:
    """Text that would not be shown is not generated."""
    fake = Fake(text="return 1\n\ndef g():\n    pass\nmore = 1\n")
    completion = await completer(fake).complete("inline", *place_in("def f():\n    |\n"), explicit=False)
    assert completion is not None
    assert completion.text == "return 1"
    assert "more" not in fake.fed


@pytest.mark.parametrize(
    ("multiline", "shape"), [("auto", "block"), ("always", "block"), ("never", "line")], ids=str
)
async def test_the_user_decides_about_blocks(multiline: Any, shape: str) -> None:
    """`completion.multiline` holds over what the syntax suggests."""
    fake = Fake()
    await completer(fake, Rules(multiline=multiline)).complete(
        "inline", *place_in("if x:\n    |"), explicit=False
    )
    prompt = fake.asks[0].prompt(MODEL)
    assert isinstance(prompt, FimPrompt)
    assert prompt.shape == shape


async def test_what_is_known_holds_on_until_settings_say_otherwise_of_completions() -> None:
    """Settings that are read anew and say the same lose nothing; others do, in the documents that they are about."""
    fake, said = Fake(), {URI: "one model", "file:///other": "one model"}
    subject = completer(fake, terms=lambda uri: said[uri])

    async def asks(uri: str) -> int:
        snapshot, position = place_in("x = |\n")
        await subject.complete("inline", replace(snapshot, uri=uri), position, explicit=False)
        return len(fake.asks)

    assert [await asks(URI), await asks(URI), await asks("file:///other")] == [1, 1, 2]
    subject.settings_read()
    assert await asks(URI) == 2
    said[URI] = "another model"
    assert await asks(URI) == 2  # nothing was read yet
    subject.settings_read()
    assert [await asks(URI), await asks(URI), await asks("file:///other")] == [3, 3, 3]


async def test_failures_are_passed_on_once_with_the_cause_among() -> None:
    """Whoever fetches models learns which one is missing, also behind a route's error."""
    missing = ModelMissing("not here", model="qwen")
    error = RouteError("no candidate")
    error.__cause__ = missing
    failures: list[TurnoutError] = []
    subject = completer(Fake(error=error), failures=failures)
    await subject.complete("inline", *place_in("x = |"), explicit=False)
    assert failures == [error]
    assert cause_among(error, ModelMissing) is missing
    assert cause_among(RouteError("other"), ModelMissing) is None


async def test_why_is_about_a_place_in() -> None:
    """Somewhere else than the last request the answer says so, and what the last one was."""
    subject = completer(Fake(text=""))
    await subject.complete("inline", *place_in("x = 1\ny = |"), explicit=False)
    assert subject.why(URI, Position(1, 4)) == "filtered: the model had nothing to add here"
    assert subject.why(URI, Position(0, 0)).startswith(
        "no completion was asked for here; for the last one, in line 2"
    )


async def test_a_closed_document_leaves_nothing_behind() -> None:
    """Neither its completions nor its reasons are kept."""
    fake = Fake()
    subject = completer(fake)
    await subject.complete("inline", *place_in("x = |\n"), explicit=False)
    subject.forget(URI)
    await subject.complete("inline", *place_in("x = c|\n"), explicit=False)
    assert len(fake.asks) == 2


async def test_a_request_under_way_says_what_it_waits_for() -> None:
    """Until it ends; one that is cancelled leaves no word of it, and a newer one speaks for itself."""
    asked: asyncio.Queue[Ask] = asyncio.Queue()

    class Waits(Fake):
        async def run(self, ask: Ask) -> Answer:
            asked.put_nowait(ask)
            return await asyncio.Future()

    subject = completer(Waits())
    older = asyncio.create_task(subject.complete("inline", *place_in("x = |\n"), explicit=False))
    ask = await asked.get()
    assert subject.why(URI, Position(0, 4)) == "a completion is under way: the model was asked"
    ask.on_waiting("the worker is loading the model")
    assert subject.why(URI) == "a completion is under way: the worker is loading the model"
    ask.on_text("comp")
    assert subject.why(URI) == "a completion is under way: the model is writing"
    newer = asyncio.create_task(subject.complete("inline", *place_in("y = |\n"), explicit=False))
    await asked.get()
    assert await older is None
    assert subject.why(URI) == "a completion is under way: the model was asked"
    newer.cancel()
    await asyncio.wait([newer])
    assert subject.why(URI) == "the editor took the request back before it was answered"


async def test_a_superseded_request_is_answered_at_once() -> None:
    """It hears nothing of the model any more, which is told to stop where the newer one is about something else."""
    asked: asyncio.Queue[Ask] = asyncio.Queue()
    stopped = asyncio.Event()

    class Waits(Fake):
        async def run(self, ask: Ask) -> Answer:
            asked.put_nowait(ask)
            try:
                return await asyncio.Future()
            finally:
                stopped.set()

    subject = completer(Waits())
    older = asyncio.create_task(subject.complete("inline", *place_in("x = |\n"), explicit=False))
    await asked.get()
    popup = asyncio.create_task(subject.complete("popup", *place_in("x = |\n"), explicit=False))
    await asked.get()
    newer = asyncio.create_task(subject.complete("inline", *place_in("y = |\n"), explicit=False))
    assert await older is None
    assert stopped.is_set()
    assert not popup.done()
    for task in (popup, newer):
        task.cancel()
    await asyncio.wait([popup, newer])
    assert popup.cancelled()
    assert newer.cancelled()


async def test_the_newer_request_goes_to_work_behind_the_answer_to_the_older() -> None:
    """Who was superseded waits neither for the model to be left nor for what the newer one has to do first."""
    begun: asyncio.Queue[bool] = asyncio.Queue()
    left = asyncio.Event()

    class LeavesLate(Fake):
        async def run(self, ask: Ask) -> Answer:
            begun.put_nowait(older.done())
            try:
                return await asyncio.Future()
            finally:
                await left.wait()

    subject = completer(LeavesLate())
    older = asyncio.create_task(subject.complete("inline", *place_in("x = |\n"), explicit=False))
    assert await begun.get() is False
    newer = asyncio.create_task(subject.complete("inline", *place_in("y = |\n"), explicit=False))
    assert await older is None
    assert await begun.get() is True
    newer.cancel()
    await asyncio.wait([newer])
    left.set()
    await subject.close()


async def test_closers_behind_the_cursor_are_replaced() -> None:
    """A completion says how much of the line behind the cursor it takes the place of, from the cache, too."""
    subject = completer(Fake(text="x) or y"))
    for text, left in [("print(|)", "x) or y"), ("print(x|)", ") or y")]:
        completion = await subject.complete("inline", *place_in(text), explicit=False)
        assert completion is not None
        assert (completion.text, completion.replaces) == (left, 1)


async def test_typing_waits_only_where_a_prompt_takes_time() -> None:
    """The wait grows with the measured time to read a prompt; a hit and an explicit request never wait."""
    fake = Fake()
    waited: list[float] = []

    async def wait(delay_s: float) -> None:
        waited.append(delay_s)

    subject = completer(fake, wait=wait, clock=lambda: 0.0)
    for prefill_ms, expected in [(20.0, []), (260.0, []), (260.0, [0.02]), (0.0, [0.02, 0.05])]:
        fake.prefill_ms = prefill_ms
        await subject.complete("inline", *place_in(f"x{len(fake.asks)} = |\n"), explicit=False)
        assert waited == pytest.approx(expected)
    before = len(waited)
    await subject.complete("inline", *place_in("x0 = c|\n"), explicit=False)
    await subject.complete("inline", *place_in("explicit = |\n"), explicit=True)
    assert len(waited) == before


async def test_what_was_turned_down_is_not_insisted_on() -> None:
    """After a few rejections at a place it is silent there, until the text changes or the user asks."""
    subject = completer(Fake())
    for _ in range(3):
        completion = await subject.complete("inline", *place_in("x = |\n"), explicit=False)
        assert completion is not None
        subject.rejected(completion.id)
    assert await subject.complete("inline", *place_in("x = |\n"), explicit=False) is None
    assert "turned down here several times" in subject.why(URI)
    assert await subject.complete("inline", *place_in("x = c|\n"), explicit=False)
    assert await subject.complete("inline", *place_in("x = |\n"), explicit=True)


async def test_who_comes_back_and_takes_nothing_is_left_alone() -> None:
    """What was passed over again and again at a place is shown there no more; nobody is said to have rejected it."""
    subject = completer(Fake())
    shown = []
    for _ in range(5):
        shown.append(await subject.complete("inline", *place_in("x = |\ny = 1\n"), explicit=False))
        await subject.complete("inline", *place_in("x = \ny = |1\n"), explicit=True)
    assert [bool(completion) for completion in shown] == [True, True, True, True, False]
    assert await subject.complete("inline", *place_in("x = |\ny = 1\n"), explicit=False) is None
    assert "shown here several times and not taken" in subject.why(URI)
    subject = completer(Fake())
    for _ in range(5):
        completion = await subject.complete("inline", *place_in("x = |\ny = 1\n"), explicit=False)
        assert completion is not None
        subject.accepted(completion.id, "full")


async def test_a_menu_is_not_kept_waiting() -> None:
    """What takes too long goes on without the menu and is there for the next letter; a cancelled one ends."""
    asked = asyncio.Event()
    may_answer = asyncio.Event()

    class Slow(Fake):
        async def run(self, ask: Ask) -> Answer:
            asked.set()
            await may_answer.wait()
            return await super().run(ask)

    shown = asyncio.Event()
    subject = completer(Slow(), on_shown=lambda *_: shown.set())
    assert await subject.soon(*place_in("x = |"), within_s=0) is None
    await asked.wait()
    assert "under way" in subject.why(URI)
    may_answer.set()
    await shown.wait()
    completion = await subject.soon(*place_in("x = c|"), within_s=30)
    assert completion is not None
    assert completion.text == "ompute()"

    may_answer.clear()
    asked.clear()
    task = asyncio.create_task(subject.soon(*place_in("y = |"), within_s=30))
    await asked.wait()
    task.cancel()
    await asyncio.wait([task])
    await subject.close()
    assert task.cancelled()
    assert subject.why(URI) == "the editor took the request back before it was answered"


async def test_a_request_is_known_from_its_first_moment() -> None:
    """Whoever asks why right after a request, as after the server's start, hears that it is under way."""
    subject = completer(Fake())
    request = subject.complete("inline", *place_in("x = |"), explicit=False)
    request.send(None)  # as far as it gets before anything else runs
    assert subject.why(URI) == "a completion is under way: the model was asked"
    request.close()
    await subject.close()


async def test_an_explicit_request_on_an_empty_line_wants_a_block() -> None:
    """Who asks by a key gets all that belongs there, not a line of it; the user's own setting still holds."""
    for rules, shape in [(Rules(), "block"), (Rules(multiline="never"), "line")]:
        fake = Fake()
        await completer(fake, rules).complete("inline", *place_in("x = 1\n\n|\n\n"), explicit=True)
        prompt = fake.asks[0].prompt(MODEL)
        assert isinstance(prompt, FimPrompt)
        assert prompt.shape == shape
