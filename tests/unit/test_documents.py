"""Documents: every edit an editor can send leaves the text that the editor has."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from turnout.core.documents import (
    Document,
    Position,
    Span,
    codepoints_to_units,
    end_of,
    split_lines,
    units_to_codepoints,
)

# Line endings next to characters that look like endings to str.splitlines, and to every width in UTF-8 and UTF-16.
TEXT = st.text(st.sampled_from("ab \t\r\n\f\v\x1c\x85\u2028é漢𝄞"), max_size=40)


def offset(text: str, position: Position) -> int:
    """Oracle: a position's index in the text, by the protocol's words."""
    lines = re.split(r"(\r\n|\n|\r)", text)
    starts, index = [], 0
    for piece in range(0, len(lines), 2):
        starts.append((index, len(lines[piece])))
        index += len(lines[piece]) + (len(lines[piece + 1]) if piece + 1 < len(lines) else 0)
    if position.line >= len(starts):
        return len(text)
    start, length = starts[position.line]
    return start + min(position.character, length)


@given(TEXT)
def test_lines_join_to_the_text(text: str) -> None:
    """Cutting a text into lines loses and adds nothing, and cuts only where the protocol does."""
    lines = split_lines(text)
    assert "".join(lines) == text
    assert len(lines) == len([p for p in re.split(r"(?<=\n)|(?<=\r)(?!\n)", text) if p])


@settings(max_examples=300)
@given(
    TEXT,
    st.lists(st.tuples(*[st.integers(0, 12)] * 4, TEXT), min_size=1, max_size=6),
)
def test_edits_agree_with_plain_string_arithmetic(
    text: str, edits: list[tuple[int, int, int, int, str]]
) -> None:
    """Any sequence of range edits gives the same text as cutting and pasting the whole string."""
    document = Document("file:///d", "text", 0, text)
    for version, (l1, c1, l2, c2, inserted) in enumerate(edits, 1):
        start, end = sorted([Position(l1, c1), Position(l2, c2)])
        first, last = offset(text, start), offset(text, end)
        text = text[:first] + inserted + text[last:]
        document.replace(Span(start, end), inserted, version)
        assert document.snapshot().text == text
        assert list(document.snapshot().lines) == split_lines(text)
        assert document.version == version


def test_snapshots_do_not_change() -> None:
    """A snapshot keeps the text it was taken from."""
    document = Document("file:///d", "text", 1, "one\ntwo\n")
    before = document.snapshot()
    document.replace(Span(Position(0, 0), Position(0, 3)), "1", 2)
    assert before.text == "one\ntwo\n"
    assert document.snapshot().text == "1\ntwo\n"
    assert document.snapshot() is document.snapshot()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32"])
@given(text=st.text(st.sampled_from("aé漢𝄞\ud800"), max_size=12), data=st.data())
def test_columns_convert_both_ways(encoding: str, text: str, data: st.DataObject) -> None:
    """A code point goes to units and back to itself, whatever the encoding."""
    point = data.draw(st.integers(0, len(text)))
    width = {"utf-8": 1, "utf-16": 2, "utf-32": 4}[encoding]
    name = {"utf-8": "utf-8", "utf-16": "utf-16-le", "utf-32": "utf-32-le"}[encoding]
    units = codepoints_to_units(text, point, encoding)  # type: ignore[arg-type]
    assert units == len(text[:point].encode(name, "surrogatepass")) // width
    assert units_to_codepoints(text, units, encoding) == point  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("units", "encoding", "codepoint"),
    [(1, "utf-16", 0), (3, "utf-8", 0), (99, "utf-16", 2), (99, "utf-32", 2)],
)
def test_columns_inside_a_character_or_past_the_end_are_brought_in(
    units: int, encoding: str, codepoint: int
) -> None:
    """A column in the middle of a character means its start, one past the end the end."""
    assert units_to_codepoints("𝄞a", units, encoding) == codepoint  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("", (3, 4)),
        ("ab", (3, 6)),
        ("ab\n", (4, 0)),
        ("ab\r\ncd", (4, 2)),
        ("\r\r", (5, 0)),
        ("a\n\nb", (5, 1)),
    ],
)
def test_the_end_of_what_was_put_in(text: str, end: tuple[int, int]) -> None:
    """That is where the cursor is after typing or pasting, as far as an edit can tell."""
    assert end_of(Position(3, 4), text) == end


def test_documents_that_are_too_long_or_binary_are_not_kept() -> None:
    """A huge or binary document is skipped with a reason, its edits cost nothing, and a usable text is taken up."""
    for text, reason in [("x" * 5_000_001, "over 5 million"), ("a\0b", "binary")]:
        document = Document("file:///d", "text", 1, text)
        document.replace(Span(Position(0, 0), Position(0, 1)), "y", 2)
        assert reason in document.skipped
        assert document.snapshot().lines == ()
        document.replace_all("small\n", 3)
        assert (document.skipped, document.snapshot().text) == ("", "small\n")


LINES = st.lists(st.sampled_from(("a", "ab", "b a", "é", "", "a\r")), max_size=12).flatmap(
    lambda lines: st.sampled_from(("\n", "\r\n", "\r", "")).map(lambda ending: ending.join(lines))
)


@settings(max_examples=300)
@given(TEXT | LINES, st.lists(TEXT | LINES, min_size=1, max_size=4))
def test_a_whole_text_is_one_edit(text: str, others: list[str]) -> None:
    """Where an editor sends all of its text, the edit that it comes to gives the same lines."""
    whole, edited = Document("file:///d", "text", 0, text), Document("file:///d", "text", 0, text)
    for version, other in enumerate(others, start=1):
        before = whole.snapshot().lines
        edit = whole.replace_all(other, version)
        if edit is not None:
            edited.replace(*edit, version)
        else:
            assert "".join(before) == other
        assert whole.snapshot().lines == edited.snapshot().lines == tuple(split_lines(other))


def test_a_letter_in_a_whole_text_is_an_edit_of_a_letter() -> None:
    """Wherever it was typed or deleted, with lines before and behind it that say the same."""
    for before, after, edit in (
        ("x\ny\nz\n", "x\nya\nz\n", (Span(Position(1, 1), Position(1, 1)), "a")),
        ("x\r\ny\r\n", "x\r\n\r\ny\r\n", (Span(Position(1, 0), Position(1, 0)), "\r\n")),
        ("x\nx\nx\n", "x\nx\n", (Span(Position(2, 0), Position(3, 0)), "")),
        ("f(a)\n", "f(ab)\n", (Span(Position(0, 3), Position(0, 3)), "b")),
        ("f(ab)", "f()", (Span(Position(0, 2), Position(0, 4)), "")),
        ("x", "x\n", (Span(Position(0, 1), Position(0, 1)), "\n")),
        ("", "x", (Span(Position(0, 0), Position(0, 0)), "x")),
        ("x\n", "x\n", None),
    ):
        assert Document("file:///d", "text", 0, before).replace_all(after, 1) == edit
