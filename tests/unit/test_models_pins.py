"""The lock file of a model: what it may say, and that nothing else gets through."""

import json
from pathlib import PurePosixPath, PureWindowsPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.models.pins import SUFFIXES, PinnedFile, Pins, is_plain, parse, render

HASHES = st.text("0123456789abcdef", min_size=64, max_size=64)
NAMES = st.from_regex(
    r"[A-Za-z0-9][A-Za-z0-9._-]{0,40}\.(json|safetensors|model|txt|gguf|jinja)", fullmatch=True
).filter(is_plain)
FILES = st.lists(
    st.builds(PinnedFile, NAMES, st.integers(0, 1 << 50), HASHES), min_size=1, unique_by=lambda f: f.name
)
PINS = st.builds(
    Pins, st.text(min_size=1), st.text("0123456789abcdef", min_size=40, max_size=40), FILES.map(tuple)
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(PINS)
def test_what_is_written_is_read_back(pins: Pins) -> None:
    """Rendering and parsing are each other's inverse."""
    assert parse(render(pins)) == pins


@given(
    st.text()
    | JSON.map(json.dumps)
    | st.dictionaries(st.sampled_from(["repo", "revision", "files"]), JSON).map(json.dumps)
)
def test_anything_else_is_a_value_error(text: str) -> None:
    """A damaged file raises ValueError and nothing else, and never becomes pins."""
    try:
        parse(text)
    except ValueError:
        return
    raise AssertionError(f"{text!r} became pins")


@given(st.text())
def test_a_plain_name_stays_where_it_is_put(name: str) -> None:
    """On POSIX and on Windows it is one path component with a suffix that engines read."""
    if is_plain(name):
        assert PurePosixPath(name).name == PureWindowsPath(name).name == name
        assert PureWindowsPath("D:/models", name) == PureWindowsPath("D:/models") / name
        assert PurePosixPath(name).suffix in SUFFIXES


@pytest.mark.parametrize(
    "name",
    [
        *(
            "",
            ".",
            "..",
            ".json",
            "a/b.json",
            "a\\b.json",
            "/a.json",
            "~a.json",
            "C:a.json",
            "a.json ",
            "a.json.",
        ),
        *(
            "con.json",
            "NUL.safetensors",
            "com1.model",
            "a.py",
            "a.bin",
            "a.pt",
            "a.json.py",
            "a\0.json",
            "\uff41.json",
        ),
    ],
)
def test_other_names_are_not_plain(name: str) -> None:
    """No way out of the directory, no device, no hidden file, no code and no pickle."""
    assert not is_plain(name)
