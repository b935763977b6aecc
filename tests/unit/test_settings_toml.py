"""Reading settings files: right data, right lines, and no file that can stop a server."""

import os
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.settings.problems import Problem
from turnout.settings.toml import MAX_BYTES, MAX_DEPTH, Document, KeyPath, parse_toml, read_toml

SAMPLE = '''\
# a comment with [brackets] and key = "value"
title = "x # no comment"   # a comment

[privacy]
leaves_machine = 'never'
local_only = [
  "a",   # one
  "b]",

  """c
d""",
]
"quoted key" = { a.b = 1, "c" = [ { d = 2 } ] }

[models."near"]
engine = "auto"
path = \'\'\'
[not.a.table]
key = 1
\'\'\'
after = 1979-05-27 07:32:00

[[rules]]
paths = ["x"]
[[rules]]
paths = ["y"]
[rules.more]
z = true
[[rules.deep]]
q = 1
[[rules.deep]]
q = 2
'''


def test_lines() -> None:
    """Every key and list entry is on the line where it is written, whatever strings and comments hold."""
    document = parse_toml(SAMPLE, "f")
    assert isinstance(document, Document)
    expected: dict[KeyPath, int] = {
        ("title",): 2,
        ("privacy",): 4,
        ("privacy", "leaves_machine"): 5,
        ("privacy", "local_only"): 6,
        ("privacy", "local_only", 0): 7,
        ("privacy", "local_only", 1): 8,
        ("privacy", "local_only", 2): 10,
        ("privacy", "quoted key"): 13,
        ("privacy", "quoted key", "a", "b"): 13,
        ("privacy", "quoted key", "c", 0, "d"): 13,
        ("models", "near"): 15,
        ("models", "near", "path"): 17,
        ("models", "near", "after"): 21,
        ("rules", 0): 23,
        ("rules", 0, "paths"): 24,
        ("rules", 1): 25,
        ("rules", 1, "paths"): 26,
        ("rules", 1, "more", "z"): 28,
        ("rules", 1, "deep", 0, "q"): 30,
        ("rules", 1, "deep", 1, "q"): 32,
    }
    assert {path: document.lines.get(path) for path in expected} == expected


def paths_of(value: Any, path: KeyPath = ()) -> Iterator[KeyPath]:
    """The paths of all keys and entries of a parsed document."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in items:
        yield (*path, key)
        yield from paths_of(child, (*path, key))


_KEY = st.sampled_from(["a", "b-1", '"q k"', "'l#'", '"\\u0061x"', "c.d", ' e . "f.g" '])
_SCALAR = st.sampled_from(
    [
        "1",
        "-1.5e3",
        "true",
        "nan",
        '"s"',
        "'l]'",
        '"es\\"c"',
        '"""m\n"" x"""',
        "'''l\n'''",
        '""""q""""',
        "1979-05-27 07:32:00Z",
        "0xFF",
        '""',
        "''",
    ]
)
_VALUE = st.recursive(
    _SCALAR,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: "[ # c ]\n" + ",\n ".join(items) + "]"),
        st.lists(st.tuples(_KEY, inner), max_size=2).map(
            lambda items: "{" + ", ".join(f"{key} = {value}" for key, value in items) + "}"
        ),
    ),
    max_leaves=5,
)
_LINE = st.one_of(
    st.builds("{} = {}".format, _KEY, _VALUE),
    st.builds("{} = {} # {}".format, _KEY, _SCALAR, st.sampled_from(["c", '"', "["])),
    st.builds("[{}]".format, _KEY),
    st.builds("[[{}]]".format, _KEY),
    st.sampled_from(["", "  ", "# [x]", "\t"]),
)


@given(st.lists(_LINE, max_size=8), st.sampled_from(["\n", "\r\n"]))
def test_scanner_finds_what_the_parser_finds(lines: list[str], ending: str) -> None:
    """For every text that tomllib accepts, each of its keys has a line; any other text is a problem with a line."""
    text = ending.join(lines)
    document = parse_toml(text, "f")
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        assert isinstance(document, Problem)
        return
    assert isinstance(document, Document)
    assert not [path for path in paths_of(data) if path not in document.lines]
    assert all(1 <= line <= text.count("\n") + 1 for line in document.lines.values())


@given(st.text(alphabet=st.sampled_from("[]{}=.\"'#\\ \n\r,ab1\x00\ufeff"), max_size=60))
def test_any_text(text: str) -> None:
    """Any text is a document or a problem, never an exception."""
    assert isinstance(parse_toml(text, "f"), Document | Problem)


@pytest.mark.parametrize(
    ("content", "where", "message"),
    [
        (b"a = 1\nb = [\nc", ":", "is not valid TOML"),
        (b"a = 1\na = 2", ":2", "is not valid TOML"),
        (b"a = 1\nb = '\xff'", ":2", "is not UTF-8"),
        (b"\xff\xfea\x00", ":1", "is not UTF-8"),
        (b"#" * (MAX_BYTES + 1), "", "is larger than 256 KiB"),
        (b"a = " + b"[" * 100_000, ":1", f"more than {MAX_DEPTH} levels"),
        (b"\n\na = " + b"{a=" * 50_000, ":3", f"more than {MAX_DEPTH} levels"),
        (b".".join([b"a"] * 100_000) + b" = 1", ":1", f"more than {MAX_DEPTH} levels"),
        (b"[" + b".".join([b"a"] * 100_000) + b"]", ":1", f"more than {MAX_DEPTH} levels"),
        (b"a = " + b"9" * 10_000, "", "is not valid TOML"),
    ],
)
def test_hostile_file(tmp_path: Path, content: bytes, where: str, message: str) -> None:
    """A file that cannot be used is one problem that names it and, where there is one, the line."""
    file = tmp_path / "x.toml"
    file.write_bytes(content)
    problem = read_toml(file)
    assert isinstance(problem, Problem)
    assert problem.where.startswith(f"{file}{where}")
    assert message in problem.message


def test_what_is_no_file(tmp_path: Path) -> None:
    """Directories, pipes and devices are not read, a broken link is like no file, a loop is a problem."""
    (tmp_path / "directory").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "device").symlink_to("/dev/zero")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "broken").symlink_to("nowhere")
    for name in ("directory", "pipe", "device", "loop"):
        problem = read_toml(tmp_path / name)
        assert isinstance(problem, Problem), name
        assert "cannot be read" in problem.message
    assert read_toml(tmp_path / "broken") is None
    assert read_toml(tmp_path / "none") is None
    assert isinstance(read_toml(tmp_path / "nul\0"), Problem)
