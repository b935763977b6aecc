"""The session: consent that fails closed, downloads that happen once, failures that are said once."""

import asyncio
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from support.session_kit import FakeEditor, SlowEditor, turns
from turnout.core.limits import Limit
from turnout.core.models import Model
from turnout.core.receipts import SentFile
from turnout.core.requests import Kind
from turnout.dispatch import Consent, Overspend
from turnout.errors import DownloadFailed, ModelError, ModelFailed, ModelMissing
from turnout.session.consent import (
    ALLOW,
    KEEP,
    NO,
    ONCE,
    SESSION,
    UNTIL_TOMORROW,
    SessionConsents,
    describe,
    describe_overspend,
    describe_typing,
)
from turnout.session.failures import Failures
from turnout.session.pulls import Pulls

OPUS = Model("opus", "anthropic", "claude-opus-4-6", leaves_machine=True, jurisdiction="US")
QUESTION = Consent("refactor", OPUS, (SentFile("file:///a", 10), SentFile("file:///b", 20)), 1234, 0.0123)


ANSWERS = [(ONCE, True), (SESSION, True), (KEEP, False), (None, False), ("x", False)]


@pytest.mark.parametrize(("answer", "may"), ANSWERS)
async def test_only_a_clear_yes_lets_text_leave(answer: str | None, may: bool) -> None:
    """A closed question, another answer and a no all keep the text here."""
    assert await SessionConsents(FakeEditor(answer)).may_leave(QUESTION) is may


@pytest.mark.parametrize("kind", ["inline", "popup"])
@pytest.mark.parametrize(("answer", "may"), [(answer, answer == SESSION) for answer, _ in ANSWERS])
async def test_only_a_clear_yes_lets_text_leave_while_typing(
    kind: Kind, answer: str | None, may: bool
) -> None:
    """So it is for all completions to come, which only the answer for the session allows."""
    consents = SessionConsents(FakeEditor(answer))
    typing = replace(QUESTION, kind=kind)
    assert not await consents.may_leave(typing)
    await turns()
    assert await consents.may_leave(typing) is may


@pytest.mark.parametrize("kind", ["inline", "explain"])
@pytest.mark.parametrize(
    ("answer", "typing", "working"), [(SESSION, True, True), (KEEP, False, None), (ONCE, False, None)]
)
async def test_what_the_user_said_is_known_without_asking(
    kind: Kind, answer: str, typing: bool | None, working: bool | None
) -> None:
    """A no holds for all typing; anything else is asked about each time, unless it is allowed for the session."""
    consents, question = SessionConsents(FakeEditor(answer)), replace(QUESTION, kind=kind)
    assert consents.remembered(OPUS, kind) is None
    await consents.may_leave(question)
    await turns()
    assert consents.remembered(OPUS, kind) is (typing if kind == "inline" else working)
    consents.forget()
    assert consents.remembered(OPUS, kind) is None


async def test_a_yes_does_not_outlive_the_settings_it_was_given_under() -> None:
    """An answer that comes after the settings changed allows that one request and no other."""
    editor = FakeEditor(SESSION, KEEP)
    consents = SessionConsents(editor)
    choose = editor.choose

    async def slow(question: str, options: tuple[str, ...]) -> str | None:
        consents.forget()
        return await choose(question, options)

    editor.choose = slow  # type: ignore[method-assign]
    assert await consents.may_leave(QUESTION)
    assert not await consents.may_leave(QUESTION)


async def test_a_yes_for_the_session_is_for_one_model_and_kind() -> None:
    """The same thing is not asked twice; every other thing is, and all again after a change of settings."""
    editor = FakeEditor(SESSION, KEEP, KEEP)
    consents = SessionConsents(editor)
    assert await consents.may_leave(QUESTION)
    assert await consents.may_leave(QUESTION)
    other = Consent("fix", OPUS, QUESTION.files, 10, None)
    assert not await consents.may_leave(other)
    consents.forget()
    assert not await consents.may_leave(QUESTION)
    assert len(editor.questions) == 3


async def test_typing_is_asked_about_once() -> None:
    """Completions do not wait for the user: one question stands open however many there are, and its answer counts."""
    editor = SlowEditor(SESSION, KEEP)
    consents = SessionConsents(editor)
    typing = replace(QUESTION, kind="inline")
    for _ in range(5):
        assert not await consents.may_leave(typing)
        await asyncio.sleep(0)
    assert len(editor.questions) == 1
    assert "while you type" in editor.questions[0]
    editor.answered.set()
    await turns()
    assert await consents.may_leave(typing)
    for _ in range(3):  # the answer is no, and it is not asked again
        assert not await consents.may_leave(replace(QUESTION, kind="popup"))
        await turns()
    assert len(editor.questions) == 2


