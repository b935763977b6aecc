"""What a prompt shows of other files: what is chosen, what is left out, and an order that does not jump about."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from turnout.core import context
from turnout.core.context import MARGIN, SOURCES, Chunk, Source


def chunk(path: str, score: float = 1.0, text: str = "", source: Source = "similar") -> Chunk:
    return Chunk(path, text or f"the_text_of_{path} = 1\n", source, score)


def paths(chunks: tuple[Chunk, ...]) -> list[str]:
    return [one.path for one in chunks]


@pytest.mark.parametrize(
    ("candidates", "limit", "visible", "chosen"),
    [
        ([chunk("a", 1), chunk("b", 2)], 500, "", ["a", "b"]),
        ([chunk("a", 1), chunk("b", 2)], 40, "", ["b"]),
        ([chunk("a", 1), chunk("b", 2)], 5, "", []),
        ([chunk("a", 1), chunk("b", 2, "x = 1\n" * 90)], 40, "", ["a"]),
        ([chunk("a")], 500, "x = 1\nthe_text_of_a = 1\n", []),
        ([chunk("a", 1, "x_one = 1\nx_two = 2\nx_three = 3\n")], 500, "x_one = 1\nx_three = 3\n", ["a"]),
        ([chunk("a", 1, "same_line = 1\n"), chunk("b", 2, "same_line = 1\n")], 500, "", ["b"]),
        ([chunk("a", 1, "  \n}\n")], 500, "", []),
        ([], 500, "", []),
    ],
    ids=[
        "both fit",
        "the better one",
        "no room",
        "too long",
        "seen already",
        "all but one line seen",
        "twice",
        "says nothing",
        "nothing",
    ],
)
def test_the_best_that_fits_and_is_new_is_chosen(
    candidates: list[Chunk], limit: int, visible: str, chosen: list[str]
) -> None:
    """Room goes to the highest scores, and to nothing that the prompt shows anyway."""
    assert paths(context.choose(candidates, limit, visible)) == chosen


def test_what_changes_least_comes_first() -> None:
    """New chunks stand by their source, the best of each last, next to the hole."""
    found = [
        chunk(f"{source} {score}", score, source=source) for source in reversed(SOURCES) for score in (2, 1)
    ]
    assert paths(context.ordered(found)) == [f"{source} {score}" for source in SOURCES for score in (1, 2)]


@pytest.mark.parametrize(("score", "changes"), [(MARGIN * 0.99, False), (MARGIN * 1.01, True)])
def test_a_choice_stays_until_something_is_clearly_better(score: float, changes: bool) -> None:
    """A little more of something else is not worth reading the prompt anew."""
    before = context.choose([chunk("old", 1)], 40)
    after = context.choose([chunk("old", 1), chunk("new", score)], 40, "", before)
    assert paths(after) == (["new"] if changes else ["old"])


@pytest.mark.parametrize(
    "found",
    [[], [chunk("new", 0.1)], [chunk("old", 1, "newer_text = 2\n")]],
    ids=["gone", "something else is there", "changed"],
)
def test_what_is_not_found_any_more_is_not_shown(found: list[Chunk]) -> None:
    """Its file was changed, moved or closed, and its old text may be what must not be seen any more."""
    before = context.choose([chunk("old", 1)], 40)
    assert context.choose(found, 40, "", before) == tuple(found)


def test_what_stays_keeps_its_place() -> None:
    """What is new, or has a new text, goes behind what the model has read already."""
    before = context.choose([chunk("b", 1), chunk("a", 2), chunk("c", 3)], 500)
    grown = [chunk("a", 2, "newer_text = 2\n"), chunk("b", 1), chunk("c", 3), chunk("d", 9)]
    after = context.choose(grown, 500, "", before)
    assert paths(after) == ["b", "c", "a", "d"]
    assert after[2].text == "newer_text = 2\n"


def test_a_choice_that_no_longer_fits_is_made_anew() -> None:
    """Less room is never exceeded for the sake of what was there."""
    before = context.choose([chunk("a", 1), chunk("b", 2)], 500)
    assert paths(context.choose([chunk("a", 1), chunk("b", 2)], 40, "", before)) == ["b"]


scores = st.floats(0.01, 10, allow_nan=False)
chunks = st.lists(
    st.builds(
        Chunk,
        st.sampled_from("abcdef"),
        st.text("xyz \n=", min_size=1, max_size=80),
        st.sampled_from(SOURCES),
        scores,
        st.integers(0, 3),
    ),
    max_size=8,
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(chunks, chunks, st.integers(0, 400))
def test_no_choice_is_larger_than_its_room(first: list[Chunk], second: list[Chunk], limit: int) -> None:
    """Whatever is found, and whatever was chosen before."""
    before = context.choose(first, limit)
    for chosen in (before, context.choose(second, limit, "", before)):
        assert sum(len(one.text) for one in chosen) <= limit


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(chunks, st.integers(0, 400))
def test_asking_again_changes_nothing(found: list[Chunk], limit: int) -> None:
    """The same candidates give the same chunks in the same order, from one keystroke to the next."""
    before = context.choose(found, limit)
    again = context.choose(found, limit, "", before)
    assert [(one.key, one.text) for one in again] == [(one.key, one.text) for one in before]


def test_names_near_the_cursor_come_first() -> None:
    """The last word is what is being written; words of the language are none."""
    names = context.wanted_names(
        "import far\nfor item in order.lines:\n    total += price(item", ").amount\n"
    )
    assert names == ("item", "price", "total", "lines", "order", "far", "amount")


@pytest.mark.parametrize(
    ("near", "far"),
    [
        ("charge_customer(order)", "def unrelated(): ..."),
        ("def charge_customer(order): ...", "def charge(): ..."),
        ("customer_charge", "nothing_at_all"),
    ],
)
def test_text_of_more_interest_is_told_from_other_text(near: str, far: str) -> None:
    """Whole names count more than their words, and these more than nothing."""
    weights = context.interest("x = 1\ncharge_customer(order", ")\n")
    assert context.likeness(weights, near) > context.likeness(weights, far)
    assert 0 <= context.likeness(weights, near) <= 1


def test_the_nearer_line_weighs_more() -> None:
    """What stands at the cursor tells more than what stands ten lines above."""
    weights = context.interest("far_away = 1\n" + "\n" * 8 + "near_by = ", "\n")
    assert weights["near_by"] > weights["far_away"] > 0


def test_the_same_form_tells_more_than_the_same_names() -> None:
    """Of two texts with the same names, the one that puts them together as the cursor's line does."""
    weights = context.interest("return self.charge(customer", "")
    assert context.likeness(weights, "return self.charge(x)\ncustomer\n") > context.likeness(
        weights, "charge = self\ncustomer\n"
    )


