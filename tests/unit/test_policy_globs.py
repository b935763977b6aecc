"""Path patterns: gitignore's meaning, without a way to slow matching down or to slip past it."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pathspec import GitIgnoreSpec

from turnout.core.globs import MAX_PATTERN, PathSet, Pattern, check_pattern, fold_path, glob_to_regex
from turnout.core.policy import Rule, RuleSet


def covers(pattern: str, path: str) -> bool:
    return PathSet([Pattern(pattern, "test")]).match(fold_path(path)) is not None


@pytest.mark.parametrize(
    ("pattern", "inside", "outside"),
    [
        ("*.pem", "a.pem deep/b.pem x.pem/content", "a.pem2 pem"),
        (".env*", ".env .env.local app/.envrc .env.d/x", "a.env env"),
        ("secrets/**", "secrets/a secrets/b/c", "secrets x/secrets/a"),
        ("**/secrets/**", "secrets/a x/secrets/b/c", "secrets x/secretsb/c"),
        (".ssh/", ".ssh/id x/.ssh/a/b", ".ssh"),
        ("/top", "top top/x", "a/top"),
        ("a/b", "a/b a/b/c", "x/a/b"),
        ("a/**/b", "a/b a/x/b a/x/y/b/c", "a/xb b"),
        ("a/*", "a/b a/b/c", "a ab"),
        ("**", "a a/b", ""),
        ("a?c", "abc x/aüc", "ac a/c"),
        ("[a-c]x", "ax bx", "dx x"),
        ("[!a-c]x", "dx", "ax a/x/"),
        ("\\!x", "!x", "x"),
        ("\\*x", "*x", "ax"),
        ("a.b", "a.b", "aXb"),
    ],
)
def test_pattern(pattern: str, inside: str, outside: str) -> None:
    """A pattern covers what gitignore says it covers, and nothing else."""
    for path in inside.split():
        assert covers(pattern, path), path
    for path in outside.split():
        assert not covers(pattern, path), path


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        (".env", ".ENV"),
        ("SECRETS/", "secrets/a"),
        ("*.PEM", "x/Key.pem"),
        ("caf\u00e9/", "cafe\u0301/menu"),
        ("cafe\u0301/", "CAF\u00c9/menu"),
        ("[A-C]x", "bX"),
        (".env", "./.env"),
        (".env", "src/../.env"),
        ("secrets/**", "x/../secrets//a"),
        (".env", "../other/.env"),
        (".env", "/etc/.env"),
        (".env*", ".env\nb"),
        ("a*b", "a\nb"),
        ("straße/", "STRASSE/a"),
        ("STRASSE/", "straße/a"),
        ("stra\u1e9ee/**", "Strasse/a"),
        ("stra?e/", "straße/a"),
        ("*.ﬁg", "a.FIG"),
        ("οδος/", "ΟΔΟΣ/a"),
        ("\u017fecrets/", "SECRETS/a"),
        ("\u212aeys/", "keys/a"),
        ("\u01f0/", "J\u030c/a"),
        ("İ/", "i\u0307/a"),
    ],
)
def test_spelling(pattern: str, path: str) -> None:
    """No other spelling of a path that may name the same file slips past a pattern."""
    assert covers(pattern, path)


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("strase/", "straße/a"),
        ("e", "é"),
        ("a", "ä"),
        ("i", "\u0131"),
        ("o", "0"),
        ("strasse", "straßen"),
        ("ss?", "ß"),
    ],
)
def test_other_names(pattern: str, path: str) -> None:
    """What no file system takes for the same name is another name."""
    assert not covers(pattern, path)


def test_the_first_rule_wins_in_any_spelling() -> None:
    """A rule for a folder comes before one for everything, also where its name is spelled out."""
    rules = RuleSet([Rule((), "street", ("straße/**",)), Rule((), "all")])
    assert rules.first("inline", "python", fold_path("STRASSE/a.py")) == 0
    assert rules.first("inline", "python", fold_path("strase/a.py")) == 1


@pytest.mark.parametrize(
    "pattern",
    [
        "!a",
        "",
        "/",
        "//",
        ".",
        "../a",
        "a/../b",
        "a\\",
        "[",
        "[a",
        "[b-a]",
        "[a[b]",
        "[a--b]",
        "a" * (MAX_PATTERN + 1),
        "\x1b[2J",
    ],
)
def test_refused(pattern: str) -> None:
    """A pattern that cannot be what its author meant is refused with a reason, never taken to match nothing."""
    assert check_pattern(pattern)


_PARTS = st.sampled_from(
    ["*", "**", "?", "a", "b", "ab", "a*", "*b", "a*b", "a?", "[ab]", "[!a]b", "*a*b*", "\\*", "."]
)
_PATTERNS = st.builds(
    lambda lead, parts, tail: lead + "/".join(parts) + tail,
    st.sampled_from(["", "/"]),
    st.lists(_PARTS.filter(lambda part: part != "."), min_size=1, max_size=5),
    st.sampled_from(["", "/", "/**"]),
)
_PATHS = st.lists(st.text("ab*", min_size=1, max_size=4), min_size=1, max_size=5).map("/".join)


@given(_PATTERNS, _PATHS)
def test_agrees_with_gitignore(pattern: str, path: str) -> None:
    """Matching agrees with pathspec's implementation of gitignore on every pattern and path."""
    assert covers(pattern, path) == GitIgnoreSpec.from_lines([pattern]).match_file(path)


@given(st.text(max_size=40))
def test_any_text(text: str) -> None:
    """Whatever is not refused compiles and can be matched."""
    if check_pattern(text) is None:
        re.compile(glob_to_regex(text))
        covers(text, text)


@pytest.mark.parametrize(
    "pattern", ["*a" * 100 + "b", "**/a/" * 40 + "b", "a**" * 80, "[ab]*" * 50, "?*" * 100]
)
def test_hostile(pattern: str) -> None:
    """A pattern made to backtrack takes no more steps than any other: this test would never end."""
    assert check_pattern(pattern) is None
    covers(pattern, "a" * 3000)
    covers(pattern, "a/" * 1500 + "c")


def test_first_pattern_counts() -> None:
    """The pattern named as the reason is the first in the list that covers the path."""
    paths = PathSet([Pattern("*.py", "one"), Pattern("src/**", "two"), Pattern("src/a.py", "three")])
    assert [getattr(paths.match(path), "source", None) for path in ("src/a.py", "src/a.c", "x.c")] == [
        "one",
        "two",
        None,
    ]
    assert PathSet().match("x") is None


@given(st.lists(st.integers(0, 40), min_size=1, max_size=80), st.integers(0, 45), st.booleans())
def test_many_patterns_are_matched_in_parts(numbers: list[int], asked: int, umlaut: bool) -> None:
    """However many and long they are, the pattern named is the first in the list, since no part of it takes long."""
    long = "*".join("abcdefgh" * 4)
    last = "\u00df" if umlaut else "s"
    paths = PathSet(Pattern(f"{number}/{long[:200]}/{last}", str(at)) for at, number in enumerate(numbers))
    path = f"{asked}/{'abcdefgh' * 13}/{'ss' if umlaut else 's'}"
    found = paths.match(path)
    assert (found and int(found.source)) == (numbers.index(asked) if asked in numbers else None)
    assert paths.match(path) == found


def test_no_part_is_long() -> None:
    """What is matched in one call is about as much as an ordinary policy, whatever somebody writes into one."""
    paths = PathSet(Pattern("*a" * 127 + str(at), "one") for at in range(500))
    parts = [expression.pattern for _, expression in paths._alternatives._written]
    assert max(map(len, parts)) < 12_000
