"""What is kept of one file: its words, its passages, and nothing of what is no text or holds a secret."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.secrets import pem
from turnout.core.documents import split_lines
from turnout.core.repository import Definition
from turnout.index import passages
from turnout.index.extraction import MAX_PARSED_CHARACTERS, MAX_PARSED_LINE, extract
from turnout.index.words import MAX_IDENTIFIER, split, whole, words_of
from turnout.syntax.symbols import Symbols, read

WORDS = {
    "getUserName": "getusername get user name",
    "HTTPServer_v2": "httpserver_v2 http server",
    "snake_case_name": "snake_case_name snake case name",
    "MAX_RETRIES": "max_retries max retries",
    "plain": "plain",
    "_private": "_private private",
    "$element": "$element element",
    "base64Encode": "base64encode base 64 encode",
    "größe": "größe gr öß",
    "x": "",
    "3d": "",
    "a" * (MAX_IDENTIFIER + 1): "",
}


@pytest.mark.parametrize("name", WORDS)
def test_words_of_an_identifier(name: str) -> None:
    """An identifier is found whole and by its parts, in any case; data and single letters are not."""
    assert words_of(name) == WORDS[name]


def test_words_of_a_text() -> None:
    """Each identifier counts once in a passage, and each word once in a question."""
    assert words_of("userName + userName") == "username user name"
    assert list(split(["userName", "user_id"])) == ["username", "user", "name", "user_id", "id"]
    assert whole("userName") == "username"
    assert [whole(text) for text in ("a", "user name", "", "1x", "x" * 99)] == [""] * 5


@settings(deadline=None, max_examples=60)
@given(st.text())
def test_words_never_change(text: str) -> None:
    """The words of a text depend on nothing else, and are never more than a search can name."""
    assert words_of(text) == words_of(text)
    assert all(0 < len(word) <= MAX_IDENTIFIER for word in words_of(text).split())


@settings(deadline=None, max_examples=60)
@given(st.lists(st.text(alphabet="ab \t(){}", max_size=60), max_size=200), st.sets(st.integers(0, 200)))
def test_passages_cover_what_says_something(bodies: list[str], starts: set[int]) -> None:
    """Passages come in order, do not overlap, keep to their size, and leave out empty lines alone."""
    lines = [body + "\n" for body in bodies]
    covered: list[int] = []
    for first, last in passages.cut(lines, starts):
        assert first <= last < first + passages.MAX_LINES
        assert first == last or sum(map(len, lines[first : last + 1])) <= passages.MAX_CHARACTERS
        covered += range(first, last + 1)
    assert covered == sorted(set(covered))
    assert all(not lines[number].strip() for number in set(range(len(lines))) - set(covered))


def test_passages_begin_at_definitions() -> None:
    """A passage ends where a definition begins, if one does in time, else behind an empty line."""
    lines = ["x\n"] * 30 + ["\n"] + ["x\n"] * 70
    assert passages.cut(lines, [20]) == [(0, 19), (20, 29), (31, 70), (71, 100)]


def test_minified_text_has_no_passage() -> None:
    """A line that nobody wrote by hand is shown to nobody; what is around it is."""
    lines = ["before\n", "x" * (passages.MAX_LINE + 1) + "\n", "after\n"]
    assert passages.cut(lines) == [(0, 0), (2, 2)]


def fails(path: str, language: str, text: str) -> Symbols:
    """A grammar that must not be asked."""
    raise AssertionError(path)


LEFT_OUT = {
    "binary": (b"\x7fELF\0\0", "not text"),
    "latin": ("größe".encode("latin-1"), "not text"),
    "utf-16": ("a = 1".encode("utf-16"), "not text"),
    "secret": (f"import os\n\n{pem('RSA PRIVATE KEY')[0]}\n".encode(), "a secret is in it"),
}


@pytest.mark.parametrize("name", LEFT_OUT)
def test_what_nothing_is_kept_of(name: str) -> None:
    """Of a file that is not UTF-8 text, or that has a secret in it, not a word goes into the index."""
    data, why = LEFT_OUT[name]
    extracted = extract("a.py", data, fails)
    assert extracted.left_out == why
    assert (extracted.text, extracted.definitions, extracted.passages) == ("", (), ())


TOO_MUCH = {
    "large": "a = 1\n" * (MAX_PARSED_CHARACTERS // 6 + 1),
    "minified": "a=1;" * (MAX_PARSED_LINE // 4 + 1),
}


@pytest.mark.parametrize("name", TOO_MUCH)
def test_what_no_grammar_is_asked_about(name: str) -> None:
    """A text that takes a grammar long and tells little is kept as text."""
    extracted = extract("a.js", TOO_MUCH[name].encode(), fails)
    assert extracted.left_out == ""
    assert extracted.definitions == ()
    assert bool(extracted.passages) == (name == "large")


def test_a_file_as_it_is_kept() -> None:
    """Line ends of any kind count as the editor counts them, and a byte order mark is no text."""
    extracted = extract("a/b.py", b"\xef\xbb\xbfimport os\r\n\r\ndef first():\r    pass\n", read)
    assert extracted.definitions == (
        Definition("a/b.py", "python", "first", "function", "", "def first():", 2, 3),
    )
    assert [one.module for one in extracted.imports] == ["os"]
    assert extracted.passages == ((0, 3, 0, 35, "import os def first pass"),)
    assert len(split_lines(extracted.text)) == 4
