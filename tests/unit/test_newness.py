"""A problem is new where the change brought it, and old wherever the change took it."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.core.documents import split_lines
from turnout.core.edits.changes import FileChange, file_change, inverse
from turnout.core.edits.diff import equal_blocks
from turnout.core.newness import fresh
from turnout.core.problems import Problem

Found = Sequence[tuple[int, str]]

AREA, SIZE = "def area(w):\n    return w\n", "def size(w):\n    return w\n"


def change(before: str, after: str, path: str = "a.py", new_path: str | None = None) -> FileChange:
    lines = split_lines(before), split_lines(after)
    if new_path is None:
        return file_change("edit", f"file:///w/{path}", path, *lines)
    new_uri = f"file:///w/{new_path}"
    return file_change("rename", f"file:///w/{path}", path, *lines, new_uri=new_uri, new_path=new_path)


def new(before: str, after: str, old: Found, now: Found) -> list[tuple[int, str]]:
    """The new ones of the problems `now`, by line (from 1), where `old` were there before."""
    found = fresh(
        [Problem("a.py", *row) for row in now],
        [Problem("a.py", *row) for row in old],
        [change(before, after)],
    )
    return [(problem.line, problem.text) for problem in found]


SIZES = [
    ("E501 Line too long (90 > 88)", "E501 Line too long (112 > 88)"),
    ("E501 line too long (90 > 79 characters)", "E501 line too long (81 > 79 characters)"),
    ("C901 'f' is too complex (12)", "C901 'f' is too complex (13)"),
    ("Line too long (120/100) (line-too-long)", "Line too long (101/100) (line-too-long)"),
    (
        "Metrics/MethodLength: Method has too many lines. [12/10]",
        "Metrics/MethodLength: Method has too many lines. [11/10]",
    ),
    (
        "This line has a length of 120. Maximum allowed is 100.",
        "This line has a length of 101. Maximum allowed is 100.",
    ),
    ("Line is longer than 100 characters (found 120).", "Line is longer than 100 characters (found 101)."),
    (
        "cyclomatic complexity 21 of func `f` is high (> 20)",
        "cyclomatic complexity 22 of func `f` is high (> 20)",
    ),
    ("the line is 130 characters long", "the line is 121 characters long"),
    ("it took 12 ms", "it took 9 ms"),
    ("redefined, see line 3", "redefined, see line 4"),
]
"""What is said of a size, and of another size."""

OLD = [
    ("on a line that moved", "x\n", "y\nx\n", [(1, "T201")], [(2, "T201")]),
    ("with a place in its words", "x\nz\n", "y\nx\nz\n", [(2, "see line 1")], [(3, "see line 2")]),
    ("on a renamed definition", AREA, SIZE, [(1, "D103 no words")], [(1, "D103 no words")]),
    ("that names what was renamed", AREA, SIZE, [(1, "area is long")], [(1, "size is long")]),
    ("that names it elsewhere", AREA, SIZE, [(2, "in area: w")], [(2, "in size: w")]),
    ("that names it still", AREA, SIZE, [(1, "see area")], [(1, "see area")]),
    ("of a length", "print(a)\n", "print(abc)\n", [(1, "long (90 > 88)")], [(1, "long (92 > 88)")]),
    *(
        ("of a size", "f(1)\ng\n", f"{after}\ng\n", [(1, said)], [(1, other)])
        for after in ("f(2)", "f(\n2)", "h\nf(1)")
        for said, other in SIZES
    ),
    ("on a line cut in two", "f(a, b)\n", "f(\n  a, b)\n", [(1, "T201")], [(2, "T201")]),
    ("on lines that changed places", "p\nq\n", "q\np\n", [(1, "a"), (2, "b")], [(2, "a"), (1, "b")]),
    ("on a line like one put in", "x\np\n", "x\nz\nx\np\n", [(1, "a")], [(3, "a")]),
    ("of a block that begins earlier", "\nx\n", "\ny\nx\n", [(2, "I001")], [(2, "I001")]),
    ("of the file", "x\n", "import y\nx\n", [(1, "D100")], [(1, "D100")]),
    ("without a line", "x\n", "y\n", [(0, "FAILED t")], [(0, "FAILED t")]),
]


@pytest.mark.parametrize(("before", "after", "old", "now"), [r[1:] for r in OLD], ids=[r[0] for r in OLD])
def test_old_problems(before: str, after: str, old: Found, now: Found) -> None:
    """A problem that was there is no new one, whatever the change did to its line; without it, it is."""
    assert new(before, after, old, now) == []
    assert new(before, after, [], now) == now


OTHERS = [
    ('Argument 1 to "f" is of the wrong type', 'Argument 2 to "f" is of the wrong type'),
    ("Expected 2 arguments, but got 1", "Expected 3 arguments, but got 1"),
    ("Too many arguments: expected 1", "Too many arguments: expected 2"),
    ("tuple index 2 is out of range", "tuple index 3 is out of range"),
    ("assert 1 > 2", "assert 3 > 2"),
    ("too long (90 > 88)", "too long (90 > 79)"),
]
"""What is said of one thing, and of another."""

NEW = [
    ("one more", "x\n", "x\nx\n", [(1, "T201")], [(1, "T201"), (2, "T201")], [(2, "T201")]),
    ("on the same line", "x\n", "z\n", [(1, "a")], [(1, "a"), (1, "a")], [(1, "a")]),
    ("where none was", "x\ny\n\nz\n", "w\ny\n\nz\n", [(1, "a")], [(4, "a")], [(4, "a")]),
    ("in the same words", "x\ny\nx\n", "y\nx\n", [(1, "a")], [(2, "a")], [(2, "a")]),
    ("beside a mended one", "x\ny\n", "p\nq\n", [(1, "a")], [(2, "a")], [(2, "a")]),
    ("with another rule", "x\n", "y\n", [(1, "D103 b")], [(1, "D104 b")], [(1, "D104 b")]),
    ("of another name", AREA, SIZE, [(2, "no foo")], [(2, "no bar")], [(2, "no bar")]),
    ("of the old name", AREA, SIZE, [(2, "no size")], [(2, "no area")], [(2, "no area")]),
    *(
        ("of another thing", "f(1)\ng\n", f"{after}\ng\n", [(1, said)], [(1, other)], [(1, other)])
        for after in ("f(2)", "f(\n2)", "h\nf(1)")
        for said, other in OTHERS
    ),
    ("of a number", "x\ny\n", "x\nz\n", [(1, "takes 2")], [(1, "takes 3")], [(1, "takes 3")]),
]


@pytest.mark.parametrize(
    ("before", "after", "old", "now", "found"), [r[1:] for r in NEW], ids=[r[0] for r in NEW]
)
def test_new_problems(before: str, after: str, old: Found, now: Found, found: Found) -> None:
    """What was not said of a line before is new, also where the same was said of another line."""
    assert new(before, after, old, now) == found


def test_a_problem_goes_with_its_file() -> None:
    """A problem is the same under the new name of its file, and no other file's."""
    moved = [change("x\n", "y\n", "a.py", "b.py")]
    assert fresh([Problem("b.py", 1, "T201")], [Problem("a.py", 1, "T201")], moved) == []
    other = Problem("c.py", 1, "T201")
    assert fresh([other], [Problem("a.py", 1, "T201")], moved) == [other]


