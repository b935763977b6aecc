"""Problems are found in what checkers print."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.core.problems import Problem, told_in

ROWS = [
    ("a.py:3:5: F401 `os` imported but unused", Problem("a.py", 3, "F401 `os` imported but unused")),
    ('a.py:3: error: Name "x" is not defined', Problem("a.py", 3, 'error: Name "x" is not defined')),
    ('  ./a.py:3:5 - error: "x" is unknown', Problem("a.py", 3, 'error: "x" is unknown')),
    ("a.ts(3,5): error TS2304: Cannot find", Problem("a.ts", 3, "error TS2304: Cannot find")),
    ("\x1b[31ma.py:3: boom\x1b[0m", Problem("a.py", 3, "boom")),
    (
        "error[E0308]: mismatched types\n --> a.rs:3:5\n  |",
        Problem("a.rs", 3, "error[E0308]: mismatched types"),
    ),
    ("F401 [*] unused\n --> a.py:3:5\n  |", Problem("a.py", 3, "F401 [*] unused")),
    ("FAILED a.py::test_x[1-2] - assert 1 == 2", Problem("", 0, "FAILED a.py::test_x[1-2]")),
    ("ERROR a.py", Problem("", 0, "ERROR a.py")),
    ("FAIL: test_x (pkg.Case.test_x)", Problem("", 0, "FAIL: test_x (pkg.Case.test_x)")),
    (
        json.dumps([{"filename": "a.py", "location": {"row": 3}, "code": "F401", "message": "unused"}]),
        Problem("a.py", 3, "F401 unused"),
    ),
    (
        json.dumps(
            {"list": [{"file": "a.py", "range": {"start": {"line": 3}}, "message": "no", "rule": "r"}]}
        ),
        Problem("a.py", 3, "r no"),
    ),
    (
        json.dumps([{"filePath": "a.js", "messages": [{"line": 3, "message": "no", "ruleId": "semi"}]}]),
        Problem("a.js", 3, "semi no"),
    ),
]


@pytest.mark.parametrize(("output", "problem"), ROWS, ids=[row[0][:20] for row in ROWS])
def test_what_checkers_print(output: str, problem: Problem) -> None:
    """Each form that a checker has gives one problem."""
    assert told_in(output, lambda path: path in ("a.py", "a.ts", "a.rs", "a.js")).problems == (problem,)


@pytest.mark.parametrize(
    "output",
    ["", "all well", "12:30: lunch", "http://a:80: x", "see b.py:3: no file here", "{broken", "[" * 9999],
)
def test_other_words_are_no_problems(output: str) -> None:
    """What names no file of the folder is prose, a clock or an address."""
    assert told_in(output, lambda path: path == "a.py").problems == ()


@given(st.text(alphabet='a.py:3(,)-> \n[]{}"', max_size=200))
def test_anything_may_be_printed(output: str) -> None:
    """No output is an error, and a problem has a file that there is or none."""
    told = told_in(output, lambda path: path == "a.py")
    assert all(problem.path in ("a.py", "") for problem in told.problems)
