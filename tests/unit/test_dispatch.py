"""The dispatcher: only candidates of the route, consent before text leaves, one outcome and one receipt each time."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from support.dispatch_kit import (
    DONE,
    FILES,
    GLM,
    NEAR,
    OPUS,
    PROMPT,
    Around,
    Scripted,
    ask,
    route,
    says,
    setup,
)
from turnout.core.answers import receipt_of
from turnout.core.backends import Account, Delta, Done, StreamItem, Timings, Waiting
from turnout.core.models import Model, Usage
from turnout.core.prompts import ChatPrompt, Prompt, ToolCall
from turnout.core.receipts import SentFile
from turnout.errors import (
    ConnectionFailed,
    ConsentRefused,
    DeadlineExceeded,
    KeyMissing,
    ModelMissing,
    OutOfCredit,
    Overloaded,
    RateLimited,
    RouteError,
    StreamTruncated,
    TurnoutError,
    Unauthorized,
)


async def test_an_answer_has_its_receipt() -> None:
    """The receipt says which model, why, what was sent, what it cost and how long it took."""
    around = Around(route(OPUS, NEAR))
    answer = await setup(around, Scripted({"opus": [Delta("a"), Delta("b"), DONE]})).run(ask())
    assert (answer.text, answer.model) == ("ab", OPUS)
    [receipt] = around.receipts
    assert receipt == answer.receipt
    assert (receipt.model, receipt.route, receipt.outcome) == ("opus", ("opus", "near"), "answered")
    assert receipt.leaves_machine
    assert (receipt.files, receipt.bytes_sent) == (FILES, len("do it"))
    assert (receipt.tokens_in, receipt.tokens_out, receipt.tokens_cached) == (100, 20, 40)
    assert receipt.cost_usd == pytest.approx(100 * 5e-6 + 20 * 25e-6)
    assert (receipt.queue_ms, receipt.first_token_ms) == (1.0, 5.0)


async def test_a_chat_says_what_it_is_for() -> None:
    """A gateway hears of which kind a request is, and no more than that."""
    heard: list[tuple[str, ...]] = []

    class Listening(Scripted):
        async def stream(self, model: Model, prompt: Prompt) -> AsyncIterator[StreamItem]:
            assert isinstance(prompt, ChatPrompt)
            heard.append(prompt.tags)
            async for item in super().stream(model, prompt):
                yield item

    await setup(Around(route(OPUS)), Listening({"opus": [Delta("a"), DONE]})).run(ask())
    assert heard == [(f"kind:{ask().kind}",)]


@pytest.mark.parametrize(
    "failure", [Overloaded("busy"), StreamTruncated("cut"), ModelMissing("gone", model="tiny")], ids=repr
)
async def test_the_next_candidate_answers_when_one_fails(failure: TurnoutError) -> None:
    """A failed candidate, also one that failed midway, is passed over, and the receipt says so."""
    around = Around(route(OPUS, NEAR))
    backend = Scripted({"opus": [Delta("half"), failure], "near": [Delta("whole"), DONE]})
    answer = await setup(around, backend).run(ask())
    assert answer.text == "whole"
    assert backend.asked == ["opus", "near"]
    [receipt] = around.receipts
    assert receipt.model == "near"
    assert failure.message in receipt.reason


async def test_a_receipt_counts_every_model_that_got_text() -> None:
    """Text that went to a remote model whose stream then broke has left the machine, and has its price."""
    around = Around(route(OPUS, NEAR))
    backend = Scripted({"opus": [Delta("half"), StreamTruncated("cut")], "near": [Delta("whole"), DONE]})
    await setup(around, backend).run(ask())
    [receipt] = around.receipts
    assert receipt.leaves_machine
    assert receipt.bytes_sent == 2 * len("do it")
    assert receipt.tokens_in == 100 + int(len("do it") / 3.5)
    assert receipt.cost_usd == pytest.approx(1 * 5e-6 + 1 * 25e-6)


async def test_a_model_that_was_never_reached_got_nothing() -> None:
    """A refused connection and a missing key send nothing, so nothing left the machine."""
    around = Around(route(OPUS, NEAR))
    backend = Scripted({"opus": [ConnectionFailed("refused")], "near": [Delta("whole"), DONE]})
    await setup(around, backend).run(ask())
    assert not around.receipts[0].leaves_machine
    assert around.receipts[0].bytes_sent == len("do it")


async def test_a_late_or_cancelled_request_has_its_price() -> None:
    """Tokens that were streamed before the deadline are estimated, not free."""
    around = Around(route(OPUS, deadline_ms=20))
    backend = Scripted({"opus": [Delta("a"), Delta("b")]}, hang=True)
    with pytest.raises(DeadlineExceeded):
        await setup(around, backend).run(ask())
    [receipt] = around.receipts
    assert (receipt.tokens_out, receipt.outcome[:5]) == (2, "late:")
    assert receipt.cost_usd is not None
    assert receipt.cost_usd > 0


async def test_a_stream_without_its_end_is_no_answer() -> None:
    """A backend that stops without saying so has failed; what it came to until then is known to whoever asked."""
    around = Around(route(NEAR))
    with pytest.raises(StreamTruncated) as failure:
        await setup(around, Scripted({"near": [Delta("half")]})).run(ask())
    assert receipt_of(failure.value) == around.receipts[0]


async def test_the_rendered_prompt_is_held_to_the_budget() -> None:
    """What the prompt allows the model to answer counts, whatever was estimated when the route was decided."""
    around = Around(replace(route(OPUS, NEAR), limit_usd=0.01))
    backend = Scripted({"near": [Delta("whole"), DONE]})
    answer = await setup(around, backend).run(ask())
    assert backend.asked == ["near"]
    assert "is left for it" in answer.receipt.reason


async def test_one_operation_asks_the_user_and_a_failing_model_once() -> None:
    """A refactor over many files is one question and one failure, and a new one begins afresh."""
    around = Around(route(OPUS, GLM, NEAR, ask=True))
    backend = Scripted({"opus": [OutOfCredit("no money")], "glm": [Delta("ok"), DONE]})
    dispatcher = setup(around, backend)
    operation = dispatcher.operation()
    for _ in range(3):
        answer = await operation.ask("refactor", lambda _model: PROMPT, FILES, lambda _text: None)
        assert answer.model == GLM
    assert backend.asked == ["opus", "glm", "glm", "glm"]
    assert [question.model.name for question in around.questions] == ["opus", "glm"]
    assert operation.passed_over == ("opus: no money",)
    around.answer = False
    refused = dispatcher.operation()
    backend.scripts["near"] = [Delta("here"), DONE]
    for _ in range(2):
        assert (await refused.ask("fix", lambda _model: PROMPT, FILES, lambda _text: None)).model == NEAR
    assert len(around.questions) == 4


async def test_files_that_are_added_are_asked_about_once_more() -> None:
    """A yes is for the files that were named; the second one, which names the folder, is for all that follow."""
    around = Around(route(OPUS, ask=True, workspace="/home/ada/shop"))
    operation = setup(around, Scripted({"opus": says("ok")})).operation()
    counts = []
    for names in (("a",), ("a",), ("a", "b"), ("c",), ("a", "b", "d")):
        files = tuple(SentFile(f"file:///{name}.py", 7) for name in names)
        await operation.ask("refactor", lambda _model: PROMPT, files, lambda _text: None)
        counts.append(len(around.questions))
    assert counts == [1, 1, 2, 2, 2]
    assert [question.folder for question in around.questions] == ["", "/home/ada/shop"]


async def test_a_no_to_files_that_are_added_is_one() -> None:
    """Nothing more is sent after it, whatever was agreed to before."""
    around = Around(route(OPUS, ask=True))
    backend = Scripted({"opus": says("ok")})
    operation = setup(around, backend).operation()
    await operation.ask("refactor", lambda _model: PROMPT, FILES, lambda _text: None)
    around.answer = False
    more = (*FILES, SentFile("file:///b.py", 7))
    with pytest.raises(ConsentRefused):
        await operation.ask("refactor", lambda _model: PROMPT, more, lambda _text: None)
    assert backend.asked == ["opus"]


@pytest.mark.parametrize(
    ("failure", "asked_again"),
    [
        (Overloaded("busy", remedy="fall_back"), True),
        (RateLimited("slow down", retry_after_s=90), True),
        (ConnectionFailed("refused"), True),
        (StreamTruncated("cut", remedy="fall_back"), True),
        (ModelMissing("gone", model="opus"), False),
        (KeyMissing("none"), False),
        (OutOfCredit("no money"), False),
    ],
    ids=lambda value: type(value).__name__,
)
async def test_an_operation_gives_up_only_who_fails_for_good(
    failure: TurnoutError, asked_again: bool
) -> None:
    """One busy moment does not move the other thirty-nine files of a refactor to another model."""
    around = Around(route(OPUS, NEAR))
    backend = Scripted({"opus": [failure], "near": [Delta("ok"), DONE]})
    operation = setup(around, backend).operation()
    for _ in range(2):
        await operation.ask("refactor", lambda _model: PROMPT, FILES, lambda _text: None)
    assert (backend.asked.count("opus") == 2) is asked_again
    assert operation.passed_over == (f"opus: {failure.message}",)


async def test_a_refused_key_is_said_and_not_hidden_by_another_model() -> None:
    """The user would go on paying for, or putting up with, another model for months; typing alone goes on."""
    around = Around(route(OPUS, NEAR))
    backend = Scripted({"opus": [Unauthorized("bad key")], "near": [Delta("ok"), DONE]})
    dispatcher = setup(around, backend)
    with pytest.raises(Unauthorized):
        await dispatcher.run(ask())
    assert (backend.asked, around.receipts[0].outcome) == (["opus"], "failed: bad key")
    around.route = replace(around.route, kind="inline")
    assert (await dispatcher.run(replace(ask(), kind="inline"))).model == NEAR


async def test_when_nobody_answers_the_error_names_every_reason() -> None:
    """The user is told what became of each candidate; the receipt says failed."""
    around = Around(route(OPUS, NEAR))
    backend = Scripted({"opus": [Overloaded("is busy")], "near": [ModelMissing("is not here", model="tiny")]})
    with pytest.raises(RouteError, match=r"opus: is busy; near: is not here"):
        await setup(around, backend).run(ask())
    assert around.receipts[0].outcome.startswith("failed: ")


async def test_a_route_without_candidates_says_why() -> None:
    """Nothing is sent, and each eliminated model is named with the setting that did it."""
    around = Around(route())
    with pytest.raises(RouteError, match=r"codex: no key \(built-in defaults: models.codex\)"):
        await setup(around, Scripted({})).run(ask())
    assert around.receipts[0].model is None


async def test_nothing_leaves_without_consent() -> None:
    """Where the user says no the remote models are never asked; the local one is, without a question."""
    around = Around(route(OPUS, GLM, NEAR, ask=True), answer=False)
    backend = Scripted({"near": [Delta("local"), DONE]})
    answer = await setup(around, backend).run(ask())
    assert backend.asked == ["near"]
    assert [question.model.name for question in around.questions] == ["opus", "glm"]
    assert around.questions[0].estimate_usd is not None
    assert around.questions[1].estimate_usd is None
    assert not answer.receipt.leaves_machine


async def test_a_refusal_with_no_other_candidate_is_the_error() -> None:
    """A user who said no is told that nothing was sent."""
    around = Around(route(OPUS, ask=True), answer=False)
    with pytest.raises(ConsentRefused, match="Nothing was sent"):
        await setup(around, Scripted({})).run(ask())


async def test_a_deadline_ends_the_request_and_its_stream() -> None:
    """A model that does not finish in time is closed, and the error says which setting to raise."""
    around = Around(route(NEAR, deadline_ms=20))
    backend = Scripted({"near": [Delta("a")]}, hang=True)
    with pytest.raises(DeadlineExceeded, match=r"routes\.refactor\.deadline_ms"):
        await setup(around, backend).run(ask())
    assert backend.closed == 1


async def test_cancelling_closes_the_stream_and_leaves_a_receipt() -> None:
    """A cancelled request stops the model and is on record as cancelled."""
    around = Around(route(NEAR))
    backend = Scripted({"near": [Delta("a")]}, hang=True)
    begun = asyncio.Event()
    task = asyncio.create_task(setup(around, backend).run(ask(lambda _text: begun.set())))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert backend.closed == 1
    assert around.receipts[0].outcome == "cancelled"


async def test_a_use_case_can_stop_the_model_early() -> None:
    """What was seen until then is the answer, the stream is closed, and the counts are marked as estimates."""
    around = Around(route(NEAR))
    backend = Scripted({"near": [Delta("one\n"), Delta("two\n"), DONE]})
    answer = await setup(around, backend).run(ask(lambda text: text == "one\n"))
    assert answer.text == "one\n"
    assert backend.closed == 1
    assert answer.receipt.tokens_out == 1


FIGURES = Done("cancelled", Usage(300, 7, 290), Timings(1.0, 5.0, 9.0, prefill=3.0, model=8.0, stop=0.5))


async def _cancelled(around: Around, backend: Scripted) -> None:
    """Run a request and cancel it once its first text has come."""
    begun = asyncio.Event()
    task = asyncio.create_task(setup(around, backend).run(ask(lambda _text: begun.set())))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize("how", ["cancelled", "late", "stopped early"])
async def test_a_receipt_waits_for_the_figures_of_a_request_that_was_closed(how: str) -> None:
    """The model says what a closed request came to after everybody has left; its one receipt has it."""
    account = Account(asyncio.get_running_loop().create_future())
    around = Around(route(NEAR, deadline_ms=20 if how == "late" else None))
    backend = Scripted({"near": [Delta("a")]}, hang=True, accounts=[account])
    if how == "stopped early":
        answer = await setup(around, backend).run(ask(lambda _text: True))
        assert answer.receipt.stop_ms is None
    elif how == "late":
        with pytest.raises(DeadlineExceeded):
            await setup(around, backend).run(ask())
    else:
        await _cancelled(around, backend)
    assert around.receipts == []
    account.settled.set_result(FIGURES)
    await asyncio.sleep(0)
    [receipt] = around.receipts
    assert (receipt.tokens_in, receipt.tokens_out, receipt.tokens_cached) == (300, 7, 290)
    assert receipt.tokens_evaluated == 10
    assert (receipt.queue_ms, receipt.prefill_ms, receipt.model_ms, receipt.stop_ms) == (1.0, 3.0, 8.0, 0.5)
    if how == "stopped early":
        assert (receipt.id, receipt.total_ms) == (answer.receipt.id, answer.receipt.total_ms)


async def test_figures_that_never_come_leave_an_estimate() -> None:
    """A worker that died with the request has said nothing; the receipt is written all the same."""
    account = Account(asyncio.get_running_loop().create_future())
    around = Around(route(NEAR))
    await _cancelled(around, Scripted({"near": [Delta("a")]}, hang=True, accounts=[account]))
    account.settled.set_result(None)
    await asyncio.sleep(0)
    [receipt] = around.receipts
    assert (receipt.tokens_out, receipt.tokens_evaluated, receipt.stop_ms) == (1, None, None)


async def test_what_cost_money_is_on_record_at_once() -> None:
    """The next request has to find the budget as this one left it."""
    account = Account(asyncio.get_running_loop().create_future())
    around = Around(route(OPUS))
    await _cancelled(around, Scripted({"opus": [Delta("a")]}, hang=True, accounts=[account]))
    assert around.receipts[0].cost_usd
    account.settled.set_result(FIGURES)
    await asyncio.sleep(0)
    assert len(around.receipts) == 1


async def test_a_deadline_says_what_was_waited_for() -> None:
    """The words "no answer" alone would leave the user guessing while a model is loaded."""
    around = Around(route(NEAR, deadline_ms=20))
    backend = Scripted({"near": [Waiting("the worker is loading the model")]}, hang=True)
    with pytest.raises(DeadlineExceeded, match=r"within 20 ms: the worker is loading the model\."):
        await setup(around, backend).run(ask())


async def test_whoever_asks_hears_what_is_waited_for() -> None:
    """As it is said, and once text came a deadline blames nothing that is over."""
    around = Around(route(NEAR, deadline_ms=20))
    backend = Scripted({"near": [Waiting("the worker is loading the model"), Delta("a")]}, hang=True)
    heard: list[str] = []
    with pytest.raises(DeadlineExceeded, match=r"within 20 ms\."):
        await setup(around, backend).run(replace(ask(), on_waiting=heard.append))
    assert heard == ["the worker is loading the model"]


async def test_tools_that_a_model_asks_for_are_in_the_answer() -> None:
    """Those of the model that answered; a broken answer leaves none behind."""
    call = ToolCall("c1", "read", "{}")
    around = Around(route(OPUS, NEAR))
    backend = Scripted(
        {"opus": [Delta("let me"), StreamTruncated("cut")], "near": [replace(DONE, calls=(call,))]}
    )
    answer = await setup(around, backend).run(ask())
    assert (answer.calls, answer.text) == ((call,), "")