def test_the_windows_of_most_interest_are_found() -> None:
    """Not the passage's beginning, but the lines that speak of the same; the best first, and none within another."""
    lines = [f"filler_{number} = 0\n" for number in range(60)]
    lines[20], lines[50] = "charge_customer(order)\n", "charge_customer\n"
    first, second = context.best_windows(lines, context.interest("charge_customer(", ""), 8, 2)
    assert first[0] <= 20 < first[0] + 8
    assert second[0] <= 50 < second[0] + 8
    assert first[1] > 0.9 > second[1] > 0


@pytest.mark.parametrize(
    ("text", "limit", "kept"),
    [
        ("import os\nx = 1\n", 99, "import os\n"),
        ("from a import (\n    b,\n    c,\n)\n\ndef f(): ...\n", 99, "from a import (\n    b,\n    c,\n)\n"),
        ("use crate::{\n    a,\n};\nfn f() {}\n", 99, "use crate::{\n    a,\n};\n"),
        ('const fs = require("fs")\nrun()\n', 99, 'const fs = require("fs")\n'),
        ("import a\nimport b\n", 9, "import a\n"),
        ("important = 1\n", 99, ""),
    ],
)
def test_imports_are_taken_whole(text: str, limit: int, kept: str) -> None:
    """Also those of several lines, and no more than there is room for."""
    assert context.import_lines(text.splitlines(keepends=True), limit) == kept