async def test_an_open_question_about_typing_does_not_outlive_the_settings() -> None:
    """An answer that comes after the settings changed allows nothing; it is asked anew, and never twice at once."""
    editor = SlowEditor(SESSION, SESSION)
    consents = SessionConsents(editor)
    typing = replace(QUESTION, kind="inline")
    assert not await consents.may_leave(typing)
    await asyncio.sleep(0)
    consents.forget()
    assert not await consents.may_leave(typing)
    assert len(editor.questions) == 1
    editor.answered.set()
    await turns()
    assert not await consents.may_leave(typing)
    await turns()
    assert await consents.may_leave(typing)


async def test_nobody_waits_for_an_answer_at_the_end() -> None:
    """Closing the session gives up an open question."""
    editor = SlowEditor(SESSION)
    consents = SessionConsents(editor)
    assert not await consents.may_leave(replace(QUESTION, kind="inline"))
    await asyncio.sleep(0)
    await consents.close()
    assert asyncio.all_tasks() == {asyncio.current_task()}


def test_the_question_says_what_goes_where_and_for_how_much() -> None:
    """Files, bytes, model, jurisdiction and the most it may cost are all in the question."""
    assert describe(QUESTION) == (
        "Turnout: send 1,234 bytes from 2 files to opus, claude-opus-4-6 (US), for at most $0.012? (refactor)"
    )
    assert "from 2 files, and whichever others of shop it asks for after that, to opus" in describe(
        replace(QUESTION, folder="/home/ada/shop")
    )
    secret = replace(QUESTION, redacted=(("GitHub token", 1),))
    assert describe(secret).endswith("$0.012? 1 secret will be replaced first: 1 x GitHub token. (refactor)")
    secrets = replace(secret, kind="inline", redacted=(("GitHub token", 1), ("assigned secret", 2)))
    assert describe_typing(secrets).startswith(
        "Turnout: while you type, send the text around the cursor and lines of other files of this folder that are "
        "near (now 1,234 bytes) to opus, claude-opus-4-6 (US), for at most $"
    )
    assert describe_typing(secrets).endswith(
        " 3 secrets will be replaced first: 1 x GitHub token, 2 x assigned secret. (inline)"
    )
    assert "1 file " in describe(Consent("fix", OPUS, QUESTION.files[:1], 5, None))
    assert "unknown price" in describe(Consent("fix", OPUS, QUESTION.files[:1], 5, None))


OVER = Overspend("rewrite", OPUS, 0.0512, Limit(1.0, "day", None, "config.toml:2 budget.day_usd"), 0.97)


@pytest.mark.parametrize(
    ("answer", "may"),
    [(ALLOW, True), (UNTIL_TOMORROW, True), (NO, False), (None, False), ("x", False), (ONCE, False)],
)
async def test_only_a_clear_yes_goes_over_a_limit(answer: str | None, may: bool) -> None:
    """A closed question, another answer, a no and an editor that cannot ask all keep to it."""
    assert await SessionConsents(FakeEditor(answer)).may_overspend(OVER) is may


async def test_until_tomorrow_is_for_one_limit_and_day() -> None:
    """Neither another limit nor the same one on another day or of other settings goes along with it."""
    editor, days = FakeEditor(UNTIL_TOMORROW, *[NO] * 4), [date(2026, 3, 30)]
    consents = SessionConsents(editor, lambda: days[0])
    for _ in range(3):
        assert await consents.may_overspend(OVER)
    assert len(editor.questions) == 1
    for other in (replace(OVER.limit, usd=2.0), replace(OVER.limit, period="month")):
        assert not await consents.may_overspend(replace(OVER, limit=other))
    days[0] = date(2026, 3, 31)
    assert not await consents.may_overspend(OVER)
    days[0] = date(2026, 3, 30)
    consents.forget()
    assert not await consents.may_overspend(OVER)


async def test_an_answer_after_midnight_is_for_the_new_day() -> None:
    """Tomorrow is counted from when it was said."""
    editor, days = SlowEditor(UNTIL_TOMORROW), [date(2026, 3, 30)]
    consents = SessionConsents(editor, lambda: days[0])
    asked = asyncio.create_task(consents.may_overspend(OVER))
    await turns()
    days[0] = date(2026, 3, 31)
    editor.answered.set()
    assert await asked
    assert await consents.may_overspend(OVER)


