"""A file that is written anew keeps its own number of blank lines at its head and at its end."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout import syntax
from turnout.core.documents import Snapshot, split_lines
from turnout.core.edits.assemble import Shown, assemble
from turnout.core.edits.replies import Replace, Reply, Write


def written(text: str, given: str) -> str:
    """The file after `given` came for the whole of `text`."""
    file = Snapshot("w:a.py", "python", 1, tuple(split_lines(text)))
    shown = Shown({"a.py": file}, lambda path: f"w:{path}", lambda uri: uri == file.uri, syntax)
    found = assemble(Reply("", (Write(1, "a.py", tuple(given.splitlines())),)), shown)
    assert not found.failures
    return "".join(found.changes[0].after) if found.changes else text


@pytest.mark.parametrize(
    ("text", "given", "after"),
    [
        ("x = 1\n", "\nx = 2\n\n", "x = 2\n"),
        ("x = 1\n", "\n  \nx = 2\n\n\t\n", "x = 2\n"),
        ("\nx = 1\n\n", "x = 2\n", "\nx = 2\n\n"),
        ("\n\nx = 1\n\n\n", "\nx = 2\n\n", "\n\nx = 2\n\n\n"),
        ("\r\nx = 1\r\n\r\n", "x = 2\n", "\r\nx = 2\r\n\r\n"),
        ("\ufeffx = 1\n", "\nx = 2\n", "\ufeffx = 2\n"),
        ("\ufeff\nx = 1\n", "x = 2\n", "\ufeff\nx = 2\n"),
        # Without a final newline, a blank line at the end is one more, too.
        ("x = 1", "x = 2\n\n", "x = 2"),
        ("x = 1\n\n  ", "x = 2\n", "x = 2\n\n  "),
        ("x = 1\n    \n", "x = 2\n", "x = 2\n    \n"),
        # Blank lines elsewhere are as they are given.
        ("x = 1\n", "\nx = 1\n\ny = 2\n\n", "x = 1\n\ny = 2\n"),
        # Where one of both has no text, there is nothing to hold on to.
        ("", "\nx = 1\n\n", "\nx = 1\n\n"),
        ("\n\n", "\nx = 1\n", "\nx = 1\n"),
        ("x = 1\n\n", "\n", "\n"),
        ("x = 1\n\n", "", ""),
    ],
)
def test_a_file_keeps_the_blank_lines_around_its_text(text: str, given: str, after: str) -> None:
    """One more or fewer at either end is none of the change that the model makes."""
    assert written(text, given) == after


BLANKS = st.integers(0, 3)


@given(BLANKS, BLANKS, BLANKS, BLANKS, st.booleans())
def test_blank_lines_around_the_text_are_never_a_change(
    above: int, below: int, more_above: int, more_below: int, is_changed: bool
) -> None:
    """However many come, those of the file stay: where the text in between is the same, nothing changes."""
    text = f"{above * chr(10)}x = 1\n\ny = 2\n{below * chr(10)}"
    after = text.replace("y = 2", "y = 3") if is_changed else text
    assert written(text, f"{more_above * chr(10)}{after.strip()}\n{more_below * chr(10)}") == after


def test_only_what_a_file_had_is_kept() -> None:
    """A new file, and what takes the place of some lines, has the blank lines that it is given."""
    file = Snapshot("w:a.py", "python", 1, ("x = 1\n",))
    shown = Shown({"a.py": file}, lambda path: f"w:{path}", lambda uri: uri == file.uri, syntax)
    steps = (Write(1, "b.py", ("", "y = 1", "")), Replace(2, "a.py", ("x = 1",), ("", "x = 2", "")))
    found = assemble(Reply("", steps), shown)
    assert ["".join(change.after) for change in found.changes] == ["\ny = 1\n\n", "\nx = 2\n\n"]
