"""How much a prompt may hold: as much as is read in time, never more than the model takes."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from turnout.core.fim import budget
from turnout.core.fim.budget import Pace
from turnout.core.fim.layout import Window


def whole(window: Window) -> int:
    return window.prefix_chars + window.suffix_chars + window.chunk_chars


@pytest.mark.parametrize(
    ("prefill", "deadline_ms", "context_tokens", "least", "most"),
    [
        (0.0, 5000, 4096, 3000, 6000),
        (20.0, 5000, 4096, 1200, 1300),
        (160.0, 5000, 4096, 3000, 6000),
        (8000.0, 5000, 4096, 12_000, 13_200),
        (8000.0, 5000, 32_768, 19_000, 19_200),
        (8000.0, 5000, 512, 900, 1300),
        (0.001, None, 4096, 1200, 1300),
    ],
    ids=[
        "unmeasured",
        "slow",
        "two cores",
        "a card",
        "a card, long context",
        "short context",
        "hardly moving",
    ],
)
def test_a_window_is_what_is_read_in_time(
    prefill: float, deadline_ms: int | None, context_tokens: int, least: int, most: int
) -> None:
    """Characters in all, from measured tokens per second."""
    found = budget.window(Pace(prefill, 30.0), deadline_ms, context_tokens, 96)
    assert least <= whole(found) <= most


def test_the_text_after_the_cursor_is_held_to_the_deadline() -> None:
    """It is what a jump of the cursor has to read before anything can be written."""
    late, soon = (budget.window(Pace(160.0), deadline_ms, 4096, 96) for deadline_ms in (5000, 200))
    assert soon.suffix_chars < late.suffix_chars
    assert whole(soon) == pytest.approx(whole(late), abs=3)


def test_speeds_that_differ_by_little_give_the_same_window() -> None:
    """Another window begins another prompt, so that noise in what is measured must not show."""
    assert len({budget.window(Pace(speed), 5000, 4096, 96) for speed in (155.0, 160.0, 170.0, 180.0)}) == 1


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.floats(0.0, 1e6), st.none() | st.integers(1, 100_000), st.integers(256, 200_000), st.integers(1, 512)
)
def test_a_window_fits_the_model(
    prefill: float, deadline_ms: int | None, context_tokens: int, answer_tokens: int
) -> None:
    """At three characters a token it leaves room for the answer, or half of what there is."""
    found = budget.window(Pace(prefill), deadline_ms, context_tokens, answer_tokens)
    assert min(found.prefix_chars, found.suffix_chars, found.chunk_chars) >= 0
    assert whole(found) <= 3.2 * max(200, context_tokens - answer_tokens)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(1, 9000), st.integers(0, 9000), st.integers(0, 9000), st.data())
def test_room_that_other_files_leave_goes_to_the_file(
    prefix: int, suffix: int, chunks: int, data: st.DataObject
) -> None:
    """The whole stays the same size, whatever it is filled with."""
    window = Window(prefix, suffix, chunks)
    used = data.draw(st.integers(0, chunks))
    found = budget.fitted(window, used)
    assert (whole(found), found.chunk_chars) == (whole(window), used)
    assert found.prefix_chars >= prefix
    assert found.suffix_chars >= suffix
    assert budget.without_context(window) == budget.fitted(window, 0)


@pytest.mark.parametrize(
    ("before", "after", "room"), [(100, 20, 50), (500, 90, 50), (40, 20, 110), (0, 0, 170)]
)
def test_room_that_a_short_file_leaves_goes_to_others(before: int, after: int, room: int) -> None:
    """A file of a few lines is shown more of what is around it."""
    assert budget.room_beside(Window(100, 20, 50), before, after) == room
