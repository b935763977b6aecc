"""Marks: lexing from one of them says what lexing the whole file says, in every language and after any edits."""

from hypothesis import given, settings
from hypothesis import strategies as st

from turnout.core import marks
from turnout.core.documents import Document, Position, Span
from turnout.core.holes import PREFIX_CHARACTERS, cut
from turnout.core.lexing import CODE, Spot, spot_at_end
from turnout.core.quiet import silence

LANGUAGES = (
    "python", "javascript", "c", "kotlin", "rust", "go", "csharp", "php", "ruby", "lua", "shellscript", "sql", "yaml",
    "toml", "css", "html", "markdown", "unheard-of",
    "typescriptreact", "elixir",
)  # fmt: skip

PIECES = st.sampled_from(
    ('"""', "'''", '"', "'", "`", "\\", "#", "//", "/*", "*/", "--", "[[", "]]", "\n=begin", "\n=end", 'r#"', '"#',
     "/", "= /", "<!--", "-->", "{", "${", "a", " ", "<?php", "<", "?>", "a `", "é", "\r", "\r\n", "\n",
     "\n" * 40, "x = 1\n" * 70)
)  # fmt: skip
TEXTS = st.lists(PIECES, max_size=30).map("".join)


def whole(document: Document, position: Position, language: str) -> Spot:
    """What lexing says of a place that begins at the beginning of the file."""
    lines = document.snapshot().lines
    own = lines[position.line] if position.line < len(lines) else ""
    return spot_at_end("".join(lines[: position.line]) + own[: position.character], language)


@settings(deadline=None, max_examples=150)
@given(TEXTS, st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1), TEXTS), max_size=4), st.data())
def test_from_a_mark_on_as_from_the_beginning(
    text: str, edits: list[tuple[float, float, str]], data: st.DataObject
) -> None:
    """Whatever was edited since the marks were found, and wherever one asks."""
    language = data.draw(st.sampled_from(LANGUAGES))
    document = Document("file:///a", language, 0, text)
    for version, (start, end, put_in) in enumerate((*edits, (0.0, 0.0, "")), start=1):
        snapshot = document.snapshot()
        line = data.draw(st.integers(0, len(snapshot.lines)))
        own = snapshot.lines[line].rstrip("\r\n") if line < len(snapshot.lines) else ""
        at = Position(line, data.draw(st.integers(0, len(own))))
        hole, spot = cut(snapshot, at), whole(document, at, language)
        assert hole.ground is not None
        found = hole.spot()
        assert (found.kind, found.open, found.close) == (spot.kind, spot.open, spot.close)
        assert hole.code.startswith(spot.open[:1], found.start)
        first, last = sorted((int(start * len(snapshot.lines)), int(end * len(snapshot.lines))))
        document.replace(Span(Position(first, 0), Position(last, 0)), put_in, version)


def test_a_window_in_a_long_string_is_no_code() -> None:
    """However far above the window it began, and whatever in it looks like code; also once it was edited."""
    string = "import os\ndef f():\n" * (PREFIX_CHARACTERS // 10)
    document = Document("file:///a.py", "python", 0, f'"""\n{string}"""\nx = 1\n')
    count = string.count("\n")
    inside, behind = Position(count, len("def f():")), Position(count + 2, 0)
    assert cut(document.snapshot(), inside).spot() == Spot("string", '"""', '"""', 0)
    assert cut(document.snapshot(), behind).spot() == CODE
    assert not silence(cut(document.snapshot(), inside))  # it is documentation, to its last line
    document.replace(Span(Position(0, 0), Position(0, 3)), "", 1)
    assert cut(document.snapshot(), inside).spot() == CODE


def test_no_keystroke_looks_through_a_long_file() -> None:
    """At first only a part is looked through at a time; then an edit costs no more than the lines behind it."""
    lines = "x = 'some text'\n" * (3 * marks.MOST_CHARACTERS // 16)
    document = Document("file:///a.py", "python", 0, lines)
    end = Position(len(document.snapshot().lines), 0)
    known = [cut(document.snapshot(), end).ground is not None for _ in range(4)]
    assert known == [False, False, False, True]
    document.replace(Span(end, end), "y = ", 1)
    after = cut(document.snapshot(), Position(end.line, 4))
    assert after.ground is not None
    assert len(after.ground.text) < 20 * marks.EVERY_LINES
