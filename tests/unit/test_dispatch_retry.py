"""Asking again: after the pause that a provider names, within the deadline, and only where it may help."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.dispatch_kit import (
    DONE,
    NEAR,
    OPUS,
    Around,
    Pauses,
    Script,
    Scripted,
    ask,
    hang,
    route,
    says,
    setup,
)
from turnout.core.backends import Delta
from turnout.dispatch.backoff import CAP_S, LONGEST_S, MOST, SHORT_S, pause_s
from turnout.errors import (
    BackendError,
    ConnectionFailed,
    DeadlineExceeded,
    Overloaded,
    RateLimited,
    RequestRejected,
    StreamTruncated,
)

SECONDS = st.none() | st.floats(0, 1000)


@given(SECONDS, st.integers(1, 5), st.booleans(), SECONDS, st.floats(0, 1))
def test_a_pause_keeps_every_promise(
    told_s: float | None, failures: int, others: bool, left_s: float | None, chance: float
) -> None:
    """Never before the time that was named, never past the deadline, never too often or too long."""
    error = RateLimited("slow down", retry_after_s=told_s)
    pause = pause_s(error, failures, others=others, left_s=left_s, chance=chance)
    if pause is None:
        return
    assert 0 <= pause <= LONGEST_S
    assert failures <= MOST
    assert left_s is None or pause < left_s
    if told_s is None:
        assert pause <= CAP_S
    else:
        assert pause >= told_s
    if others:
        assert failures == 1
        assert told_s is not None
        assert told_s <= SHORT_S


@given(st.sampled_from(["fall_back", "stop"]), SECONDS, st.floats(0, 1))
def test_what_cannot_help_is_not_tried(remedy: str, told_s: float | None, chance: float) -> None:
    """Only an error that says so is met by asking again, whatever else it says."""
    error = BackendError("no", remedy=remedy, retry_after_s=told_s)  # type: ignore[arg-type]
    assert pause_s(error, 1, others=False, left_s=None, chance=chance) is None


BUSY = Overloaded("busy")
ROWS = {
    "the last model is asked twice more, each time later": (
        [[BUSY], [BUSY], says("ok")], [], ["opus"] * 3, [0.375, 0.75]
    ),
    "and then no more": ([[BUSY], [BUSY], [BUSY]], [], ["opus"] * 3, [0.375, 0.75]),
    "another model is asked at once": ([[BUSY]], [NEAR], ["opus", "near"], []),
    "unless the provider names a short pause": (
        [[RateLimited("wait", retry_after_s=0.2)], says("ok")], [NEAR], ["opus", "opus"], [0.325]
    ),
    "a long one is not waited for": (
        [[RateLimited("wait", retry_after_s=30.0)]], [NEAR], ["opus", "near"], []
    ),
    "a stream that broke is asked for anew": ([[Delta("ha"), StreamTruncated("cut")], says("ok")], [], ["opus"] * 2,
                                              [0.375]),
    "a request that is refused is refused again": ([[RequestRejected("no")]], [], ["opus"], []),
    "nobody listens at that address": ([[ConnectionFailed("no")]], [], ["opus"], []),
}  # fmt: skip


@pytest.mark.parametrize(("turns", "others", "asked", "pauses"), ROWS.values(), ids=ROWS.keys())
async def test_who_is_asked_again(
    turns: list[Script], others: list[object], asked: list[str], pauses: list[float]
) -> None:
    """One receipt for all of it, with every model that text got to."""
    around, taken = Around(route(OPUS, *others)), Pauses()  # type: ignore[arg-type]
    backend = Scripted({"near": says("here")}, turns={"opus": list(turns)})
    answers = any(len(turn) == 2 and turn[-1] is says("")[-1] for turn in turns) or bool(others)
    if answers:
        await setup(around, backend, pauses=taken).run(ask())
    else:
        with pytest.raises(BackendError):
            await setup(around, backend, pauses=taken).run(ask())
    assert (backend.asked, taken.taken) == (asked, pytest.approx(pauses))
    [receipt] = around.receipts
    assert len(receipt.sends) == len([name for name in asked if name]) - isinstance(
        turns[0][0], ConnectionFailed
    )


async def test_a_pause_past_the_deadline_is_not_begun() -> None:
    """The user hears at once what could not have come in time."""
    around, taken = Around(route(OPUS, deadline_ms=300)), Pauses()
    with pytest.raises(Overloaded):
        await setup(around, Scripted({"opus": [BUSY]}), pauses=taken).run(ask())
    assert taken.taken == []


async def test_typing_is_never_asked_again() -> None:
    """The next keystroke asks anyway, and a storm of keystrokes must not be doubled."""
    around = Around(route(OPUS, kind="inline"))
    backend = Scripted({"opus": [BUSY]})
    with pytest.raises(Overloaded):
        await setup(around, backend).run(ask(kind="inline"))
    assert backend.asked == ["opus"]


async def test_what_was_heard_is_taken_back_before_another_model_begins() -> None:
    """Whoever listens hears one answer from its beginning."""
    heard: list[str] = []
    around = Around(route(OPUS, NEAR))
    backend = Scripted({"opus": [Delta("a"), Delta("b"), StreamTruncated("cut")], "near": says("whole")})
    answer = await setup(around, backend).run(ask(heard.append, on_restart=heard.clear))
    assert (heard, answer.text) == (["whole"], "whole")
    backend.scripts["near"] = [DONE]
    answer = await setup(around, backend).run(ask(heard.append, on_restart=heard.clear))
    assert (heard, answer.text) == ([], "")


async def test_what_cannot_be_taken_back_is_not_repeated() -> None:
    """A listener that cannot forget gets the failure, and no other model is paid for."""
    heard: list[str] = []
    around = Around(route(OPUS, NEAR))
    backend = Scripted({"opus": [Delta("a"), StreamTruncated("cut")], "near": says("whole")})
    with pytest.raises(StreamTruncated):
        await setup(around, backend).run(ask(heard.append, on_restart=None))
    assert (heard, backend.asked) == (["a"], ["opus"])
    backend.scripts["opus"] = [StreamTruncated("cut")]  # before any text
    assert (await setup(around, backend).run(ask(heard.append, on_restart=None))).text == "whole"


async def test_a_model_that_says_nothing_in_its_time_is_passed_over() -> None:
    """The time is for the first text alone, and says nothing against the endpoint."""
    around = Around(route(OPUS, NEAR, first_token_ms=20))
    backend = Scripted({"opus": [hang], "near": says("whole")})
    answer = await setup(around, backend).run(ask())
    assert answer.text == "whole"
    assert "opus: It sent no text within 20 ms." in answer.receipt.reason
    around.route = route(OPUS, first_token_ms=20)
    with pytest.raises(DeadlineExceeded, match=r"routes\.refactor\.first_token_ms"):
        await setup(around, backend).run(ask())