async def test_a_yes_to_spending_does_not_outlive_the_settings_it_was_given_under() -> None:
    """It allows that one request, and the next one is asked about."""
    editor = SlowEditor(UNTIL_TOMORROW, NO)
    consents = SessionConsents(editor)
    asked = asyncio.create_task(consents.may_overspend(OVER))
    await turns()
    consents.forget()
    editor.answered.set()
    assert await asked
    assert not await consents.may_overspend(OVER)


def test_the_question_about_a_limit_says_what_is_spent_and_what_it_may_cost() -> None:
    """And which setting limits it; of a refactor, that this is of each part."""
    assert describe_overspend(OVER) == (
        "Turnout: $0.97 of $1.00 a day is spent or set aside, and this rewrite request may cost up to $0.051 "
        "with opus. Go over the limit? (config.toml:2 budget.day_usd)"
    )
    assert "each part of this refactor may cost" in describe_overspend(replace(OVER, kind="refactor"))


async def test_a_model_is_fetched_once_with_progress() -> None:
    """However often it is missed, one download runs; progress is shown and its end said."""
    calls: list[str] = []
    release = threading.Event()

    def pull(name: str, report: Callable[[int, int, str], None], cancelled: Callable[[], bool]) -> Path:
        calls.append(name)
        report(250_000_000, 500_000_000, "downloading")
        release.wait(10)
        return Path("model.gguf")

    editor, ready = FakeEditor(), asyncio.Event()
    pulls = Pulls(editor, pull, lambda _name: ready.set())
    for _ in range(3):
        pulls.start("qwen")
    await editor.told.wait()
    assert editor.progress_messages == ["downloading 250 of 500 MB 50"]
    assert pulls.state("qwen") == "the model qwen is being downloaded, 50 %"
    release.set()
    await ready.wait()
    assert calls == ["qwen"]
    assert "qwen is ready" in editor.said[0]


async def test_a_failed_download_is_said_once_and_not_tried_at_every_key() -> None:
    """A user without a network is told so once."""

    def pull(name: str, report: Callable[[int, int, str], None], cancelled: Callable[[], bool]) -> Path:
        raise DownloadFailed("no source answered.", advice="Check the network.")

    editor = FakeEditor()
    pulls = Pulls(editor, pull, lambda _name: None)
    pulls.start("qwen")
    await editor.told.wait()
    for _ in range(3):
        pulls.start("qwen")
    await pulls.close()
    assert editor.said == ["Turnout could not get the model qwen: no source answered. Check the network."]
    assert "turnout models pull qwen" in pulls.state("qwen")


async def test_closing_stops_a_download() -> None:
    """The thread is told to stop when the editor leaves."""
    stopped = threading.Event()

    def pull(name: str, report: Callable[[int, int, str], None], cancelled: Callable[[], bool]) -> Path:
        while not cancelled():
            pass
        stopped.set()
        return Path("model.gguf")

    pulls = Pulls(FakeEditor(), pull, lambda _name: None)
    pulls.start("qwen")
    await asyncio.sleep(0)
    await pulls.close()
    assert await asyncio.to_thread(stopped.wait, 10)


async def test_what_the_user_has_to_mend_is_said_once() -> None:
    """A missing model is fetched; a wrong one and a missing engine are said, once, and both are reasons."""
    editor = FakeEditor()
    pulls = Pulls(editor, lambda _name, _report, _cancelled: Path("x"), lambda _name: None)
    failures = Failures(editor, pulls)
    wrong = ModelError("There is no file /x.gguf.", advice="Correct models.near.path.")
    assert failures(wrong) == failures(wrong) == "There is no file /x.gguf. Correct models.near.path."
    assert editor.said == ["Turnout: There is no file /x.gguf. Correct models.near.path."]
    assert failures(ModelMissing("not here", model="qwen")) == "the model qwen is being downloaded, 0 %"
    await pulls.close()


async def test_a_model_that_does_not_load_is_said_once_for_each_cause() -> None:
    """Also where its words name another figure at every attempt; another model has a message of its own."""
    editor = FakeEditor()
    failures = Failures(
        editor, Pulls(editor, lambda _name, _report, _cancelled: Path("x"), lambda _name: None)
    )
    for model, words in [
        ("near", "It needs 2.1 GB and 1.9 GB are free."),
        ("near", "It needs 2.1 GB and 1.7 GB are free."),
        ("near", "/x.gguf is damaged."),
        ("big", "/x.gguf is damaged."),
    ]:
        assert failures(ModelFailed(words, model=model)) == words
    assert editor.said == [
        "Turnout: the model near does not work: It needs 2.1 GB and 1.9 GB are free.",
        "Turnout: the model near does not work: /x.gguf is damaged.",
        "Turnout: the model big does not work: /x.gguf is damaged.",
    ]
