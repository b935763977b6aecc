"""The pages of a document: whatever is edited, they are the list that they stand for."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from turnout.core.lines import PAGE, Lines

ENDS = st.integers(-3 * PAGE, 6 * PAGE)
EDITS = st.lists(
    st.tuples(st.integers(0, 6 * PAGE), st.sampled_from((0, 1, 2, PAGE, 4 * PAGE)), st.integers(0, 3 * PAGE)),
    max_size=12,
)


@settings(max_examples=100, deadline=None)
@example(2, [], (-3, 0), -1)
@given(st.integers(0, 5 * PAGE), EDITS, st.tuples(ENDS, ENDS), st.sampled_from((1, 2, -1, -3)))
def test_pages_are_the_list_that_they_stand_for(
    count: int, edits: list[tuple[int, int, int]], ends: tuple[int, int], step: int
) -> None:
    """After any edits, each of which leaves the version before it as it was."""
    expected = [f"{number}\n" for number in range(count)]
    lines = Lines(expected)
    for number, (first, gone, new) in enumerate(edits):
        before, kept = lines, tuple(expected)
        put_in = [f"{number}:{at}\n" for at in range(new)]
        lines = before.replaced(first, first + gone, put_in)
        expected[first : first + gone] = put_in
        assert tuple(before) == kept
    assert lines.whole == tuple(lines) == tuple(expected)
    assert lines == Lines(expected) == tuple(expected)
    assert hash(lines) == hash(Lines(expected))
    assert len(lines) == len(expected)
    assert lines[slice(*ends, step)] == tuple(expected[slice(*ends, step)])
    for index in range(-len(expected), len(expected), 97):
        assert lines[index] == expected[index]


def test_lines_end_where_a_tuple_does() -> None:
    """There is no line behind the last one, nor before the first."""
    for lines in (Lines(), Lines(["a\n"]), Lines(["a\n"] * 3 * PAGE)):
        for index in (len(lines), -len(lines) - 1):
            with pytest.raises(IndexError):
                lines[index]
