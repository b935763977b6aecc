"""Defects that were reproduced in other edit engines, each as a case that this one gets right or refuses."""

import pytest

from turnout import syntax
from turnout.core.documents import Snapshot, split_lines
from turnout.core.edits.assemble import Assembly, Shown, assemble
from turnout.core.edits.blocks import parse_blocks
from turnout.errors import EditAmbiguous, EditUnmatched


def run(text: str, search: str, replace: str, path: str = "a.py") -> Assembly:
    """The reply of a model that replaces `search` in a.py, or creates another `path`."""
    reply = f"{path}\n<<<<<<< SEARCH\n{search}=======\n{replace}>>>>>>> REPLACE\n"
    file = Snapshot("w:a.py", "python", 1, tuple(split_lines(text)))
    shown = Shown({"a.py": file}, lambda other: f"w:{other}", lambda uri: uri == "w:a.py", syntax)
    return assemble(parse_blocks(reply, shown.files), shown)


def becomes(assembly: Assembly, after: str) -> None:
    assert assembly.failures == ()
    assert ["".join(change.after) for change in assembly.changes] == [after]


def is_refused(assembly: Assembly, error: type[Exception]) -> None:
    assert assembly.changes == ()
    assert [type(failure) for failure in assembly.failures] == [error]


NESTED = "def f():\n    if x:\n        go()\n    return 1\n"


def test_a_line_without_its_indentation_is_not_put_at_column_zero() -> None:
    """Text that a model moved to the margin is moved back with its lines, and only if that parses."""
    becomes(run(NESTED, "go()\n", "stop()\n"), NESTED.replace("go", "stop"))
    becomes(run(NESTED, "go()\n", "if y:\n    stop()\n"), NESTED.replace("go()", "if y:\n            stop()"))
    is_refused(run(NESTED, "go()\n", "x = 1\n    stop()\n"), EditUnmatched)
    becomes(run(NESTED, "        go()\n", "        stop()\n"), NESTED.replace("go", "stop"))


def test_context_that_is_not_there_is_never_ignored() -> None:
    """An edit under a function that does not exist is not moved to the first place that looks alike."""
    text = "def one():\n    return 0\n\n\ndef two():\n    return 1\n"
    is_refused(run(text, "def ghost():\n    return 0\n", "def ghost():\n    return 2\n"), EditUnmatched)


def test_mixed_line_endings_survive() -> None:
    """A file with both endings keeps each line's own; a new line takes that of its place."""
    becomes(run("a\r\nb\nc\r\nd\n", "b\n", "B\nnew\n"), "a\r\nB\nnew\nc\r\nd\n")
    becomes(run("a\r\nb\nc\r\nd\n", "c\n", "C\nnew\n"), "a\r\nb\nC\r\nnew\r\nd\n")


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_the_end_of_a_file_survives(end: str) -> None:
    """A final newline is neither lost nor added; a new file has one."""
    becomes(run(f"a\nb{end}", "b\n", "c\n"), f"a\nc{end}")
    becomes(run("a\n", "", "x = 1\ny = 2\n", "new.py"), "x = 1\ny = 2\n")


def test_a_duplicated_context_is_not_edited_silently() -> None:
    """Of two places that are alike none is taken, until the model adds lines that tell them apart."""
    text = "def one():\n    log()\n    return 0\n\n\ndef two():\n    log()\n    return 1\n"
    is_refused(run(text, "    log()\n", "    trace()\n"), EditAmbiguous)
    becomes(
        run(text, "    log()\n    return 1\n", "    trace()\n    return 1\n"),
        text.replace("    log()\n    return 1", "    trace()\n    return 1"),
    )


def test_case_is_never_folded() -> None:
    """`foo = 1` is not `FOO = 1`."""
    is_refused(run("FOO = 1\n", "foo = 1\n", "foo = 2\n"), EditUnmatched)


def test_nothing_matches_across_a_dedent() -> None:
    """Two lines of one block are not two lines of different blocks."""
    is_refused(run("if a:\n    go()\nstop()\n", "    go()\n    stop()\n", "    go()\n"), EditUnmatched)
