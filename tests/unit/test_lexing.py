"""Telling strings, comments and brackets from code, in whatever text."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from turnout.core.lexing import CODE, Spot, expression_in, is_code, is_data, scan, spot_at_end

LANGUAGES = [
    "python", "javascript", "typescript", "c", "java", "kotlin", "rust", "go", "csharp", "php", "ruby", "lua",
    "shellscript", "sql", "yaml", "toml", "json", "css", "html", "markdown", "unheard-of", "typescriptreact", "elixir",
    "swift",
]  # fmt: skip

SPOTS = [
    ("python", "x = 1", CODE),
    ("python", "x = 'a", Spot("string", "'", "'", 4)),
    ("python", "x = 'a' # b", Spot("comment", "# b", "\n", 8)),
    ("python", '"""a\n"b', Spot("string", '"""', '"""', 0)),
    ("python", "x = 'a\\", Spot("string", "'", "'", 4)),
    ("python", "x = 'a\ny = ", CODE),
    ("javascript", "a /* b", Spot("comment", "/*", "*/", 2)),
    ("javascript", "a // b\n", CODE),
    ("javascript", "`a ${b", Spot("string", "`", "`", 0)),
    ("javascript", "a = /'/.test(", CODE),
    ("javascript", "a = b / c; 'd", Spot("string", "'", "'", 11)),
    ("rust", "fn f<'a>(", CODE),
    ("rust", 'r#"a"', Spot("string", 'r#"', '"#', 0)),
    ("c", "'\"'; \"a", Spot("string", '"', '"', 5)),
    ("lua", "x = [[ a", Spot("string", "[[", "]]", 4)),
    ("lua", "--[[ a\n", Spot("comment", "--[[", "]]", 0)),
    ("shellscript", "echo ${a#b} 'c", Spot("string", "'", "'", 12)),
    ("ruby", 'x = "#{a', Spot("string", '"', '"', 4)),
    ("html", "<!-- it's", Spot("comment", "<!--", "-->", 0)),
    ("markdown", "it's # so", CODE),
]


@pytest.mark.parametrize(("language", "text", "spot"), SPOTS)
def test_spots(language: str, text: str, spot: Spot) -> None:
    """The end of a text is code, or in the comment or string that began last and did not end."""
    assert spot_at_end(text, language) == spot


SCANS = [
    ("python", "f(a, [b", CODE, ("(", "["), ""),
    ("python", "a) + g(b", CODE, ("(",), ")"),
    ("python", "')' + \"]\"", CODE, (), ""),
    ("python", "a') + b", Spot("string", "'", "'"), (), "')"),
    ("python", "a", Spot("string", '"""', '"""'), (), ""),
    ("python", "a\nb)", Spot("string", "'", "'"), (), ")"),
    ("javascript", "a */ b }", Spot("comment", "/*", "*/"), (), "}"),
    ("c", "x[0] = {1};", CODE, (), ""),
    ("php", "<p>(:</p><?php f(')');", CODE, (), ""),
    ("php", "<?php if (a) { ?> :) <?php }", CODE, (), ""),
]


@pytest.mark.parametrize(("language", "text", "inside", "opened", "spare"), SCANS)
def test_scans(language: str, text: str, inside: Spot, opened: tuple[str, ...], spare: str) -> None:
    """What a piece leaves open, and which closers of it belong to something before it."""
    found = scan(text, language, inside)
    assert found.open == opened
    assert "".join(closer for _, closer in found.spare) == spare


@settings(deadline=None)
@given(st.text("ab\"'`\\/*#-[](){}$\n<!>=r?", max_size=80), st.sampled_from(LANGUAGES))
def test_any_text_has_an_answer(text: str, language: str) -> None:
    """Whatever the text: an answer that lies within it, the same from both ways to ask for it."""
    spot = spot_at_end(text, language)
    assert text.startswith(spot.open[:1], spot.start)
    found = scan(text, language)
    assert found.spot == spot
    assert all(text.startswith(closer, at) for at, closer in found.spare)
    assert isinstance(expression_in(text, spot, language), bool)
    assert is_code(language) or is_data(language)


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_text_makes_it_slow(language: str) -> None:
    """It looks at each letter a few times at most: texts that send other patterns back and forth are over at once."""
    for piece in (
        '"',
        "'",
        '"""',
        "\\",
        "/*",
        "'\\",
        "`",
        "(",
        "[[",
        "/a",
        "<!--",
        'r#"',
        "<?",
        "?>",
        "a `",
        "//?",
    ):
        spot_at_end(piece * 5_000, language)
        scan(piece * 5_000, language)