def test_a_file_in_the_place_of_another_has_problems_of_its_own() -> None:
    """What was wrong with a file that is gone, or elsewhere now, excuses nothing in the one that has its name."""
    there, lines = Problem("a.py", 1, "T201"), ["x\n"]
    gone = file_change("delete", "file:///w/a.py", "a.py", lines, ())
    made = file_change("create", "file:///w/a.py", "a.py", (), lines)
    assert fresh([there], [there], [gone, change("x\n", "x\n", "b.py", "a.py")]) == [there]
    moved = [change("x\n", "x\n", "a.py", "b.py"), made]
    assert fresh([there], [there], moved) == [there]
    assert fresh([there._replace(path="b.py")], [there], moved) == []


def test_an_old_problem_of_a_file_that_was_left_alone() -> None:
    """A file that the change does not touch keeps its problems where they are."""
    there = Problem("c.py", 2, "area is long")
    assert fresh([there], [there], [change(AREA, SIZE)]) == []
    renamed = there._replace(text="size is long")
    assert fresh([renamed], [there], [change(AREA, SIZE)]) == []
    elsewhere = there._replace(line=3)
    assert fresh([elsewhere], [there], [change(AREA, SIZE)]) == [elsewhere]


LINES = st.lists(st.sampled_from(["area(1)", "size(1)", "a = b", "", "pass"]), max_size=12)
MESSAGES = st.sampled_from(
    ["T201 `print` found", "E501 Line too long (90 > 88)", "F821 Undefined name `area`"]
)


@given(st.data(), LINES, LINES)
def test_one_problem_more_is_always_found(data: st.DataObject, before: list[str], after: list[str]) -> None:
    """Any change carries old problems along, line by line; of one more than there was, exactly one is new."""
    made = change("".join(f"{line}\n" for line in before), "".join(f"{line}\n" for line in after))
    carried = {0: 0, **carried_lines(made)}
    places = data.draw(st.lists(st.sampled_from(sorted(carried)), max_size=8))
    old = [Problem("a.py", place, data.draw(MESSAGES)) for place in places]
    now = [problem._replace(line=carried[problem.line]) for problem in old]
    assert fresh(now, old, [made]) == []
    one_more = Problem("a.py", data.draw(st.integers(0, len(after))), data.draw(MESSAGES))
    assert len(fresh([*now, one_more], old, [made])) == 1


def carried_lines(made: FileChange) -> dict[int, int]:
    """The lines that are left, or replaced one by one, from 1, and where they are after the change."""
    carried = {}
    for block in equal_blocks(made.before, made.after):
        for row in range(1, block.length + 1):
            carried[block.start + row] = block.new_start + row
    for hunk, new in zip(made.hunks, inverse(made).hunks, strict=True):
        if len(hunk.before) == len(hunk.after):
            carried |= {hunk.start + row: new.start + row for row in range(1, len(hunk.before) + 1)}
    return carried
